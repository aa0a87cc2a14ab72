// YAML 1.1 in and out. The golden texts were written by PyYAML 6.

import PatroniCore
import Testing

@testable import PatroniConfiguration

@Suite struct YAMLTests {
    static let golden = #"""
        b: true
        big: 1.0e+16
        f: 1.5
        long: word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word
          word word word word word word word word word word end
        loop_wait: 10
        pause: null
        postgresql:
          empty: {}
          nested:
          - - 1
            - - 2
          - a: 1
            b:
            - c: 2
          none: []
          parameters:
            archive_command: test ! -f /a/%f && cp %p /a/%f
            max_connections: 100
            work_mem: 8MB
          pg_hba:
          - host all all 0.0.0.0/0 md5
        s:
        - a
        - 'on'
        - '1'
        - '1.5'
        - '0644'
        - '~'
        - ''
        - 'a: b'
        - 'a #b'
        - '- x'
        - it's
        - 'x:'
        - '2026-11-21'
        - '<<'
        - '='
        - -.5
        - ' lead'
        - 'multi

          line'
        - "tab\tx"
        - é
        - '#c'
        - '*a'
        - '@x'
        - '%x'
        - 1e3
        - '.inf'
        ttl: 30

        """#

    static let value: JSON = [
        "loop_wait": 10, "ttl": 30, "pause": nil, "f": 1.5, "big": 1e16, "b": true,
        "s": [
            "a", "on", "1", "1.5", "0644", "~", "", "a: b", "a #b", "- x", "it's", "x:", "2026-11-21", "<<", "=", "-.5",
            " lead", "multi\nline", "tab\tx", "é", "#c", "*a", "@x", "%x", "1e3", ".inf",
        ],
        "postgresql": [
            "parameters": [
                "max_connections": 100, "archive_command": "test ! -f /a/%f && cp %p /a/%f", "work_mem": "8MB",
            ],
            "pg_hba": ["host all all 0.0.0.0/0 md5"], "empty": [:], "none": [],
            "nested": [[1, [2]], ["a": 1, "b": [["c": 2]]]],
        ],
        "long": .string(String(repeating: "word ", count: 50) + "end"),
    ]

    @Test func `it writes what PyYAML writes`() {
        #expect(YAML.text(Self.value) == Self.golden)
        #expect(
            YAML.text(["a": true, "n": "x, y", "z": [1, "b"]], style: .flow) == "{a: true, n: 'x, y', z: [1, b]}\n")
    }

    @Test func `it reads what it writes`() throws {
        #expect(try YAML.parse(Self.golden) == Self.value)
    }

    static let words: [(String, JSON)] = [
        ("on", true), ("Off", false), ("yes", true), ("NO", false), ("y", "y"), ("null", nil), ("~", nil), ("", nil),
        ("0644", 420), ("0o17", "0o17"), ("08", "08"), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("-5", -5),
        ("+7", 7), ("1:30", 90), ("1:30:00", 5400), ("1:60", "1:60"), ("1.5", 1.5), ("1e3", "1e3"), ("1.0e+3", 1000.0),
        (".5", 0.5), ("-.5", "-.5"), ("-.inf", .double(-.infinity)), ("1:30.5", 90.5), ("2026-11-21", "2026-11-21"),
        ("'on'", "on"), ("\"1\"", "1"), ("!!str 1", "1"), ("!!int '7'", 7), ("127.0.0.1:8008", "127.0.0.1:8008"),
        ("[a, 1, {b: c}]", ["a", 1, ["b": "c"]]),
    ]

    @Test(arguments: words)
    func `plain words follow YAML 1.1`(text: String, value: JSON) throws {
        #expect(try YAML.parse("key: \(text)\n") == ["key": value])
    }

    @Test func `keys keep their order`() throws {
        #expect(try YAML.parse("z: 1\na: 2\nm: 3").object?.keys == ["z", "a", "m"])
    }

    @Test func `keys that are no texts become texts`() throws {
        #expect(try YAML.parse("1: a\non: b\n~: c").object?.keys == ["1", "true", "null"])
    }

    @Test func `merge keys lay a table under its own entries`() throws {
        let text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 9}\ntwo: {<<: [*b, *m]}"
        let value = try YAML.parse(text)
        #expect(value["one"] == ["x": 1, "y": 9])
        #expect(value["two"] == ["x": 1, "y": 2, "z": 4])
    }

    static let malformed: [(String, Int, Int)] = [
        ("a: b: c", 1, 5), ("a: 1\n b: 2", 2, 3), ("a: [1, 2", 2, 1), ("a: *nobody", 1, 4), ("a: 'x", 1, 6),
        ("a: &x [*x]", 1, 8), ("a: !!python/object x", 1, 4), ("[a]: 1", 1, 1), ("a: 1\n---\nb: 2", 2, 1),
        ("<<: 5", 1, 5), ("\tx: 1", 1, 1), ("a: !!int x", 1, 4),
    ]

    @Test(arguments: malformed)
    func `an error names its place`(text: String, line: Int, column: Int) {
        do throws(YAMLError) {
            _ = try YAML.parse(text, source: "file.yml")
            Issue.record("'\(text)' was read")
        } catch {
            #expect(error.line == line && error.column == column, "\(error)")
            #expect(error.description.hasPrefix("file.yml:"))
        }
    }

    @Test func `aliases can't blow up the memory`() {
        var text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
        for level in 1...12 {
            let items = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        #expect(throws: YAMLError.self) { try YAML.parse(text) }
    }

    @Test func `nesting is bounded`() {
        for opening in ["[", "{a: ", "- ", "? "] {
            #expect(throws: YAMLError.self) { try YAML.parse(String(repeating: opening, count: 100_000)) }
        }
    }

    @Test func `no garbage crashes it`() {
        var state: UInt64 = 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let good = Array(Self.golden.utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0...next(6) {
                switch next(3) {
                case 0: bytes[next(bytes.count)] = UInt8(next(256))
                case 1: bytes.remove(at: next(bytes.count))
                default: bytes = Array(bytes.prefix(10 + next(bytes.count)))
                }
            }
            if let value = try? YAML.parse(bytes) { _ = YAML.text(value) }
        }
    }
}
