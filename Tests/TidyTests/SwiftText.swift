// Reads Swift just well enough to tell code from comments and strings, and where functions begin and end.

enum SwiftText {
    /// The text with comments and string literals blanked out; every line keeps its number.
    static func codeOnly(_ text: String) -> String {
        var scanner = Scanner(bytes: Array(text.utf8))
        return scanner.run()
    }

    /// A function's first line, its name and how many lines it takes, signature included.
    struct Function: Equatable {
        var name: String
        var line: Int
        var length: Int
    }

    /// Functions, initialisers and deinitialisers with a body.
    static func functions(in text: String) -> [Function] {
        var finder = FunctionFinder()
        for (offset, line) in codeOnly(text).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            finder.read(line, number: offset + 1)
        }
        return finder.found
    }
}

private struct Scanner {
    let bytes: [UInt8]
    var at = 0
    var out: [UInt8] = []

    init(bytes: [UInt8]) {
        self.bytes = bytes
        out.reserveCapacity(bytes.count)
    }

    mutating func run() -> String {
        while at < bytes.count {
            if starts("//") {
                skip(to: "\n")
            } else if starts("/*") {
                blockComment()
            } else if let hashes = stringOpening() {
                literal(hashes: hashes)
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    func starts(_ mark: StaticString, at position: Int? = nil) -> Bool {
        let position = position ?? at
        guard position + mark.utf8CodeUnitCount <= bytes.count else { return false }
        return mark.withUTF8Buffer { $0.indices.allSatisfy { bytes[position + $0] == mark.byte($0) } }
    }

    mutating func blank() {
        out.append(bytes[at] == UInt8(ascii: "\n") ? UInt8(ascii: "\n") : UInt8(ascii: " "))
        at += 1
    }

    mutating func skip(to mark: StaticString) {
        while at < bytes.count, !starts(mark) { blank() }
    }

    mutating func blockComment() {
        var depth = 0
        repeat {
            if starts("/*") { depth += 1 } else if starts("*/") { depth -= 1 }
            blank()
        } while at < bytes.count && depth > 0
        if at < bytes.count { blank() }
    }

    /// How many `#` stand before the quote that begins here, or nil.
    func stringOpening() -> Int? {
        var position = at
        while position < bytes.count, bytes[position] == UInt8(ascii: "#") { position += 1 }
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
        return position - at
    }

    mutating func literal(hashes: Int) {
        for _ in 0..<hashes { blank() }
        let isLong = starts("\"\"\"")
        for _ in 0..<(isLong ? 3 : 1) { blank() }
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "\\"), escapes(hashes: hashes) {
                if at + 1 + hashes < bytes.count, bytes[at + 1 + hashes] == UInt8(ascii: "(") {
                    for _ in 0..<(1 + hashes) { blank() }
                    interpolation()
                } else {
                    for _ in 0..<min(2 + hashes, bytes.count - at) { blank() }
                }
            } else if isLong ? starts("\"\"\"") : bytes[at] == UInt8(ascii: "\"") {
                for _ in 0..<min((isLong ? 3 : 1) + hashes, bytes.count - at) { blank() }
                return
            } else {
                blank()
            }
        }
    }

    func escapes(hashes: Int) -> Bool {
        (0..<hashes).allSatisfy { at + 1 + $0 < bytes.count && bytes[at + 1 + $0] == UInt8(ascii: "#") }
    }

    /// From `(` to its `)`; strings inside may hold brackets of their own.
    mutating func interpolation() {
        var depth = 0
        repeat {
            if let hashes = stringOpening() {
                literal(hashes: hashes)
                continue
            }
            if bytes[at] == UInt8(ascii: "(") { depth += 1 }
            if bytes[at] == UInt8(ascii: ")") { depth -= 1 }
            blank()
        } while at < bytes.count && depth > 0
    }
}

extension StaticString {
    fileprivate func byte(_ index: Int) -> UInt8 { withUTF8Buffer { $0[index] } }
}

private struct FunctionFinder {
    private struct Open {
        var name: String
        var line: Int
        var depth: Int
    }

    var found: [SwiftText.Function] = []
    private var open: [Open] = []
    /// A signature whose body has not begun.
    private var pending: (name: String, line: Int)?
    private var braces = 0
    private var brackets = 0

    mutating func read(_ line: Substring, number: Int) {
        if brackets == 0, let name = Self.declaredName(in: line) {
            pending = (name, number)
        } else if brackets == 0, pending != nil, Self.startsAnotherDeclaration(line) {
            pending = nil
        }
        for character in line.utf8 {
            switch character {
            case UInt8(ascii: "("), UInt8(ascii: "["): brackets += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): brackets -= 1
            case UInt8(ascii: "{"):
                if brackets == 0, let waiting = pending {
                    open.append(Open(name: waiting.name, line: waiting.line, depth: braces))
                    pending = nil
                }
                braces += 1
            case UInt8(ascii: "}"):
                braces -= 1
                if let last = open.last, last.depth == braces {
                    open.removeLast()
                    found.append(.init(name: last.name, line: last.line, length: number - last.line + 1))
                }
            default: break
            }
        }
    }

    private static func declaredName(in line: Substring) -> String? {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "(" || $0 == "<" || $0 == "?" })
        for (index, word) in words.enumerated() {
            switch word {
            case "func": return words.dropFirst(index + 1).first.map(String.init)
            case "init", "deinit", "subscript": return String(word)
            case "public", "private", "fileprivate", "internal", "static", "mutating", "override", "convenience",
                "nonisolated", "package", "isolated", "consuming", "borrowing", "required", "final":
                continue
            default:
                if word.hasPrefix("@") || word.hasSuffix(")") { continue }
                return nil
            }
        }
        return nil
    }

    private static func startsAnotherDeclaration(_ line: Substring) -> Bool {
        let word = line.split(separator: " ").first ?? ""
        return ["var", "let", "case", "associatedtype", "typealias", "struct", "enum", "}"].contains(word)
    }
}
