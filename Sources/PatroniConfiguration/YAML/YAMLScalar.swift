// What a plain YAML 1.1 word means: on and off are booleans, 0644 is octal, 1:30 is ninety (CFG-033, CFG-532).

import PatroniCore

enum YAMLScalar {
    /// The value of an unquoted word; a text when it is nothing else. Dates stay texts.
    static func resolve(_ text: String) -> JSON {
        guard let first = text.utf8.first else { return .null }
        switch text {
        case "~", "null", "Null", "NULL": return .null
        default: break
        }
        if let value = bool(text) { return .bool(value) }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return float(text) ?? integer(text) ?? .string(text)
        default: return .string(text)
        }
    }

    /// Words that stay texts here but mean more to PyYAML, which quotes them: dates, `<<` and `=`.
    static func looksSpecial(_ text: String) -> Bool {
        if text == "<<" || text == "=" { return true }
        let bytes = Array(text.utf8)
        guard bytes.count >= 8, bytes[0..<4].allSatisfy(digits.contains), bytes[4] == UInt8(ascii: "-") else {
            return false
        }
        return isTimestamp(text)
    }

    /// `2026-11-21`, or with a time behind it, as YAML 1.1 writes dates.
    private static func isTimestamp(_ text: String) -> Bool {
        if text.wholeMatch(of: #/[0-9]{4}-[0-9]{2}-[0-9]{2}/#) != nil { return true }
        let date = #/[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?/#
        guard let match = text.prefixMatch(of: date) else { return false }
        return text[match.range.upperBound...].wholeMatch(of: #/([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?/#) != nil
    }

    static func bool(_ text: String) -> Bool? {
        switch text {
        case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": true
        case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": false
        default: nil
        }
    }

    static func integer(_ text: String) -> JSON? {
        var rest = Substring(text)
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest.removeFirst() }
        guard let first = rest.utf8.first, digits.contains(first) else { return nil }
        if rest.contains(":") {
            guard first != UInt8(ascii: "0"), let value = sexagesimal(rest) else { return nil }
            return .int(isNegative ? -value : value)
        }
        let radix: Int
        if rest.hasPrefix("0b") {
            radix = 2
            rest.removeFirst(2)
        } else if rest.hasPrefix("0x") {
            radix = 16
            rest.removeFirst(2)
        } else {
            radix = first == UInt8(ascii: "0") ? 8 : 10
        }
        let bare = String(rest.filter { $0 != "_" })
        guard !bare.isEmpty, !bare.hasPrefix("-"), !bare.hasPrefix("+") else { return nil }
        if let value = Int64((isNegative ? "-" : "") + bare, radix: radix) { return .int(value) }
        guard radix == 10, bare.utf8.allSatisfy(digits.contains), let value = Double(bare) else { return nil }
        return .double(isNegative ? -value : value)
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    /// `1:30:00`, hours, minutes and seconds or any other count of sixties.
    private static func sexagesimal(_ text: Substring) -> Int64? {
        var total: Int64 = 0
        for (index, part) in text.split(separator: ":", omittingEmptySubsequences: false).enumerated() {
            let bare = index == 0 ? String(part.filter { $0 != "_" }) : String(part)
            guard !bare.isEmpty, bare.utf8.allSatisfy(digits.contains), let value = Int64(bare),
                index == 0 || value < 60 && bare.utf8.count <= 2
            else { return nil }
            let (shifted, overflow) = total.multipliedReportingOverflow(by: 60)
            let (sum, carry) = shifted.addingReportingOverflow(value)
            if overflow || carry { return nil }
            total = sum
        }
        return total
    }

    /// A number with a point; `1e3` is a text in YAML 1.1, `1.0e+3` is a number.
    static func float(_ text: String) -> JSON? {
        var rest = Substring(text)
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest.removeFirst() }
        switch rest {
        case ".inf", ".Inf", ".INF": return .double(isNegative ? -.infinity : .infinity)
        case ".nan", ".NaN", ".NAN": return rest == text ? .some(.double(.nan)) : .none
        default: break
        }
        guard let point = rest.firstIndex(of: ".") else { return nil }
        let whole = rest[..<point]
        var fraction = rest[rest.index(after: point)...]
        var exponent = ""
        if let mark = fraction.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            exponent = String(fraction[fraction.index(after: mark)...])
            fraction = fraction[..<mark]
            guard exponent.hasPrefix("+") || exponent.hasPrefix("-"), exponent.utf8.count > 1,
                exponent.utf8.dropFirst().allSatisfy(digits.contains)
            else { return nil }
        }
        func isNumber(_ part: Substring) -> Bool {
            part.utf8.allSatisfy { digits.contains($0) || $0 == UInt8(ascii: "_") }
        }
        guard isNumber(fraction) else { return nil }
        if whole.isEmpty {
            guard rest == text, let first = fraction.utf8.first, digits.contains(first) else { return nil }
        } else if whole.contains(":") {
            guard exponent.isEmpty, let sixties = sexagesimal(whole) else { return nil }
            let part = Double("0." + fraction.filter { $0 != "_" } + "0") ?? 0
            let value = Double(sixties) + part
            return .double(isNegative ? -value : value)
        } else {
            guard let first = whole.utf8.first, digits.contains(first), isNumber(whole) else { return nil }
        }
        let bare = "0" + whole.filter { $0 != "_" } + "." + fraction.filter { $0 != "_" } + "0"
        guard let value = Double(exponent.isEmpty ? bare : bare + "e" + exponent) else { return nil }
        return .double(isNegative ? -value : value)
    }
}
