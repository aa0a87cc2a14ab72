// The house rules, as far as a machine can check them (CONTRIBUTING.md says why they exist).

import Testing

@Suite("House rules") struct HouseRulesTests {
    @Test func `the tree is found`() {
        #expect(SourceTree.sources.count > 10)
        #expect(SourceTree.tests.contains { $0.path == "Tests/TidyTests/HouseRulesTests.swift" })
    }

    @Test func `every file begins with a line that says what it is for`() {
        for file in SourceTree.sources + SourceTree.tests {
            let first = file.lines.first ?? ""
            let isHeader = first.hasPrefix("// ") && first.count > 15
            #expect(
                isHeader || first.hasPrefix("// swift-tools-version"),
                "\(file): the first line must be a // comment that says what the file is for")
        }
    }

    @Test func `no file is longer than 400 lines`() {
        for file in SourceTree.sources + SourceTree.tests where Allowed.longFiles[file.path] == nil {
            let length = file.lines.count - 1
            #expect(length <= 400, "\(file) has \(length) lines: split it by idea")
        }
    }

    @Test func `no function is longer than 70 lines`() {
        for file in SourceTree.sources + SourceTree.tests {
            for function in SwiftText.functions(in: file.text) where function.length > 70 {
                #expect(
                    Allowed.longFunctions["\(file.path) \(function.name)"] != nil,
                    "\(file):\(function.line): \(function.name) has \(function.length) lines: say it in smaller steps")
            }
        }
    }

    @Test(arguments: ForbiddenWord.all)
    func `dangerous words stand only where a reason is given`(_ rule: ForbiddenWord) {
        for file in SourceTree.sources where !rule.rooms.contains(file.room) {
            if Allowed.words[rule.name]?[file.path] != nil { continue }
            for line in file.codeLines(where: rule.matches) {
                Issue.record("\(line)\n  \(rule.name): \(rule.why)")
            }
        }
    }

    @Test func `an exception that is no longer needed is removed`() {
        for rule in ForbiddenWord.all {
            for path in (Allowed.words[rule.name] ?? [:]).keys {
                let isUsed = SourceTree.file(path).map { !$0.codeLines(where: rule.matches).isEmpty } ?? false
                #expect(isUsed, "Allowed.words[\(rule.name)] names \(path), which does not need it")
            }
        }
    }

    @Test func `master is said only where an old spelling is quoted`() {
        let word = "mas" + "ter"
        for file in SourceTree.everything where Allowed.oldRoleName[file.path] == nil && file.room != "TidyTests" {
            for (offset, line) in file.lines.enumerated() where line.lowercased().contains(word) {
                let rest = Allowed.quotedOldSpellings.reduce(line.lowercased()) { $0.replacing($1, with: "") }
                if rest.contains(word) { Issue.record("\(file):\(offset + 1): say primary: \(line.trimmed)") }
            }
        }
    }

    @Test func `no file names a path of one machine`() {
        let paths = ["/wor" + "k/", "/opt/" + "swift", "/ro" + "ot/", "/var/tmp/" + "patroni-lab", "/ho" + "me/user"]
        for file in SourceTree.everything {
            for (offset, line) in file.lines.enumerated() where paths.contains(where: { line.contains($0) }) {
                Issue.record("\(file):\(offset + 1): names a path of one machine: \(line.trimmed)")
            }
        }
    }

    @Test func `a place holder is gone when its room has files`() {
        for file in SourceTree.sources + SourceTree.tests
        where file.path.hasSuffix("/Room.swift") || file.path.hasSuffix("/Placeholder.swift") {
            let others = (SourceTree.sources + SourceTree.tests).filter { $0.room == file.room && $0.path != file.path }
            #expect(others.isEmpty, "\(file): remove it, the room has files of its own")
        }
    }
}

/// Something the code must not say, and where it may.
struct ForbiddenWord: Sendable, CustomTestStringConvertible {
    var name: String
    var why: String
    /// Rooms that exist for exactly this.
    var rooms: Set<String> = []
    var matches: @Sendable (Substring) -> Bool

    var testDescription: String { name }

    static func anyOf(_ words: String...) -> @Sendable (Substring) -> Bool {
        { line in words.contains { line.contains($0) } }
    }

    static let all: [ForbiddenWord] = [
        ForbiddenWord(
            name: "clock", why: "take a TimeSource, or a Moment as a value; only PatroniPlatform reads a clock",
            rooms: ["PatroniPlatform"],
            matches: anyOf(
                "ContinuousClock", "SuspendingClock", "Date()", "Date.now", "clock_gettime", "gettimeofday",
                "time(nil)", "Task.sleep", "DispatchTime", "NIODeadline.now", "usleep(", "nanosleep(")),
        ForbiddenWord(
            name: "randomness", why: "take it as a parameter; only PatroniPlatform draws random numbers",
            rooms: ["PatroniPlatform"],
            matches: anyOf(
                ".random(", "SystemRandomNumberGenerator", "UUID()", "getrandom", ".shuffled()", ".randomElement()",
                "arc4random")),
        ForbiddenWord(
            name: "trap", why: "say what is wrong with a typed error, or make the case impossible",
            matches: { line in
                line.contains("fatalError(")
                    || line.utf8.contains(UInt8(ascii: "!"))
                        && line.firstMatch(of: #/[A-Za-z0-9_\)\]>]!(?![=])/#) != nil
            }),
        ForbiddenWord(
            name: "unchecked", why: "the compiler cannot see that it is safe; if it is, name the file here and say why",
            matches: anyOf("@unchecked", "nonisolated(unsafe)", "unsafeBitCast", "@preconcurrency import")),
        ForbiddenWord(
            name: "Any", why: "an enum or a generic says what it may be",
            matches: { $0.contains("Any") && $0.firstMatch(of: #/(^|[^A-Za-z_])Any([^A-Za-z_]|$)/#) != nil }),
        ForbiddenWord(
            name: "print", why: "the agent logs; only the control command writes to standard output",
            rooms: ["PatroniControl", "patroni", "patronictl"],
            matches: { $0.contains("print(") && $0.firstMatch(of: #/(^|[^A-Za-z_.])print\(/#) != nil }),
    ]
}
