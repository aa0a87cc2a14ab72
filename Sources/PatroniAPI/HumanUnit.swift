// Numbers with units as PostgreSQL and people write them: `10MB`, `1 min`, `0x400 kB`.

/// What a number without a unit counts.
enum HumanUnit: Sendable {
    case bytes
    case seconds

    /// Nil when the text is no such number; fractions are rounded to whole units (API-048, API-162).
    func parse(_ text: String) -> Int64? {
        var rest = Substring(text).drop { $0.isWhitespace }
        guard let number = Self.number(&rest) else { return nil }
        let unit = String(rest).trimmingSpaces
        guard let factor = unit.isEmpty ? 1 : factor(of: unit) else { return nil }
        let value = (number * factor).rounded(.toNearestOrEven)
        return Int64(exactly: value)
    }

    private func factor(of unit: String) -> Double? {
        switch (self, unit) {
        case (.bytes, "B"): 1
        case (.bytes, "kB"): 1024
        case (.bytes, "MB"): 1_048_576
        case (.bytes, "GB"): 1_073_741_824
        case (.bytes, "TB"): 1_099_511_627_776
        case (.seconds, "us"): 0.000_001
        case (.seconds, "ms"): 0.001
        case (.seconds, "s"): 1
        case (.seconds, "min"): 60
        case (.seconds, "h"): 3600
        case (.seconds, "d"): 86400
        default: nil
        }
    }

    /// Takes a number off the front: decimal with fraction and exponent, octal with a leading 0, or hexadecimal.
    private static func number(_ rest: inout Substring) -> Double? {
        var digits = ""
        if let sign = rest.first, sign == "-" || sign == "+" {
            digits.append(sign)
            rest.removeFirst()
        }
        if rest.hasPrefix("0x") || rest.hasPrefix("0X") {
            let hex = rest.dropFirst(2).prefix { $0.isHexDigit }
            guard let value = Int64(digits + hex, radix: 16) else { return nil }
            rest = rest.dropFirst(2 + hex.count)
            return Double(value)
        }
        var decimal = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var tail = rest[decimal.endIndex...]
        if let mark = tail.first, mark == "e" || mark == "E" {
            let sign = tail.dropFirst().prefix { $0 == "-" || $0 == "+" }.prefix(1)
            let power = tail[sign.endIndex...].prefix { $0.isASCII && $0.isNumber }
            if !power.isEmpty { tail = tail[power.endIndex...] }
        }
        decimal = rest[rest.startIndex..<tail.startIndex]
        rest = tail
        if decimal.count > 1, decimal.hasPrefix("0"), let octal = Int64(digits + decimal, radix: 8) {
            return Double(octal)
        }
        guard let value = Double(digits + decimal), value.isFinite else { return nil }
        return value
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = Substring(self)
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
