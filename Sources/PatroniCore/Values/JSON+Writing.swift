// Writes JSON byte for byte as Patroni's Python does, so that members of both kinds compare equal.

extension JSON {
    public enum Style: Sendable {
        /// No blanks: what stands in the configuration store.
        case compact
        /// A blank behind every comma and colon: what the REST API answers (API-018).
        case spaced
    }

    /// The text of this value, ASCII only: everything else is escaped.
    public func text(_ style: Style = .compact) -> String {
        var out = ""
        write(to: &out, style)
        return out
    }

    func write(to out: inout String, _ style: Style) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        case .double(let value): out += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.write(value, to: &out)
        case .array(let values):
            out += "["
            for (index, value) in values.enumerated() {
                if index > 0 { out += style == .compact ? "," : ", " }
                value.write(to: &out, style)
            }
            out += "]"
        case .object(let object): object.write(to: &out, style)
        }
    }

    static func write(_ text: String, to out: inout String) {
        out += "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: out += "\\\""
            case 0x5C: out += "\\\\"
            case 0x08: out += "\\b"
            case 0x0C: out += "\\f"
            case 0x0A: out += "\\n"
            case 0x0D: out += "\\r"
            case 0x09: out += "\\t"
            case 0x20..<0x7F: out.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let hex = String(unit, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }
        }
        out += "\""
    }
}

extension JSONObject {
    public func text(_ style: JSON.Style = .compact) -> String { JSON.object(self).text(style) }

    func write(to out: inout String, _ style: JSON.Style) {
        out += "{"
        for (index, pair) in pairs.enumerated() {
            if index > 0 { out += style == .compact ? "," : ", " }
            JSON.write(pair.key, to: &out)
            out += style == .compact ? ":" : ": "
            pair.value.write(to: &out, style)
        }
        out += "}"
    }
}

/// Stored inside Codable values (flight record) as its text, so that order survives any coder.
extension JSON: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        self = try JSON.parse(text)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text())
    }
}

extension JSONObject: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard case .object(let object) = try JSON.parse(text) else {
            throw JSONError(offset: 0, problem: "expected an object")
        }
        self = object
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text())
    }
}
