// Positions in PostgreSQL's write-ahead log.

/// A position in the write-ahead log: bytes since the beginning of the cluster.
public struct LSN: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public let rawValue: UInt64

    public static let zero = LSN(0)

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The number as Patroni stores it; negative numbers are no position.
    public init?(number: Int64) {
        guard number >= 0 else { return nil }
        self.init(UInt64(number))
    }

    /// PostgreSQL's text form, `16/B374D848`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let high = UInt32(parts[0], radix: 16), let low = UInt32(parts[1], radix: 16) else {
            return nil
        }
        self.init(UInt64(high) << 32 | UInt64(low))
    }

    public var description: String {
        String(rawValue >> 32, radix: 16, uppercase: true) + "/"
            + String(rawValue & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }

    /// The number as JSON carries it.
    public var number: Int64 { Int64(clamping: rawValue) }

    /// How many bytes this position is behind `other`; zero when it is not behind.
    public func lag(behind other: LSN) -> ByteCount {
        other.rawValue > rawValue ? ByteCount(Int64(clamping: other.rawValue - rawValue)) : .zero
    }

    public static func < (left: LSN, right: LSN) -> Bool { left.rawValue < right.rawValue }

    public init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(UInt64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// A size or a distance in bytes.
public struct ByteCount: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public let bytes: Int64

    public static let zero = ByteCount(0)
    public init(_ bytes: Int64) { self.bytes = bytes }
    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
    public var description: String { "\(bytes) bytes" }
}

/// A timeline of PostgreSQL's history; 1 is the first.
public struct Timeline: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// Zero and negative numbers mean "unknown" to Patroni and give nil.
    public init?(number: Int64) {
        guard number > 0, let value = UInt32(exactly: number) else { return nil }
        self.init(value)
    }

    public static func < (left: Timeline, right: Timeline) -> Bool { left.rawValue < right.rawValue }
    public var description: String { String(rawValue) }
    public var next: Timeline { Timeline(rawValue &+ 1) }
}
