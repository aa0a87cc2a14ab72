// Names that would otherwise all be strings.

/// The name of one member, unique in its cluster (`name`, CFG-048).
public struct MemberName: Sendable, Hashable, Comparable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let text: String

    public init(_ text: String) { self.text = text }
    public init(stringLiteral value: String) { text = value }
    public var description: String { text }
    public static func < (left: MemberName, right: MemberName) -> Bool { left.text < right.text }

    public init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// The replication slot that this member streams from: PostgreSQL allows lower-case letters, digits and `_` in 63
    /// characters, so everything else is folded (DCS-044).
    public var slotName: String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x61...0x7A, 0x30...0x39, 0x5F: true
            default: false
            }
        }
        if isPlain, text.utf8.count <= 63 { return text }
        var slot = ""
        for scalar in text.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", "_": slot.unicodeScalars.append(scalar)
            case "-", ".": slot += "_"
            default: slot += "u" + Int(scalar.value).padded(4)
            }
        }
        return String(slot.prefix(63))
    }
}

/// PostgreSQL's identity of a database cluster, made by `initdb`; a decimal number of ten or more digits.
public struct SystemIdentifier: Sendable, Hashable, Codable, CustomStringConvertible {
    public let text: String

    /// Nil when the text can't be a system identifier (HA-029).
    public init?(_ text: String) {
        guard text.utf8.count >= 10, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.text = text
    }

    public var description: String { text }
}

/// The store's version of one key, only good for compare-and-swap with the same store.
public struct KeyVersion: Sendable, Hashable, Codable, CustomStringConvertible {
    public let text: String
    public init(_ text: String) { self.text = text }
    public init(_ number: Int64) { text = String(number) }
    public var number: Int64? { Int64(text) }
    public var description: String { text }
}
