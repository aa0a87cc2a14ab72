// swift-tools-version: 6.2
import PackageDescription

// The house: one target a room, dependencies point down only (ARCHITECTURE.md draws it, TidyTests checks it).

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let http: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "AsyncHTTPClient", package: "async-http-client"),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func door(_ name: String, _ room: Target.Dependency) -> Target {
    .executableTarget(name: name, dependencies: [room], swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "patroni",
    products: [
        .executable(name: "patroni", targets: ["patroni"]),
        .executable(name: "patronictl", targets: ["patronictl"]),
        .executable(name: "patroni-simulator", targets: ["patroni_simulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
    ],
    targets: [
        door("patroni", "PatroniAgent"),
        door("patronictl", "PatroniControl"),
        door("patroni_simulator", "PatroniSimulation"),

        room(
            "PatroniControl",
            ["PatroniAPI", "PatroniDCS", "PatroniPorts", "PatroniConfiguration", argumentParser, logging]),
        room(
            "PatroniAgent",
            [
                "PatroniLoop", "PatroniAPI", "PatroniDCS", "PatroniPostgres", "PatroniConfiguration", argumentParser,
                logging,
            ]),
        room("PatroniAPI", ["PatroniHTTP", "PatroniPorts", "PatroniConfiguration", logging]),
        room("PatroniDCS", ["PatroniHTTP", "PatroniPorts", "PatroniConfiguration", "CSQLite", logging]),
        room("PatroniSimulation", ["PatroniLoop", "CSimulation", argumentParser, logging]),
        room("PatroniLoop", ["PatroniPorts", "PatroniPostgres", "PatroniConfiguration", logging]),
        room(
            "PatroniPostgres",
            ["PatroniPlatform", "PatroniConfiguration", "CLibpq", logging, subprocess, systemPackage]),
        room("PatroniHTTP", ["PatroniPlatform", "PatroniConfiguration", logging] + http),
        room("PatroniConfiguration", ["PatroniPlatform", "CYAML"]),
        room("PatroniPlatform", ["PatroniCore", "CPlatform", logging]),
        room("PatroniPorts", ["PatroniCore"]),
        room("PatroniCore"),

        .target(name: "CPlatform"),
        .target(name: "CSimulation"),
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        .target(
            name: "KubernetesTestServer", dependencies: ["PatroniHTTP", "PatroniPlatform", "PatroniCore"] + http,
            path: "Tests/KubernetesTestServer", swiftSettings: settings),
        .testTarget(
            name: "KubernetesTestServerTests",
            dependencies: [
                "KubernetesTestServer", "PatroniHTTP", "PatroniConfiguration", "PatroniPlatform", "PatroniCore",
            ],
            exclude: ["Recordings"], swiftSettings: settings),
        tests("PatroniCoreTests", ["PatroniCore"]),
        tests("PatroniPlatformTests", ["PatroniPlatform"]),
        tests("PatroniConfigurationTests", ["PatroniConfiguration"]),
        tests("PatroniDCSTests", ["PatroniSimulation", "PatroniDCS", "KubernetesTestServer"]),
        tests("PatroniPostgresTests", ["PatroniPostgres", "PatroniSimulation"]),
        tests("PatroniHTTPTests", ["PatroniHTTP"] + http),
        tests("PatroniAPITests", ["PatroniAPI"]),
        tests("PatroniAgentTests", ["PatroniAgent", logging]),
        tests("PatroniControlTests", ["PatroniControl"]),
        tests(
            "IntegrationTests",
            [
                "patroni", "patronictl", "KubernetesTestServer", "PatroniConfiguration", "PatroniCore",
                "PatroniPlatform",
                subprocess, systemPackage,
            ]),
        tests("SimulationTests", ["PatroniSimulation", "PatroniPostgres", "PatroniPlatform", "PatroniCore"]),
        tests("TidyTests", ["PatroniCore", "PatroniConfiguration"]),
    ]
)
