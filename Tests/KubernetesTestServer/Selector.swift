// Label and field selectors as the API server reads them.

import PatroniCore

/// What a list or a watch is restricted to.
struct Selector: Sendable, Hashable {
    enum Term: Sendable, Hashable {
        case isIn(String, Set<String>)
        /// Also true for objects without the label.
        case isNotIn(String, Set<String>)
        case exists(String)
        case isAbsent(String)
        case hasName(String)
    }

    var terms: [Term] = []

    init() {}

    init(labels: String?, fields: String?) throws(StatusError) {
        for part in Self.split(labels ?? "") { terms.append(try Self.term(part)) }
        for part in Self.split(fields ?? "") {
            let sides = part.replacing("==", with: "=").split(separator: "=", maxSplits: 1)
            guard let name = sides.first, sides.count == 2, name == "metadata.name" else {
                throw .badRequest(
                    """
                    "\(sides.first ?? "")" is not a known field selector: only "metadata.name", "metadata.namespace"
                    """)
            }
            terms.append(.hasName(String(sides[1])))
        }
    }

    func matches(_ object: JSONObject) -> Bool {
        let metadata = object["metadata"]?.object ?? [:]
        let labels = metadata["labels"]?.object ?? [:]
        return terms.allSatisfy { term in
            switch term {
            case .isIn(let label, let values): labels[label]?.string.map(values.contains) ?? false
            case .isNotIn(let label, let values): !(labels[label]?.string.map(values.contains) ?? false)
            case .exists(let label): labels[label] != nil
            case .isAbsent(let label): labels[label] == nil
            case .hasName(let name): metadata["name"]?.string == name
            }
        }
    }

    /// At the commas that are not between parentheses.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        var part = ""
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 {
                parts.append(part)
                part = ""
            } else {
                part.append(character)
            }
        }
        return (parts + [part]).map { $0.trimmed }.filter { !$0.isEmpty }
    }

    private static func term(_ text: String) throws(StatusError) -> Term {
        if let match = text.wholeMatch(of: #/([^\s=!,()]+)\s+(in|notin)\s*\(([^()]*)\)/#) {
            let values = Set(match.3.split(separator: ",").map { String($0).trimmed })
            return match.2 == "in" ? .isIn(String(match.1), values) : .isNotIn(String(match.1), values)
        }
        if let match = text.wholeMatch(of: #/([^\s=!,()]+)\s*(==?|!=)\s*([^\s=!,()]*)/#) {
            return match.2 == "!="
                ? .isNotIn(String(match.1), [String(match.3)]) : .isIn(String(match.1), [String(match.3)])
        }
        if let match = text.wholeMatch(of: #/!\s*([^\s=!,()]+)/#) { return .isAbsent(String(match.1)) }
        if text.wholeMatch(of: #/[^\s=!,()]+/#) != nil { return .exists(text) }
        let start = text.hasPrefix("==") ? "==" : String(text.prefix(1))
        throw .badRequest("found '\(start)', expected: !, identifier, or 'end of string'")
    }
}

extension String {
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
