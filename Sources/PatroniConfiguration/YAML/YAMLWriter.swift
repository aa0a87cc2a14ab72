// Writes YAML as PyYAML's safe_dump does, byte for byte, because operators compare and edit it.

import PatroniCore

extension YAML {
    public enum Style: Sendable {
        /// One line an entry.
        case block
        /// All in one line, as far as it fits.
        case flow
    }

    /// The text of `value`, keys sorted, lines folded behind column 200; ends with a line break.
    public static func text(_ value: JSON, style: Style = .block) -> String {
        var writer = YAMLWriter(rootStyle: style)
        return writer.document(value)
    }
}

private struct YAMLWriter {
    static let width = 200

    let rootStyle: YAML.Style
    private var out = ""
    private var column = 0

    init(rootStyle: YAML.Style) { self.rootStyle = rootStyle }

    mutating func document(_ value: JSON) -> String {
        node(value, indent: 0, isFlow: rootStyle == .flow)
        if !value.isContainer, !out.hasSuffix("'"), !out.hasSuffix("\"") { out += "\n..." }
        return out + "\n"
    }

    private mutating func write(_ text: String) {
        out += text
        column += text.unicodeScalars.count
    }

    private mutating func breakLine(indent: Int) {
        out += "\n" + String(repeating: " ", count: indent)
        column = indent
    }

    private func sorted(_ object: JSONObject) -> [(key: String, value: JSON)] {
        object.pairs.sorted { left, right in
            left.key.unicodeScalars.lexicographicallyPrecedes(right.key.unicodeScalars) { $0.value < $1.value }
        }
    }

    /// Writes a value where the cursor stands; `indent` is the column of its own entries.
    private mutating func node(_ value: JSON, indent: Int, isFlow: Bool) {
        switch value {
        case .object(let object):
            if object.isEmpty { return write("{}") }
            if isFlow { flowMapping(object, indent: indent) } else { blockMapping(object, indent: indent) }
        case .array(let items):
            if items.isEmpty { return write("[]") }
            if isFlow { flowSequence(items, indent: indent) } else { blockSequence(items, indent: indent) }
        default: scalar(value, indent: isFlow ? indent + 2 : indent, isKey: false, isFlow: isFlow)
        }
    }

    // MARK: block style

    private mutating func blockMapping(_ object: JSONObject, indent: Int) {
        for (index, pair) in sorted(object).enumerated() {
            if index > 0 { breakLine(indent: indent) }
            if key(pair.key, indent: indent, isFlow: false) {
                breakLine(indent: indent)
                write(": ")
                node(pair.value, indent: indent + 2, isFlow: false)
                continue
            }
            write(":")
            switch pair.value {
            case .object(let inner) where !inner.isEmpty:
                breakLine(indent: indent + 2)
                node(pair.value, indent: indent + 2, isFlow: false)
            case .array(let items) where !items.isEmpty:
                breakLine(indent: indent)
                node(pair.value, indent: indent, isFlow: false)
            default:
                write(" ")
                node(pair.value, indent: indent + 2, isFlow: false)
            }
        }
    }

    private mutating func blockSequence(_ items: [JSON], indent: Int) {
        for (index, item) in items.enumerated() {
            if index > 0 { breakLine(indent: indent) }
            write("- ")
            node(item, indent: indent + 2, isFlow: false)
        }
    }

    /// Returns whether the key is a complex one, after which the value stands on its own.
    private mutating func key(_ text: String, indent: Int, isFlow: Bool) -> Bool {
        let scalars = text.unicodeScalars
        let isComplex = scalars.isEmpty || scalars.count > 122 || scalars.contains(where: \.isYAMLBreak)
        if isComplex { write("? ") }
        scalar(.string(text), indent: indent + 2, isKey: !isComplex, isFlow: isFlow)
        return isComplex
    }

    // MARK: flow style

    private mutating func flowMapping(_ object: JSONObject, indent: Int) {
        write("{")
        for (index, pair) in sorted(object).enumerated() {
            separate(index, indent: indent + 2)
            if key(pair.key, indent: indent + 2, isFlow: true) {
                if column > Self.width { breakLine(indent: indent + 2) } else { write(" ") }
            }
            write(": ")
            node(pair.value, indent: indent + 2, isFlow: true)
        }
        write("}")
    }

