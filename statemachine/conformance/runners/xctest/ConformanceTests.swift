// Plays the kit's vectors on an engine of your own, in XCTest. To copy, and to change: give `engine()` and `codec()` yours.
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

/// The wire, read and written: decode, encode, request and reply, as MESSAGES.md describes them.
protocol Codec {
    func answer(operation: String, asked: Json) throws -> Json
}

final class ConformanceTests: XCTestCase {

    /// Your engine.
    func engine() throws -> Engine {
        throw XCTSkip("give ConformanceTests.engine() your engine")
    }

    /// Your codec; nil where you have none.
    func codec() throws -> Codec? { nil }

    /// What it can beyond the core; vectors that need more are left out.
    let features: Set<String> = [
        "background", "entries", "files", "follow", "forms", "push", "reattach", "receipts", "secure_forms", "snapshot",
        "typing", "v1",
    ]

    func testVectors() throws {
        for vector in try vectors(in: "engine") where features.isSuperset(of: vector["requires"] as? [String] ?? []) {
            let id = vector["id"] as? String ?? "?"
            try XCTContext.runActivity(named: id) { _ in
                let play = Play(vector: vector, engine: try engine())
                if let fault = try play.run() { XCTFail("\(id): \(fault)") }
            }
        }
    }

    /// A difference that rests on an inference fails nothing.
    func testCodecVectors() throws {
        guard let codec = try codec() else { throw XCTSkip("no codec") }
        for vector in try vectors(in: "codec") where vector["level"] as? String == "must" {
            let id = vector["id"] as? String ?? "?"
            let shown = try codec.answer(operation: vector["op"] as? String ?? "", asked: vector["ask"] as? Json ?? [:])
            XCTAssertEqual(vector["answer"] as? NSDictionary, shown as NSDictionary, id)
        }
    }

    private func vectors(in name: String) throws -> [Json] {
        let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../vectors/\(name)").standardized
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted(by: { $0.path < $1.path }).flatMap {
            try JSONSerialization.jsonObject(with: Data(contentsOf: $0)) as? [Json] ?? []
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
    private var agreeing = true
    private var owed: [Int: String] = [:]
    private var told: Set<String> = []

    init(vector: Json, engine: Engine) {
        self.vector = vector
        self.engine = engine
    }

    private var config: Json { vector["config"] as? Json ?? [:] }

    /// The first fault, or nil.
    func run() throws -> String? {
        _ = try engine.begin(at: vector["at"] as? Int ?? 0, config: config)
        for (index, step) in (vector["steps"] as? [Json] ?? []).enumerated() {
            let expect = step["expect"] as? Json ?? [:], shown = try take(step)
            if let fault = agree(expect, shown, step["should"] as? [String] ?? []) { return "step \(index + 1): \(fault)" }
            if shown["refused"] != nil { continue }
            if let broken = brokenLaw(step, shown) { return "step \(index + 1): \(broken)" }
        }
        return nil
    }

    /// What rests on an inference binds nobody: after a difference in it, only the laws hold for the rest.
    private func agree(_ expect: Json, _ shown: Json, _ inferred: [String]) -> String? {
        if !agreeing {
            for name in ["commands", "updates"] { bindPairs(transcript(expect[name]), transcript(shown[name])) }
            return nil
        }
        for fault in differences(expect, shown) {
            if !inferred.contains(fault.member) { return "\(fault.member): \(fault.text)" }
            agreeing = false
        }
        return nil
    }

    /// L6: returned are the commands that are newly owed. L7: one poll, one reading, one post. L13: delivered once.
    private func brokenLaw(_ step: Json, _ shown: Json) -> String? {
        let before = step["event"] == nil ? [:] : owed
        var returned: [Int: String] = [:]
        for command in transcript(shown["commands"]) {
            if let id = command["id"] as? Int { returned[id] = command["type"] as? String }
        }
        var now: [Int: String] = [:]
        for id in shown["owed"] as? [Int] ?? [] {
            guard let type = returned[id] ?? before[id] else { return "L6: command \(id) is owed, but was never returned" }
            now[id] = type
        }
        let new = Set(now.keys).subtracting(before.keys)
        if new != Set(returned.keys) { return "L6: returned \(returned.keys.sorted()), new in owed \(new.sorted())" }
        for type in ["poll", "read_history", "post"] where now.values.filter({ $0 == type }).count > 1 {
            return "L7: more than one \(type)"
        }
        owed = now
        if step["follow"] != nil { told.removeAll() }
        if config["window"] != nil { return nil }  // a small window may deliver an old entry again
        for update in transcript(shown["updates"]) where update["type"] as? String == "received" {
            let entry = update["entry"] as? Json ?? [:], id = entry["msg_id"] as? String ?? ""
            if id.isEmpty || id == "null" { continue }
            let key = "\(entry["type"] ?? "") \(update["own"] ?? false) \(id)"
            if !told.insert(key).inserted { return "L13: delivered twice: \(entry)" }
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

    private func differences(_ expect: Json, _ shown: Json) -> [(member: String, text: String)] {
        if (expect["refused"] == nil) != (shown["refused"] == nil) {
            return [("refused", "\(expect["refused"] ?? "none"), not \(shown["refused"] ?? "none")")]
        }
        if expect["refused"] != nil { return [] }
        var found: [(member: String, text: String)] = []
        for name in ["phase", "outcome", "deadline"] where !same(expect[name], shown[name]) {
            found.append((name, "\(expect[name] ?? "none"), not \(shown[name] ?? "none")"))
        }
        for name in ["commands", "updates"] {
            if let text = difference(transcript(expect[name]), transcript(shown[name])) { found.append((name, text)) }
        }
        return found
    }

    private func difference(_ wanted: [Json], _ shown: [Json]) -> String? {
        if wanted.count != shown.count { return "\(wanted), not \(shown)" }
        for (one, other) in zip(wanted, shown) {
            guard bind(one, other) else { return "one id for two things, or two ids for one: \(one), and \(other)" }
            var mine = renamed(other, ours) as? Json ?? [:]
            if let id = mine["id"] as? AnyHashable { mine["id"] = ours[id] ?? id }
            if !same(one, mine) { return "\(one), not \(mine)" }
        }
        return nil
    }

    /// The ids of the outputs that correspond to each other.
    private func bindPairs(_ wanted: [Json], _ shown: [Json]) {
        for (one, other) in zip(wanted, shown) where same(one["type"], other["type"]) { _ = bind(one, other) }
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

    private func transcript(_ some: Any?) -> [Json] {  // an engine may note anomalies otherwise
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
