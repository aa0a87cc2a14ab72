// Calendar time, for schedules and for people. Never used for leases.

/// A point of the calendar clock, to the microsecond.
public struct WallTime: Sendable, Hashable, Comparable, Codable {
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }
    public init(secondsSince1970: Int64) { microseconds = secondsSince1970 * 1_000_000 }

    public static func < (left: WallTime, right: WallTime) -> Bool { left.microseconds < right.microseconds }
    public static func - (left: WallTime, right: WallTime) -> Duration {
        .microseconds(left.microseconds - right.microseconds)
    }
    public static func + (left: WallTime, right: Duration) -> WallTime {
        WallTime(microseconds: left.microseconds + right.inNanoseconds / 1000)
    }

    public var secondsSince1970: Int64 { microseconds.flooredDivision(by: 1_000_000).quotient }
}

/// The parts of a date in some zone.
public struct CalendarParts: Sendable, Hashable {
    public var year, month, day, hour, minute, second, microsecond: Int
    /// Seconds east of UTC.
    public var offset: Int
}

extension WallTime {
    /// The date and time of day at `offset` seconds east of UTC.
    public func parts(offset: Int = 0) -> CalendarParts {
        let local = microseconds + Int64(offset) * 1_000_000
        let (seconds, micro) = local.flooredDivision(by: 1_000_000)
        let (days, rest) = seconds.flooredDivision(by: 86400)
        let (year, month, day) = Self.civil(fromDays: days)
        return CalendarParts(
            year: year, month: month, day: day, hour: Int(rest / 3600), minute: Int(rest % 3600 / 60),
            second: Int(rest % 60), microsecond: Int(micro), offset: offset)
    }

    public init(_ parts: CalendarParts) {
        let days = Self.days(year: parts.year, month: parts.month, day: parts.day)
        let seconds = days * 86400 + Int64(parts.hour * 3600 + parts.minute * 60 + parts.second - parts.offset)
        self.init(microseconds: seconds * 1_000_000 + Int64(parts.microsecond))
    }

    /// ISO 8601 as Python writes it: `2026-11-21T05:00:00.123456+00:00`, no fraction when it is zero.
    public func iso8601(offset: Int = 0, separator: Character = "T") -> String {
        let parts = parts(offset: offset)
        var text = "\(parts.year.padded(4))-\(parts.month.padded(2))-\(parts.day.padded(2))"
        text.append(separator)
        text += "\(parts.hour.padded(2)):\(parts.minute.padded(2)):\(parts.second.padded(2))"
        if parts.microsecond != 0 { text += "." + parts.microsecond.padded(6) }
        let zone = abs(offset)
        return text + (offset < 0 ? "-" : "+") + (zone / 3600).padded(2) + ":" + (zone % 3600 / 60).padded(2)
    }

    // Days from civil and back: Howard Hinnant's algorithms, exact for all of the Gregorian calendar.
    static func days(year: Int, month: Int, day: Int) -> Int64 {
        let y = Int64(month <= 2 ? year - 1 : year)
        let era = y.flooredDivision(by: 400).quotient
        let yearOfEra = y - era * 400
        let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146097 + dayOfEra - 719468
    }

    static func civil(fromDays days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719468
        let era = shifted.flooredDivision(by: 146097).quotient
        let dayOfEra = shifted - era * 146097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        let year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        return (year, month, Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }
}

/// A date somebody typed: with or without a zone.
public enum ParsedTime: Sendable, Hashable {
    case absolute(WallTime)
    /// No zone was given; the parts' offset is meaningless.
    case local(CalendarParts)
}

extension WallTime {
    /// Reads `YYYY-MM-DD[T ]HH:MM[:SS[.ffffff]][Z|±HH[:MM]]`; nil when the text is no such date.
    public static func parse(_ text: String) -> ParsedTime? {
        var scanner = DigitScanner(text)
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var parts = CalendarParts(
            year: year, month: month, day: day, hour: 0, minute: 0, second: 0, microsecond: 0, offset: 0)
        guard civil(fromDays: days(year: year, month: month, day: day)).day == day else { return nil }
        if scanner.skip("T") || scanner.skip(" ") {
            guard let hour = scanner.number(2), hour < 24, scanner.skip(":"), let minute = scanner.number(2),
                minute < 60
            else { return nil }
            parts.hour = hour
            parts.minute = minute
            if scanner.skip(":") {
                guard let second = scanner.number(2), second < 60 else { return nil }
                parts.second = second
                if scanner.skip(".") {
                    guard let micro = scanner.fraction(digits: 6) else { return nil }
                    parts.microsecond = micro
                }
            }
        }
        _ = scanner.skip(" ")
        if scanner.isAtEnd { return .local(parts) }
        if scanner.skip("Z") || scanner.skip("z") { return scanner.isAtEnd ? .absolute(WallTime(parts)) : nil }
        let sign = scanner.skip("+") ? 1 : scanner.skip("-") ? -1 : 0
        guard sign != 0, let hours = scanner.number(2), hours < 24 else { return nil }
        _ = scanner.skip(":")
        let minutes = scanner.isAtEnd ? 0 : scanner.number(2)
        guard let minutes, minutes < 60, scanner.isAtEnd else { return nil }
        parts.offset = sign * (hours * 3600 + minutes * 60)
        return .absolute(WallTime(parts))
    }
}

private struct DigitScanner {
    var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(_ digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let byte = rest.first, (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
            rest.removeFirst()
        }
        return value
    }

    mutating func fraction(digits: Int) -> Int? {
        var value = 0
        var seen = 0
        while let byte = rest.first, (0x30...0x39).contains(byte) {
            if seen < digits { value = value * 10 + Int(byte - 0x30) }
            seen += 1
            rest.removeFirst()
        }
        guard seen > 0 else { return nil }
        for _ in seen..<max(seen, digits) { value *= 10 }
        return value
    }
}

extension Int64 {
    func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension Int {
    /// The number with leading zeros up to `width` digits.
    public func padded(_ width: Int) -> String {
        let text = String(self)
        return String(repeating: "0", count: Swift.max(0, width - text.count)) + text
    }
}