    private mutating func flowSequence(_ items: [JSON], indent: Int) {
        write("[")
        for (index, item) in items.enumerated() {
            separate(index, indent: indent + 2)
            node(item, indent: indent + 2, isFlow: true)
        }
        write("]")
    }

    private mutating func separate(_ index: Int, indent: Int) {
        if index > 0 { write(",") }
        if column > Self.width {
            breakLine(indent: indent)
        } else if index > 0 {
            write(" ")
        }
    }

    // MARK: scalars

    private mutating func scalar(_ value: JSON, indent: Int, isKey: Bool, isFlow: Bool) {
        switch value {
        case .string(let text): string(text, indent: indent, isKey: isKey, isFlow: isFlow)
        case .double(let number): write(Self.text(number))
        default: write(value.text())
        }
    }

    private static func text(_ number: Double) -> String {
        if number.isNaN { return ".nan" }
        if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
        let text = "\(number)"
        guard !text.contains("."), let mark = text.firstIndex(of: "e") else { return text }
        return text[..<mark] + ".0" + text[mark...]
    }

    private mutating func string(_ text: String, indent: Int, isKey: Bool, isFlow: Bool) {
        let scalars = Array(text.unicodeScalars)
        let analysis = ScalarAnalysis(scalars)
        let isText = YAMLScalar.resolve(text) == .string(text) && !YAMLScalar.looksSpecial(text)
        let allowsPlain = isFlow ? analysis.allowsFlowPlain : analysis.allowsBlockPlain
        if isText, allowsPlain, !(isKey && analysis.isMultiline) {
            folded(scalars, indent: indent, splits: !isKey, quote: nil)
        } else if analysis.allowsSingleQuoted, !(isKey && analysis.isMultiline) {
            folded(scalars, indent: indent, splits: !isKey, quote: "'")
        } else {
            doubleQuoted(scalars, indent: indent, splits: !isKey)
        }
    }

    /// A plain or single-quoted text. It may be broken where there is exactly one blank; a line break in it becomes
    /// an empty line.
    private mutating func folded(_ text: [Unicode.Scalar], indent: Int, splits: Bool, quote: String?) {
        if let quote { write(quote) }
        var start = 0
        while start < text.count {
            let kind = Run(text[start])
            var end = start + 1
            while end < text.count, Run(text[end]) == kind { end += 1 }
            switch kind {
            case .blank:
                let isInside = quote == nil || start != 0 && end != text.count
                if end == start + 1, column > Self.width, splits, isInside {
                    breakLine(indent: indent)
                } else {
                    write(String(repeating: " ", count: end - start))
                }
            case .lineBreak:
                if text[start] == "\n" { out += "\n" }
                for scalar in text[start..<end] { out.unicodeScalars.append(scalar) }
                out += String(repeating: " ", count: indent)
                column = indent
            case .other:
                var part = String(String.UnicodeScalarView(text[start..<end]))
                if let quote {
                    part = part.split(separator: quote, omittingEmptySubsequences: false).joined(
                        separator: quote + quote)
                }
                write(part)
            }
            start = end
        }
        if let quote { write(quote) }
    }

    private enum Run {
        case blank, lineBreak, other
        init(_ scalar: Unicode.Scalar) { self = scalar == " " ? .blank : scalar.isYAMLBreak ? .lineBreak : .other }
    }

    private mutating func doubleQuoted(_ text: [Unicode.Scalar], indent: Int, splits: Bool) {
        write("\"")
        var start = 0
        func plain(_ range: Range<Int>) -> String { String(String.UnicodeScalarView(text[range])) }
        for end in 0...text.count {
            let scalar = end < text.count ? text[end] : nil
            if scalar.map(\.needsEscape) ?? true {
                if start < end { write(plain(start..<end)) }
                start = end
                if let scalar {
                    write(scalar.yamlEscape)
                    start = end + 1
                }
            }
            if 0 < end, end < text.count - 1, scalar == " " || start >= end, column + (end - start) > Self.width, splits
            {
                if start < end { write(plain(start..<end)) }
                write("\\")
                if start < end { start = end }
                breakLine(indent: indent)
                if text[start] == " " { write("\\") }
            }
        }
        write("\"")
    }
}

