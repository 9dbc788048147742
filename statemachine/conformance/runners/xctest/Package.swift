// swift-tools-version:5.9
// The test stands beside this file: `swift test`.
import PackageDescription

let package = Package(
    name: "Conformance",
    targets: [
        .testTarget(name: "ConformanceTests", path: ".", exclude: ["Package.swift"])
    ]
)
