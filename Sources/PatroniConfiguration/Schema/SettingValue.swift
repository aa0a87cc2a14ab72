// From what stands in a file to a value of the wanted type, as lenient as Patroni is (CFG-036 to CFG-044).

import PatroniCore

extension JSON {
    var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    /// How Python prints the value: `True`, `None`, `1.0`; a text is itself.
    public var pythonText: String {
        switch self {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .int(let value): String(value)
        case .double(let value): "\(value)"
        case .string(let text): text
        case .array(let values): "[" + values.map(\.pythonRepresentation).joined(separator: ", ") + "]"
        case .object(let object):
            "{"
                + object.pairs.map { JSON.string($0.key).pythonRepresentation + ": " + $0.value.pythonRepresentation }
                .joined(separator: ", ") + "}"
        }
    }

    /// As ``pythonText``, with texts in quotes.
    public var pythonRepresentation: String {
        guard case .string(let text) = self else { return pythonText }
        let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
        var out = String(quote)
        for character in text {
            switch character {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            case quote: out += "\\" + String(quote)
            default: out.append(character)
            }
        }
        return out + String(quote)
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
        var rest = self[...].drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return String(rest)
    }
}

/// Host and port as people write them.
enum Address {
    /// Splits on the last colon (CFG-043). The host may be empty, `*` or a list; nil when the port is missing without
    /// a default or is no port.
    static func split(_ text: String, defaultPort: Int?) -> (host: String, port: Int)? {
        let text = text.trimmed
        var host = Substring(text)
        var port = defaultPort
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]"),
            text[..<colon].hasSuffix("]") || !text[..<colon].contains(":") || text.contains(",")
        {
            guard let value = Int(text[text.index(after: colon)...].trimmed), (1...65535).contains(value) else {
                return nil
            }
            host = text[..<colon]
            port = value
        }
        if host.hasPrefix("["), host.hasSuffix("]"), !host.contains(",") { host = host.dropFirst().dropLast() }
        guard let port else { return nil }
        return (host.trimmed, port)
    }
}

/// Numbers with the units PostgreSQL knows.
public enum SettingNumber {
    /// Decimal, `0x` hexadecimal or octal with a leading zero; a fraction is rounded half to even; a unit behind it is
    /// converted to `unit`, and makes the text unreadable when there is nothing to convert to (CFG-037 to CFG-040).
    public static func whole(_ value: JSON, unit: String? = nil) -> Int64? {
        switch value {
        case .int(let number): return number
        case .double(let number):
            let rounded = number.rounded(.toNearestOrEven)
            return Int64(exactly: rounded)
        case .string(let text): return whole(text, unit: unit)
        default: return nil
        }
    }

    public static func whole(_ text: String, unit: String? = nil) -> Int64? {
        let bare = text.trimmed
        if let number = Int64(bare), !(bare.drop { $0 == "-" || $0 == "+" }).hasPrefix("0") || number == 0 {
            return number
        }
        let (number, suffix) = split(text)
        guard let number else { return nil }
        if suffix.isEmpty { return Int64(exactly: number.rounded(.toNearestOrEven)) }
        guard let unit, let converted = convert(number, from: suffix, to: unit) else { return nil }
        return Int64(exactly: converted.rounded(.toNearestOrEven))
    }

    /// A number with a fraction.
    public static func real(_ value: JSON, unit: String? = nil) -> Double? {
        switch value {
        case .int(let number): return Double(number)
        case .double(let number): return number
        case .string(let text):
            let (number, suffix) = split(text)
            guard let number else { return nil }
            if suffix.isEmpty { return number }
            return unit.flatMap { convert(number, from: suffix, to: $0) }
        default: return nil
        }
    }