/// Which styles a text can be written in.
private struct ScalarAnalysis {
    var isMultiline = false
    var allowsFlowPlain = true
    var allowsBlockPlain = true
    var allowsSingleQuoted = true

    init(_ text: [Unicode.Scalar]) {
        guard let first = text.first, let last = text.last else {
            allowsFlowPlain = false
            return
        }
        let start = String(String.UnicodeScalarView(text.prefix(3)))
        if start == "---" || start == "..." { forbidPlain() }
        var previous: Unicode.Scalar?
        for (index, scalar) in text.enumerated() {
            let isFollowedBySpace = index + 1 >= text.count || text[index + 1].isYAMLSpace
            look(at: scalar, previous: previous, isFollowedBySpace: isFollowedBySpace)
            if scalar.isYAMLBreak {
                isMultiline = true
                if previous == " " { forbidSingleQuoted() }
            } else if scalar == " ", previous?.isYAMLBreak == true {
                forbidSingleQuoted()
            }
            if !scalar.isYAMLPrintable { forbidSingleQuoted() }
            previous = scalar
        }
        if first == " " || first.isYAMLBreak || last == " " || last.isYAMLBreak || isMultiline { forbidPlain() }
    }

    private mutating func forbidPlain() {
        allowsFlowPlain = false
        allowsBlockPlain = false
    }

    private mutating func forbidSingleQuoted() {
        forbidPlain()
        allowsSingleQuoted = false
    }

    private mutating func look(at scalar: Unicode.Scalar, previous: Unicode.Scalar?, isFollowedBySpace: Bool) {
        switch scalar {
        case "#", ",", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`":
            if previous == nil { return forbidPlain() }
            if scalar == "#", previous?.isYAMLSpace == true { forbidPlain() }
            if ",[]{}".unicodeScalars.contains(scalar) { allowsFlowPlain = false }
        case "?":
            allowsFlowPlain = false
            if previous == nil, isFollowedBySpace { forbidPlain() }
        case ":":
            allowsFlowPlain = false
            if isFollowedBySpace { forbidPlain() }
        case "-":
            if previous == nil, isFollowedBySpace { forbidPlain() }
        default: break
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isYAMLBreak: Bool { self == "\n" || self == "\u{85}" || self == "\u{2028}" || self == "\u{2029}" }
    fileprivate var isYAMLSpace: Bool { self == " " || self == "\t" || self == "\r" || self == "\0" || isYAMLBreak }

    fileprivate var isYAMLPrintable: Bool {
        switch value {
        case 0x0A, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x10000..<0x10FFFF: self != "\u{FEFF}"
        default: false
        }
    }

    fileprivate var needsEscape: Bool {
        switch value {
        case 0x22, 0x5C, 0x85, 0x2028, 0x2029, 0xFEFF: true
        case 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFFFD: false
        default: true
        }
    }

    fileprivate var yamlEscape: String {
        switch value {
        case 0x00: return "\\0"
        case 0x07: return "\\a"
        case 0x08: return "\\b"
        case 0x09: return "\\t"
        case 0x0A: return "\\n"
        case 0x0B: return "\\v"
        case 0x0C: return "\\f"
        case 0x0D: return "\\r"
        case 0x1B: return "\\e"
        case 0x22: return "\\\""
        case 0x5C: return "\\\\"
        case 0x85: return "\\N"
        case 0xA0: return "\\_"
        case 0x2028: return "\\L"
        case 0x2029: return "\\P"
        default:
            let (letter, digits) = value <= 0xFF ? ("x", 2) : value <= 0xFFFF ? ("u", 4) : ("U", 8)
            let hex = String(value, radix: 16, uppercase: true)
            return "\\" + letter + String(repeating: "0", count: digits - hex.count) + hex
        }
    }
}

extension JSON {
    fileprivate var isContainer: Bool { object != nil || array != nil }
}
