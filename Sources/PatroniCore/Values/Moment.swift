// Time as values. The core never reads a clock; it is handed one of these.

/// A point of the machine's monotonic clock that counts suspended time (`CLOCK_BOOTTIME`).
public struct Moment: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func + (left: Moment, right: Duration) -> Moment {
        Moment(nanoseconds: left.nanoseconds + right.inNanoseconds)
    }
    public static func - (left: Moment, right: Duration) -> Moment {
        Moment(nanoseconds: left.nanoseconds - right.inNanoseconds)
    }
    public static func - (left: Moment, right: Moment) -> Duration {
        Duration(attoseconds: Int128(left.nanoseconds - right.nanoseconds) * 1_000_000_000)
    }
    public static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }
    public var description: String { "+\(Double(nanoseconds) / 1e9)s" }
}

extension Duration {
    /// Whole nanoseconds; more than 292 years are clamped.
    public var inNanoseconds: Int64 {
        let size = attoseconds.magnitude
        let (high, low) = (UInt64(size >> 64), UInt64(truncatingIfNeeded: size))
        // One division of the processor's; Int128 has none.
        guard high < 500_000_000 else { return attoseconds < 0 ? .min / 4 : .max / 4 }
        let found = Int64(UInt64(1_000_000_000).dividingFullWidth((high, low)).quotient)
        return attoseconds < 0 ? -found : found
    }

    public var inSeconds: Double { Double(inNanoseconds) / 1e9 }
    public var wholeSeconds: Int64 { components.seconds }
}
