// Which room may import what: dependencies point down only, and each foreign library has one home.

import Testing

@Suite("Rooms") struct RoomsTests {
    /// From the ground up; a room depends only on rooms of lower floors.
    static let floors: [[String]] = [
        ["CPlatform", "CSimulation", "CLibpq", "CYAML", "CSQLite"],
        ["PatroniCore"],
        ["PatroniPlatform", "PatroniPorts"],
        ["PatroniConfiguration"],
        ["PatroniPostgres"],
        ["PatroniLoop"],
        // The loop and the simulator know nothing of HTTP.
        ["PatroniHTTP", "PatroniSimulation"],
        ["PatroniDCS", "PatroniAPI"],
        ["PatroniAgent", "PatroniControl"],
        ["patroni", "patronictl", "patroni_simulator"],
    ]

    /// Harmless in every room but the core.
    static let everywhere: Set = ["Glibc", "Synchronization", "FoundationEssentials", "Logging"]

    /// The libraries that have one home each, or few.
    static let homes: [String: Set<String>] = [
        "CPlatform": ["PatroniPlatform"],
        "CSimulation": ["PatroniSimulation"],
        "CLibpq": ["PatroniPostgres"],
        "CYAML": ["PatroniConfiguration"],
        "CSQLite": ["PatroniDCS"],
        "Subprocess": ["PatroniPostgres", "PatroniAgent", "PatroniControl"],
        "SystemPackage": ["PatroniPostgres", "PatroniAgent", "PatroniControl"],
        "ArgumentParser": ["PatroniAgent", "PatroniControl", "PatroniSimulation"],
        "Dispatch": ["PatroniPlatform"],
        "NIOCore": ["PatroniHTTP"], "NIOPosix": ["PatroniHTTP"], "NIOHTTP1": ["PatroniHTTP"],
        "NIOSSL": ["PatroniHTTP"], "AsyncHTTPClient": ["PatroniHTTP"], "NIOFoundationEssentialsCompat": ["PatroniHTTP"],
        "NIOConcurrencyHelpers": ["PatroniHTTP"],
    ]

    static let floor: [String: Int] = Dictionary(
        uniqueKeysWithValues: floors.enumerated().flatMap { floor in floor.element.map { ($0, floor.offset) } })

    struct Import: CustomStringConvertible {
        var file: SourceFile
        var module: String
        var description: String { "\(file) imports \(module)" }
    }

    static func imports(of files: [SourceFile]) -> [Import] {
        files.flatMap { file in
            file.lines.filter { $0.contains("import ") }.compactMap { line in
                line.firstMatch(
                    of:
                        #/^\s*(?:@\w+(?:\(\w+\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:(?:struct|enum|class|protocol|func|var|typealias)\s+)?(\w+)/#
                ).map { Import(file: file, module: String($0.1)) }
            }
        }
    }

    @Test func `nothing imports Foundation`() {
        for found in Self.imports(of: SourceTree.sources + SourceTree.tests) {
            #expect(!found.module.hasSuffix("Foundation"), "\(found): 45 MB of binary; FoundationEssentials will do")
        }
    }

    @Test func `the core imports nothing`() {
        for found in Self.imports(of: SourceTree.sources) where found.file.room == "PatroniCore" {
            Issue.record("\(found): the core has no I/O, no clock and no library")
        }
    }

    @Test func `imports point down and every library stays in its home`() {
        for found in Self.imports(of: SourceTree.sources) where found.file.room != "PatroniCore" {
            let own = Self.floor[found.file.room]
            #expect(own != nil, "\(found.file): the room \(found.file.room) has no floor in RoomsTests")
            if let homes = Self.homes[found.module] {
                #expect(homes.contains(found.file.room), "\(found): its home is \(homes.sorted())")
            } else if let theirs = Self.floor[found.module] {
                #expect(theirs < own ?? 0, "\(found): dependencies point down only")
            } else {
                #expect(Self.everywhere.contains(found.module), "\(found): a library without a home in RoomsTests")
            }
        }
    }

    @Test func `the targets of Package swift depend on lower floors only`() throws {
        let package = try #require(SourceTree.file("Package.swift")).text
        let target = #/(?:room|door)\(\s*"(\w+)"(?:,\s*(\[[^\]]*\]|"\w+"))?/#
        var seen: Set<String> = []
        for match in package.matches(of: target) {
            let name = String(match.1)
            seen.insert(name)
            let own = try #require(Self.floor[name], "\(name) has no floor in RoomsTests")
            for dependency in (match.2 ?? "").matches(of: #/"(\w+)"/#) {
                let theirs = try #require(
                    Self.floor[String(dependency.1)], "\(dependency.1) has no floor in RoomsTests")
                #expect(theirs < own, "\(name) depends on \(dependency.1), which is not below it")
            }
        }
        let rooms = Set(Self.floors.joined().filter { !$0.hasPrefix("C") })
        #expect(seen == rooms)
    }
}