    /// The number at the beginning, decimal, `0x` hexadecimal or `0` octal, and what stands behind it.
    public static func split(_ text: String) -> (Double?, String) {
        let text = text.trimmed
        var rest = Substring(text)
        var sign = 1.0
        if rest.hasPrefix("-") || rest.hasPrefix("+") {
            if rest.hasPrefix("-") { sign = -1 }
            rest.removeFirst()
        }
        if rest.hasPrefix("0x") || rest.hasPrefix("0X") {
            let digits = rest.dropFirst(2).prefix { $0.isHexDigit && $0.isASCII }
            guard let value = UInt64(digits, radix: 16) else { return (nil, "") }
            return (sign * Double(value), rest.dropFirst(2 + digits.count).trimmed)
        }
        let decimal = rest.prefix { ("0"..."9").contains($0) }
        let behind = rest.dropFirst(decimal.count)
        let isFraction = behind.hasPrefix(".") || behind.lowercased().hasPrefix("e") && exponentLength(behind) > 0
        if !isFraction {
            let radix = decimal.hasPrefix("0") && decimal.utf8.count > 1 ? 8 : 10
            guard let value = Int64(decimal, radix: radix) else { return (nil, "") }
            return (sign * Double(value), behind.trimmed)
        }
        var length = decimal.count
        if behind.hasPrefix(".") { length += 1 + behind.dropFirst().prefix { ("0"..."9").contains($0) }.count }
        length += exponentLength(rest.dropFirst(length))
        var number = String(rest.prefix(length))
        if number.hasPrefix(".") { number = "0" + number }
        if number.hasSuffix(".") { number += "0" }
        guard let value = Double(number.replacingFirst(".e", with: ".0e")), value.isFinite else { return (nil, "") }
        return (sign * value, rest.dropFirst(length).trimmed)
    }

    private static func exponentLength(_ text: Substring) -> Int {
        guard text.first == "e" || text.first == "E" else { return 0 }
        var rest = text.dropFirst()
        let sign = rest.first == "+" || rest.first == "-" ? 1 : 0
        rest = rest.dropFirst(sign)
        let digits = rest.prefix { ("0"..."9").contains($0) }.count
        return digits == 0 ? 0 : 1 + sign + digits
    }

    /// How many bytes, or microseconds, each unit has.
    private static let bytes: [String: Double] = [
        "B": 1, "kB": 1024, "MB": 1_048_576, "GB": 1_073_741_824, "TB": 1_099_511_627_776,
    ]
    private static let microseconds: [String: Double] = [
        "us": 1, "ms": 1000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
    ]

    /// Converts and rounds to a multiple of the next smaller unit, as PostgreSQL does (CFG-040). A base unit may have
    /// a multiplier, `8kB` (CFG-041).
    private static func convert(_ number: Double, from suffix: String, to unit: String) -> Double? {
        let digits = unit.prefix { ("0"..."9").contains($0) }
        let multiplier = Double(digits) ?? 1
        let base = String(unit.dropFirst(digits.count))
        for table in [bytes, microseconds] {
            guard let target = table[base], let factor = table[suffix] else { continue }
            var value = number * factor / (target * multiplier)
            if let smaller = table.values.filter({ $0 < factor }).max() {
                let step = smaller / (target * multiplier)
                let rounded = (value / step).rounded(.toNearestOrEven) * step
                if rounded.isFinite { value = rounded }
            }
            return value
        }
        return nil
    }
}

extension String {
    fileprivate func replacingFirst(_ part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}

extension ToolOption {
    /// Options from a list of words and one-key tables, or from one table (CFG-047); nil when it is neither.
    public static func read(_ value: JSON) -> [ToolOption]? {
        switch value {
        case .null: return []
        case .object(let table):
            var options: [ToolOption] = []
            for (name, value) in table.pairs {
                guard value.isScalar else { return nil }
                options.append(ToolOption(name, value.isNull ? nil : value.pythonText))
            }
            return options
        case .array(let items):
            var options: [ToolOption] = []
            for item in items {
                switch item {
                case .string(let text):
                    options.append(ToolOption(text))
                case .object(let table):
                    guard table.count == 1, let pair = table.pairs.first, pair.value.isScalar, !pair.value.isNull
                    else { return nil }
                    options.append(ToolOption(pair.key, pair.value.pythonText))
                default: return nil
                }
            }
            return options
        default: return nil
        }
    }
}
