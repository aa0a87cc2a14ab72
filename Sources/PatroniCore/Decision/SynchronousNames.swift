// `synchronous_standby_names`: whom PostgreSQL's commits wait for, read and written.

/// One value of the setting (HA-187).
public struct SynchronousNames: Sendable, Hashable {
    public enum Method: Sendable, Hashable {
        /// The first ones of the list that are connected.
        case first
        case any
    }

    public var method: Method
    /// How many of them a commit waits for.
    public var count: Int
    /// Without `*`.
    public var names: [MemberName]
    /// `*`: whoever is connected.
    public var hasAnybody: Bool

    init(_ method: Method, _ count: Int, _ names: [MemberName], hasAnybody: Bool = false) {
        self.method = method
        self.count = count
        self.names = names
        self.hasAnybody = hasAnybody
    }

    /// Commits wait for nobody.
    public static let nobody = SynchronousNames(.first, 0, [])
    /// Commits wait for any one standby, whichever comes (HA-188).
    public static let anybody = anybody(.first)
    static func anybody(_ method: Method) -> SynchronousNames { SynchronousNames(method, 1, [], hasAnybody: true) }
    /// Commits wait for every one of these.
    public static func all(_ names: [MemberName]) -> SynchronousNames {
        SynchronousNames(.first, names.count, names.sorted())
    }

    /// Commits wait for `count` of these, whichever are fastest.
    public static func any(_ count: Int, of names: [MemberName]) -> SynchronousNames {
        SynchronousNames(.any, count, names.sorted())
    }
    /// Commits wait for `count` of these, the first of the list that are connected.
    public static func first(_ count: Int, of names: [MemberName]) -> SynchronousNames {
        SynchronousNames(.first, count, names.sorted())
    }

    /// Does every commit wait for this one?
    public func waitsFor(_ name: MemberName) -> Bool {
        !hasAnybody && count >= names.count && names.contains { $0.matches(name) }
    }

    /// The same in effect: order and case of the names don't matter where commits wait for all of them.
    public func means(_ other: SynchronousNames) -> Bool {
        count == other.count && method == other.method && hasAnybody == other.hasAnybody
            && (names == other.names || Set(names.map(\.folded)) == Set(other.names.map(\.folded)))
    }

    /// As it is written; nil when commits wait for nobody.
    public var text: String? {
        let list = names.map { Self.quoted($0.text) } + (hasAnybody ? ["*"] : [])
        guard let first = list.first else { return nil }
        if list.count == 1, method == .first { return first }
        return "\(method == .any ? "ANY " : "")\(count) (\(list.joined(separator: ",")))"
    }

    private static func isPlain(_ name: String) -> Bool {
        let letters = name.utf8.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 & ~0x20 || $0 == UInt8(ascii: "_") }
        guard letters.first == true, !["first", "any"].contains(name.lowercased()) else { return false }
        return zip(name.utf8, letters).allSatisfy { character, isLetter in
            isLetter || UInt8(ascii: "0")...UInt8(ascii: "9") ~= character || character == UInt8(ascii: "$")
        }
    }

    private static func quoted(_ name: String) -> String {
        isPlain(name)
            ? name
            : "\""
                + name.split(separator: "\"", omittingEmptySubsequences: false)
                .joined(separator: "\"\"") + "\""
    }
}

extension SynchronousNames {
    /// What PostgreSQL would understand; nil for what it would refuse.
    public init?(parsing text: String) {
        guard var tokens = Self.tokens(text)?[...] else { return nil }
        guard !tokens.isEmpty else {
            self = .nobody
            return
        }
        var method = Method.first
        var count: Int?
        if tokens.last == .close {
            tokens.removeLast()
            if case .word(let word)? = tokens.first, ["first", "any"].contains(word.lowercased()) {
                method = word.lowercased() == "any" ? .any : .first
                tokens.removeFirst()
            }
            guard case .word(let digits)? = tokens.popFirst(), let number = Int(digits), number > 0,
                tokens.popFirst() == .open
            else { return nil }
            count = number
        }
        var names: [MemberName] = []
        var hasAnybody = false
        for (index, token) in tokens.enumerated() {
            switch (token, index % 2) {
            case (.word("*"), 0): hasAnybody = true
            case (.word(let name), 0), (.quoted(let name), 0): names.append(MemberName(name))
            case (.comma, 1): break
            default: return nil
            }
        }
        guard tokens.count % 2 == 1 else { return nil }
        self.init(method, count ?? 1, names, hasAnybody: hasAnybody)
    }

    private enum Token: Equatable {
        case word(String)
        case quoted(String)
        case comma
        case open
        case close
    }

    private static func tokens(_ text: String) -> [Token]? {
        var tokens: [Token] = []
        var rest = Substring(text)
        while let character = rest.first {
            switch character {
            case ",": tokens.append(.comma)
            case "(": tokens.append(.open)
            case ")": tokens.append(.close)
            case "*": tokens.append(.word("*"))
            case "\"":
                guard let (name, after) = quotedName(rest.dropFirst()) else { return nil }
                tokens.append(.quoted(name))
                rest = after
                continue
            case _ where character.isWhitespace: break
            default:
                let word = rest.prefix { $0 == "_" || $0 == "$" || $0.isLetter || $0.isNumber }
                guard !word.isEmpty else { return nil }
                tokens.append(.word(String(word)))
                rest = rest.dropFirst(word.count)
                continue
            }
            rest = rest.dropFirst()
        }
        return tokens
    }

    /// Up to the closing quote; two quotes stand for one.
    private static func quotedName(_ text: Substring) -> (name: String, after: Substring)? {
        var name = ""
        var rest = text
        while let character = rest.popFirst() {
            if character != "\"" {
                name.append(character)
            } else if rest.first == "\"" {
                name.append("\"")
                rest.removeFirst()
            } else {
                return (name, rest)
            }
        }
        return nil
    }
}

extension MemberName {
    /// For sets of names as PostgreSQL compares them.
    var folded: String { isLowerCase ? text : text.lowercased() }

    /// Surely: nearly all names are, and this is asked every second.
    var isLowerCase: Bool { text.utf8.allSatisfy { $0 < 0x80 && !(0x41...0x5A).contains($0) } }
}
