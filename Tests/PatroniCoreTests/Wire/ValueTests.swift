// JSON, log positions, timelines and dates: what is read, what is refused, what is written.

import Testing

@testable import PatroniCore

@Suite("JSON") struct JSONTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-7", "9223372036854775807", "\"\"", "[]", "{}",
        #"{"b":1,"a":[1,2.5,{"c":null}]}"#,
        #""a\"\\\b\f\n\r\t\u0000\u00e4\ud83d\ude00""#,
    ])
    func `what is written compactly is read and written the same`(_ text: String) throws {
        #expect(try JSON.parse(text).text() == text)
    }

    @Test func `an object behaves the same with few keys and with many`() {
        for size in [3, 16, 17, 100] {
            var object = JSONObject((1...size).map { ("key\($0)", JSON.int(Int64($0))) })
            object["key2"] = "two"
            object["key1"] = nil
            object["late"] = true
            #expect(object.keys == (2...size).map { "key\($0)" } + ["late"])
            #expect(object["key1"] == nil)
            #expect(object["key2"] == "two")
            #expect(object["key\(size)"] == .int(Int64(size)))
            let turned = JSONObject(object.pairs.reversed())
            #expect(turned == object)
            #expect(turned.hashValue == object.hashValue)
            object["late"] = false
            #expect(turned != object)
        }
    }

    @Test func `the REST API's style has blanks`() throws {
        #expect(try JSON.parse(#"{"a":[1,2],"b":{}}"#).text(.spaced) == #"{"a": [1, 2], "b": {}}"#)
    }

    @Test func `all but ASCII is escaped, as Python does`() {
        #expect(JSON.string("ä😀\u{7F}").text() == #""\u00e4\ud83d\ude00\u007f""#)
    }

    @Test func `white space is passed over, escapes are understood`() throws {
        #expect(try JSON.parse(" \t\r\n{ \"a\" : [ 1 , 2 ] } ") == ["a": [1, 2]])
        #expect(try JSON.parse(#""\/\u0041""#) == "A/".reversed)
    }

    @Test(arguments: [
        "", " ", "nul", "True", "NaN", "Infinity", "01x", "+1", "1e999", "-", ".", "\"", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{01}\"", "[", "[1", "[1,", "[1,]", "[1 2]", "{",
        "{1:2}", "{\"a\"",
        "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{} {}", "1 2", "'a'",
    ])
    func `what is no JSON is refused with its place`(_ text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test func `bytes that are no text are refused`() {
        #expect(throws: JSONError.self) { try JSON.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSON.parse([0x22, 0xC0, 0xAF, 0x22]) }
    }

    @Test func `nesting has an end`() throws {
        let deepest = JSON.maximumDepth
        _ = try JSON.parse(String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest))
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "[", count: 100_000)) }
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "{\"a\":", count: 100_000)) }
    }

    @Test func `the order of keys is kept, the last of two equal keys counts, equality does not mind the order`() throws
    {
        let object = try JSON.parse(#"{"b":1,"a":2,"b":3}"#).object
        #expect(object?.keys == ["b", "a"])
        #expect(object?["b"] == 3)
        #expect(try JSON.parse(#"{"a":1,"b":2}"#) == JSON.parse(#"{"b":2,"a":1}"#))
    }

    @Test func `a whole floating point number counts as a number`() {
        #expect(JSON.double(5).int == 5)
        #expect(JSON.double(5.5).int == nil)
        #expect(JSON.double(1e300).int == nil)
    }

    @Test func `any bytes at all end in a value or an error`() {
        var random = SeededRandom(seed: 4)
        let alphabet = Array(#"{}[]",:\u0123456789abcdeftrnl-+.E "#.utf8) + [0, 0x80, 0xC3, 0xFF]
        for _ in 0..<20_000 {
            let bytes = (0..<random.number(0...24)).map { _ in random.pick(alphabet) }
            if let value = try? JSON.parse(bytes) { #expect((try? JSON.parse(value.text())) == value) }
        }
    }
}

extension String {
    fileprivate var reversed: JSON { .string(String(self.reversed() as [Character])) }
}

@Suite("Log positions") struct PositionTests {
    @Test(
        arguments: [
            ("0/0", 0), ("0/3000110", 0x300_0110), ("16/B374D848", 0x16_B374_D848), ("FFFFFFFF/FFFFFFFF", UInt64.max),
            ("a/b", 0xA_0000_000B),
        ] as [(String, UInt64)])
    func `PostgreSQL's form is read and written`(_ text: String, _ value: UInt64) {
        #expect(LSN(text)?.rawValue == value)
        #expect(LSN(value).description == text.uppercased())
    }

    @Test(arguments: ["", "/", "0", "0/", "/0", "0/0/0", "g/0", "100000000/0", "0/ 1", "-1/0"])
    func `what is no position`(_ text: String) { #expect(LSN(text) == nil) }

    @Test func `lag is never negative`() {
        #expect(LSN(10).lag(behind: LSN(30)) == ByteCount(20))
        #expect(LSN(30).lag(behind: LSN(10)) == .zero)
        #expect(LSN(0).lag(behind: LSN(.max)) == ByteCount(.max))
    }

    @Test func `zero and less is no timeline`() {
        #expect(Timeline(number: 0) == nil)
        #expect(Timeline(number: -1) == nil)
        #expect(Timeline(number: 5_000_000_000) == nil)
        #expect(Timeline(number: 3) == Timeline(3))
    }
}

@Suite("Dates") struct DateTests {
    @Test(
        arguments: [
            ("2026-11-21T12:00:00+00:00", 0), ("2026-11-21 12:00:00Z", 0), ("2026-11-21T13:00+01:00", 0),
            ("2026-11-21T14:30:00+0230", 0), ("2026-11-21T07:00:00-05", 0), ("2026-11-21T12:00:01.5+00:00", 1_500_000),
            ("2026-11-21T12:00:00.123456789+00:00", 123_456), ("2026-11-21T12:00:00 +00:00", 0),
        ] as [(String, Int64)])
    func `dates with a zone`(_ text: String, _ microseconds: Int64) {
        let wanted = WallTime(microseconds: WallTime.noon.microseconds + microseconds)
        #expect(WallTime.parse(text) == .absolute(wanted))
    }

    @Test func `dates without a zone are told apart`() {
        guard case .local(let parts)? = WallTime.parse("2026-11-21T12:34") else { return #expect(Bool(false)) }
        #expect(parts.hour == 12)
        #expect(parts.minute == 34)
    }

    @Test(arguments: [
        "", "tomorrow", "2026-13-01", "2026-02-29", "2026-00-10", "2026-11-31", "2026-11-21T24:00", "2026-11-21T12:60",
        "2026-11-21T12:00:60Z", "2026-11-21T12:00:00.Z", "2026-11-21T12:00:00+25:00", "2026-11-21T12:00:00Zx",
        "2026-11-21T",
        "26-11-21T12:00Z",
    ])
    func `what is no date`(_ text: String) { #expect(WallTime.parse(text) == nil) }

    @Test func `written as Python writes it`() {
        #expect(WallTime.noon.iso8601() == "2026-11-21T12:00:00+00:00")
        #expect(WallTime.noon.iso8601(offset: -12_600, separator: " ") == "2026-11-21 08:30:00-03:30")
        #expect(WallTime(microseconds: WallTime.noon.microseconds + 7).iso8601() == "2026-11-21T12:00:00.000007+00:00")
        #expect(WallTime(microseconds: -1).iso8601() == "1969-12-31T23:59:59.999999+00:00")
    }

    @Test func `any moment of six centuries is read as it is written`() {
        var random = SeededRandom(seed: 9)
        for _ in 0..<2000 {
            let time = WallTime(microseconds: Int64(random.number(-9_000_000_000...9_999_999_999)) * 1_000_003)
            #expect(WallTime.parse(time.iso8601(offset: 60 * random.number(-800...800))) == .absolute(time))
        }
    }
}
