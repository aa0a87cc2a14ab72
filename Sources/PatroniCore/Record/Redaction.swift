// Nothing secret gets into a record: not from the store, not from an address, not from an error's text.

/// Takes secrets out of what is about to be written down. Doing it twice changes nothing, and no rule looks at what goes,
/// so a record decides the same as what it was made from.
public enum Redaction {
    static let mark = "***"

    /// Of the cluster's configuration only its presence counts for rules: what it means stands in the settings.
    static func observation(_ observation: Observation) -> Observation {
        var copy = observation
        if case .cluster(let cluster) = copy.store { copy.store = .cluster(withoutConfiguration(cluster)) }
        copy.lastClusterWithLeader = copy.lastClusterWithLeader.map(withoutConfiguration)
        return copy
    }

    private static func withoutConfiguration(_ cluster: Cluster) -> Cluster {
        var copy = cluster
        copy.configuration?.values = [:]
        for index in copy.members.indices { copy.members[index].pendingRestartReason = nil }
        return copy
    }

    /// Every text of a tree without passwords, and no value of a field whose name promises a secret.
    static func tree(_ json: JSON) -> JSON {
        switch json {
        case .string(let text): .string(self.text(text))
        case .array(let values): .array(values.map(tree))
        case .object(let object):
            .object(
                JSONObject(
                    object.pairs.map { key, value in
                        (key, isSecret(key) && !value.isNull ? .string(mark) : tree(value))
                    }))
        case .null, .bool, .int, .double: json
        }
    }

    private static let secretWords = ["password", "passwd", "passphrase", "secret", "conninfo", "authorization"]

    private static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        return secretWords.contains { key.contains($0) } || key.hasSuffix("command")
    }

    /// `scheme://user:word@host` without user and word, `password=word` without the word.
    public static func text(_ text: String) -> String {
        let isHarmless = !text.utf8.contains { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "@") }
        return isHarmless ? text : withoutWords(withoutUsers(text))
    }

    private static func withoutUsers(_ text: String) -> String {
        var out = ""
        var rest = text[...]
        while let mark = rest.firstRange(of: "://") {
            out += rest[..<mark.upperBound]
            rest = rest[mark.upperBound...]
            let authority = rest.prefix { !" /?#'\"".contains($0) }
            // A password may hold a slash that nobody escaped: whatever stands before the last @ of the word goes.
            let word = rest.prefix { !" '\"".contains($0) }
            if let at = authority.lastIndex(of: "@") ?? word.lastIndex(of: "@") {
                rest = rest[word.index(after: at)...]
            }
        }
        return out + rest
    }

    private static func withoutWords(_ text: String) -> String {
        var out = ""
        var rest = text[...]
        while let equals = rest.firstIndex(of: "=") {
            let before = rest[..<equals].reversed().drop { $0 == " " }
            let name = String(before.prefix { $0.isLetter || $0.isNumber || $0 == "_" }.reversed()).lowercased()
            out += rest[...equals]
            rest = rest[rest.index(after: equals)...]
            guard secretWords.contains(where: { name.contains($0) }) || name == "passfile" else { continue }
            let blanks = rest.prefix { $0 == " " }
            rest = rest[blanks.endIndex...]
            if let quote = rest.first, quote == "'" || quote == "\"" {
                let value = rest.dropFirst()
                rest = value.firstIndex(of: quote).map { value[value.index(after: $0)...] } ?? value[value.endIndex...]
            } else {
                rest = rest[rest.prefix { !" &'\"".contains($0) }.endIndex...]
            }
            out += mark
        }
        return out + rest
    }
}
