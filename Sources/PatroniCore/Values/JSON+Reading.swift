// Reads JSON that anybody may have written: bounded depth, exact offsets in errors, never a trap.

/// Why a text is not JSON.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Byte offset of the problem.
    public let offset: Int
    public let problem: String
    public var description: String { "not valid JSON: \(problem) at byte \(offset)" }
}

extension JSON {
    /// How deep arrays and objects may nest; deeper input is refused instead of exhausting the stack.
    public static let maximumDepth = 64

    /// Parses one document; anything but white space behind it is an error.
    public static func parse(_ text: String) throws(JSONError) -> JSON {
        try parse(Array(text.utf8))
    }

    public static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
        var reader = JSONReader(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        if reader.position < bytes.count { throw reader.error("unexpected text behind the value") }
        return value
    }
}

private struct JSONReader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    func error(_ problem: String) -> JSONError { JSONError(offset: position, problem: problem) }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    mutating func expect(_ literal: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let wanted = literal.withUTF8Buffer { Array($0) }
        guard bytes.count - position >= wanted.count,
            bytes[position..<position + wanted.count].elementsEqual(wanted)
        else { throw error("unknown word") }
        position += wanted.count
        return value
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        if depth > JSON.maximumDepth { throw error("nested deeper than \(JSON.maximumDepth) levels") }
        skipSpace()
        switch current {
        case nil: throw error("unexpected end")
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try expect("true", .bool(true))
        case UInt8(ascii: "f"): return try expect("false", .bool(false))
        case UInt8(ascii: "n"): return try expect("null", .null)
        default: return try number()
        }
    }

    mutating func object(depth: Int) throws(JSONError) -> JSON {
        var result = JSONObject()
        position += 1
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(result)
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw error("expected a key in quotes") }
            let key = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw error("expected a colon") }
            position += 1
            result[key] = try value(depth: depth + 1)
            skipSpace()
            if current == UInt8(ascii: "}") { break }
            guard current == UInt8(ascii: ",") else { throw error("expected a comma or a closing brace") }
            position += 1
        }
        position += 1
        return .object(result)
    }

    mutating func array(depth: Int) throws(JSONError) -> JSON {
        var result: [JSON] = []
        position += 1
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(result)
        }
        while true {
            result.append(try value(depth: depth + 1))
            skipSpace()
            if current == UInt8(ascii: "]") { break }
            guard current == UInt8(ascii: ",") else { throw error("expected a comma or a closing bracket") }
            position += 1
        }
        position += 1
        return .array(result)
    }

    mutating func number() throws(JSONError) -> JSON {
        let start = position
        while let byte = current, "+-.0123456789eE".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let value = Int64(text), !text.hasPrefix("+") { return .int(value) }
        if let first = text.first, first == "-" || first.isNumber, let value = Double(text), value.isFinite {
            return .double(value)
        }
        position = start
        throw error(text.isEmpty ? "unexpected character" : "bad number")
    }

    mutating func string() throws(JSONError) -> String {
        position += 1
        var out: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw error("text is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<0x20: throw error("control character in a text")
            default: out.append(byte)
            }
        }
        throw error("text without a closing quote")
    }

    mutating func escape(into out: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw error("unexpected end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"): out.append(contentsOf: try unicode())
        default: throw error("unknown escape")
        }
    }

    mutating func unicode() throws(JSONError) -> [UInt8] {
        let first = try hex4()
        var code = UInt32(first)
        if (0xD800..<0xDC00).contains(first) {
            guard current == UInt8(ascii: "\\") else { throw error("half of a surrogate pair") }
            position += 1
            guard current == UInt8(ascii: "u") else { throw error("half of a surrogate pair") }
            position += 1
            let second = try hex4()
            guard (0xDC00..<0xE000).contains(second) else { throw error("half of a surrogate pair") }
            code = 0x10000 + ((UInt32(first) - 0xD800) << 10) + (UInt32(second) - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    mutating func hex4() throws(JSONError) -> UInt16 {
        guard position + 4 <= bytes.count,
            let value = UInt16(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16),
            bytes[position] != UInt8(ascii: "+")
        else { throw error("bad \\u escape") }
        position += 4
        return value
    }
}
