// Plays the kit's vectors on an engine of your own, in XCTest. To copy, and to change: give `engine()` yours.
//
// The vectors are read from the archive's folder `vectors`, as this file lies in it. What is compared, and what is not, is
// said in MESSAGES.md.

import Foundation
import XCTest

typealias Json = [String: Any]

/// What is put to the test.
protocol Engine {
    func begin(at: Int, config: Json) throws -> Json
    func step(event: Json) throws -> Json
    func snapshot() throws -> Any
    func restore(snapshot: Any) throws -> Json
}

final class ConformanceTests: XCTestCase {

    /// Your engine.
    func engine() throws -> Engine {
        throw XCTSkip("give ConformanceTests.engine() your engine")
    }

    /// What it can beyond the core; vectors that need more are left out.
    let features: Set<String> = [
        "background", "entries", "files", "follow", "forms", "push", "reattach", "receipts", "secure_forms", "snapshot",
        "typing", "v1",
    ]

    func testVectors() throws {
        let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../vectors/engine").standardized
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        for file in files.sorted(by: { $0.path < $1.path }) {
            let vectors = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [Json] ?? []
            for vector in vectors where features.isSuperset(of: vector["requires"] as? [String] ?? []) {
                let id = vector["id"] as? String ?? "?"
                try XCTContext.runActivity(named: id) { _ in
                    let play = Play(vector: vector, engine: try engine())
                    if let fault = try play.run() { XCTFail("\(id): \(fault)") }
                }
            }
        }
    }
}

/// One vector, played. Ids need not be equal, only used consistently: ours stand for theirs from then on.
private final class Play {
    private let vector: Json
    private let engine: Engine
    private var theirs: [AnyHashable: AnyHashable] = [:]
    private var ours: [AnyHashable: AnyHashable] = [:]
    private var former: Any?

    init(vector: Json, engine: Engine) {
        self.vector = vector
        self.engine = engine
    }

    private var config: Json { vector["config"] as? Json ?? [:] }

    /// What is wrong, or nil.
    func run() throws -> String? {
        _ = try engine.begin(at: vector["at"] as? Int ?? 0, config: config)
        for (index, step) in (vector["steps"] as? [Json] ?? []).enumerated() {
            let inferred = step["should"] as? [String] ?? []
            if let fault = compare(step["expect"] as? Json ?? [:], try take(step)) {
                // What rests on an inference binds nobody. Where an engine differs in it, the rest does not either.
                return inferred.contains(fault.member) ? nil : "step \(index + 1): \(fault.member): \(fault.text)"
            }
        }
        return nil
    }

    private func take(_ step: Json) throws -> Json {
        if step["reload"] != nil { return try engine.restore(snapshot: engine.snapshot()) }
        if let at = step["follow"] as? Int {
            former = try engine.snapshot()
            return try engine.begin(at: at, config: config)
        }
        var event = renamed(step["event"] as? Json ?? [:], theirs) as? Json ?? [:]
        if let command = event["command"] as? AnyHashable { event["command"] = theirs[command] ?? command }
        if let before = former, ["request_chat", "reattach"].contains(event["type"] as? String) {
            event["after"] = before
            former = nil
        }
        return try engine.step(event: event)
    }

    private func compare(_ expect: Json, _ shown: Json) -> (member: String, text: String)? {
        if (expect["refused"] == nil) != (shown["refused"] == nil) {
            return ("refused", "\(expect["refused"] ?? "none"), not \(shown["refused"] ?? "none")")
        }
        if expect["refused"] != nil { return nil }
        for name in ["phase", "outcome", "deadline"] where !same(expect[name], shown[name]) {
            return (name, "\(expect[name] ?? "none"), not \(shown[name] ?? "none")")
        }
        for name in ["commands", "updates"] {
            let wanted = transcript(expect[name]), found = transcript(shown[name])
            if wanted.count != found.count { return (name, "\(wanted), not \(found)") }
            for (one, other) in zip(wanted, found) {
                guard bind(one, other) else { return (name, "an id is used for two things in \(other)") }
                var mine = renamed(other, ours) as? Json ?? [:]
                if let id = mine["id"] as? AnyHashable { mine["id"] = ours[id] ?? id }
                if !same(one, mine) { return (name, "\(one), not \(mine)") }
            }
        }
        return nil
    }

    private func bind(_ mine: Json, _ other: Json) -> Bool {
        for key in ["id", "item"] {
            guard let one = mine[key] as? AnyHashable else { continue }
            guard let two = other[key] as? AnyHashable else { return false }
            if theirs[one, default: two] != two || ours[two, default: one] != one { return false }
            theirs[one] = two
            ours[two] = one
        }
        return true
    }

    private func transcript(_ some: Any?) -> [Json] {
        (some as? [Json] ?? []).filter { $0["type"] as? String != "anomaly" }
    }
}

private func same(_ one: Any?, _ other: Any?) -> Bool {
    let first = one is NSNull ? nil : one as? NSObject
    let second = other is NSNull ? nil : other as? NSObject
    return first == second
}

private func renamed(_ value: Any, _ names: [AnyHashable: AnyHashable]) -> Any {
    if let object = value as? Json { return object.mapValues { renamed($0, names) } }
    if let array = value as? [Any] { return array.map { renamed($0, names) } }
    if let text = value as? String { return names[text] ?? text }
    return value
}
