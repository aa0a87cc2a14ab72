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
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }
    public static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }
    public var description: String { "+\(Double(nanoseconds) / 1e9)s" }
}

extension Duration {
    /// Whole nanoseconds; more than 292 years are clamped.
    public var inNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (high, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min / 4 : .max / 4 }
        return high &+ attoseconds / 1_000_000_000
    }

    public var inSeconds: Double { Double(inNanoseconds) / 1e9 }
    public var wholeSeconds: Int64 { components.seconds }
}
