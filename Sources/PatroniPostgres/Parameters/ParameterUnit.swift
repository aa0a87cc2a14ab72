// Numbers with units, as PostgreSQL reads and shows them (CFG-037 to CFG-041).

import PatroniConfiguration
import PatroniCore

/// A unit of memory or time.
enum ParameterUnit: String, Sendable, CaseIterable {
    case bytes = "B"
    case kilobytes = "kB"
    case megabytes = "MB"
    case gigabytes = "GB"
    case terabytes = "TB"
    case microseconds = "us"
    case milliseconds = "ms"
    case seconds = "s"
    case minutes = "min"
    case hours = "h"
    case days = "d"

    static let memory: [ParameterUnit] = [.terabytes, .gigabytes, .megabytes, .kilobytes, .bytes]
    static let time: [ParameterUnit] = [.days, .hours, .minutes, .seconds, .milliseconds, .microseconds]

    /// All units of the same kind, largest first.
    var family: [ParameterUnit] { Self.memory.contains(self) ? Self.memory : Self.time }

    /// In bytes, or in microseconds.
    var size: Double {
        switch self {
        case .bytes, .microseconds: 1
        case .kilobytes: 1024
        case .megabytes: 1_048_576
        case .gigabytes: 1_073_741_824
        case .terabytes: 1_099_511_627_776
        case .milliseconds: 1000
        case .seconds: 1_000_000
        case .minutes: 60_000_000
        case .hours: 3_600_000_000
        case .days: 86_400_000_000
        }
    }

    var nextSmaller: ParameterUnit? {
        family.firstIndex(of: self).flatMap { $0 + 1 < family.count ? family[$0 + 1] : nil }
    }
}

/// What a setting counts in when no unit is given: `kB`, `ms`, or a multiple such as `8kB`.
struct BaseUnit: Sendable, Equatable {
    var multiple: Double
    var unit: ParameterUnit

    init?(_ text: String) {
        let digits = text.prefix { $0.isNumber }
        guard let unit = ParameterUnit(rawValue: String(text[digits.endIndex...])) else { return nil }
        self.unit = unit
        multiple = Double(digits) ?? 1
    }

    var size: Double { multiple * unit.size }

    /// Converts, rounded to the next smaller unit as PostgreSQL does (CFG-040); nil for a unit of another kind.
    func convert(_ value: Double, from unit: ParameterUnit) -> Double? {
        guard unit.family == self.unit.family else { return nil }
        let converted = value * unit.size / size
        guard let smaller = unit.nextSmaller else { return converted }
        let step = smaller.size / size
        return (converted / step).rounded(.toNearestOrEven) * step
    }

    /// Converts back to the largest unit that shows the number whole; 0 and -1 stand for themselves.
    func show(_ value: Double) -> String {
        guard value > 0 else { return ParameterNumber.plain(value) }
        let total = value * size
        let fitting = unit.family.first { candidate in
            let shown = total / candidate.size
            return shown >= 1 && abs(shown.rounded() / shown - 1) <= 1e-8
        }
        guard let fitting else { return ParameterNumber.plain(value * multiple) + unit.rawValue }
        return ParameterNumber.plain((total / fitting.size).rounded()) + fitting.rawValue
    }
}

/// Reading of numbers.
enum ParameterNumber {
    /// A whole number in the base unit; nil when the text is none.
    static func integer(_ text: String, unit: String?) -> Int64? {
        real(text, unit: unit).flatMap { Int64(exactly: $0.rounded(.toNearestOrEven)) }
    }

    /// A number in the base unit; nil when the text is none.
    static func real(_ text: String, unit: String?) -> Double? {
        let (number, suffix) = SettingNumber.split(text)
        guard let value = number else { return nil }
        if suffix.isEmpty { return value }
        guard let unit = unit.flatMap(BaseUnit.init), let given = ParameterUnit(rawValue: suffix) else { return nil }
        return unit.convert(value, from: given)
    }

    /// A number of pg_settings with its unit, for people to read (CFG-277).
    static func shown(_ text: String, type: String, unit: String?) -> String {
        guard type == "integer" || type == "real", let base = unit.flatMap(BaseUnit.init), let value = Double(text)
        else { return text }
        return base.show(value)
    }

    static func plain(_ value: Double) -> String {
        Int64(exactly: value).map { String($0) } ?? String(value)
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        let start = drop { $0.isWhitespace }
        let count = start.reversed().drop { $0.isWhitespace }.count
        return String(start.prefix(count))
    }
}
