// Splits an operator's command line into words as a POSIX shell does, without ever starting a shell.

/// A command and its first arguments, as the configuration gives them.
public struct CommandWords: Sendable, Hashable {
    public var executable: String
    public var arguments: [String]

    /// Nil when there is no word in it, or a quote is not closed.
    public init?(_ text: String) {
        var words: [String] = []
        var word = ""
        var isInWord = false
        var rest = Substring(text)
        while let character = rest.popFirst() {
            switch character {
            case "'":
                guard let end = rest.firstIndex(of: "'") else { return nil }
                word += rest[..<end]
                rest = rest[rest.index(after: end)...]
                isInWord = true
            case "\"":
                guard let quoted = Self.doubleQuoted(&rest) else { return nil }
                word += quoted
                isInWord = true
            case "\\":
                guard let next = rest.popFirst() else { return nil }
                word.append(next)
                isInWord = true
            case _ where character.isWhitespace:
                if isInWord { words.append(word) }
                word = ""
                isInWord = false
            default:
                word.append(character)
                isInWord = true
            }
        }
        if isInWord { words.append(word) }
        guard let first = words.first, !first.isEmpty else { return nil }
        executable = first
        arguments = Array(words.dropFirst())
    }

    private static func doubleQuoted(_ rest: inout Substring) -> String? {
        var text = ""
        while let character = rest.popFirst() {
            if character == "\"" { return text }
            if character == "\\", let next = rest.first, next == "\"" || next == "\\" {
                text.append(next)
                rest.removeFirst()
            } else {
                text.append(character)
            }
        }
        return nil
    }
}

/// The placeholders of archive_command and restore_command.
enum ArchiveCommand {
    /// `%p` is the file's path, `%f` its name, `%r` the oldest file that is needed, `%%` a percent sign.
    static func text(_ template: String, path: String, file: String) -> String {
        var out = ""
        var rest = Substring(template)
        while let character = rest.popFirst() {
            guard character == "%" else {
                out.append(character)
                continue
            }
            switch rest.first {
            case "p": out += path
            case "f": out += file
            case "r": out += "000000010000000000000001"
            case "%": out += "%"
            default:
                out += "%"
                continue
            }
            rest.removeFirst()
        }
        return out
    }
}
