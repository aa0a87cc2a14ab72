// What is known about one setting: the parser, the checks, the environment and the documentation all come from it.

import PatroniCore

/// One setting, declared once in ``Schema``.
public struct Setting: Sendable {
    /// What may stand there.
    public enum Kind: Sendable, Hashable {
        /// Any single value; numbers and booleans are taken as the text they are written as.
        case text
        /// on/off, true/false, yes/no, 1/0.
        case flag
        /// A whole number; `unit` is the one it counts in when a suffix may be given (`s`, `B`).
        case whole(ClosedRange<Int64>, unit: String? = nil)
        /// One of these words, in any case.
        case choice([String])
        /// `host:port`; without a default the port has to be there.
        case address(defaultPort: Int?)
        /// Addresses, comma separated, with one port.
        case addresses(defaultPort: Int)
        /// A list of texts, or one comma-separated text.
        case list
        /// A list of texts in which commas mean nothing.
        case lines
        /// Names with values.
        case table
        /// Long options of a program: a list of words and one-key tables, or one table.
        case options
        /// A list or one text.
        case textOrList
        /// Anything; whoever uses it checks it.
        case anything
    }

    /// Where it may stand.
    public enum Place: Sendable, Hashable {
        case local
        case dynamic
        /// In both; the local one wins (CFG-016).
        case both
    }

    /// When a change is felt.
    public enum Effect: Sendable, Hashable {
        case reload
        /// With the next restart of the agent.
        case restart
        /// Only while a new cluster is being made.
        case bootstrap
        /// With the next turn of the loop.
        case nextTurn
        /// After PostgreSQL has been restarted.
        case pendingRestart
    }

    /// Dotted, from the root of the file; a dynamic setting's from the root of the `config` key.
    public let path: String
    public let kind: Kind
    public let isRequired: Bool
    /// As it would be written; nil: nothing.
    public let fallback: JSON?
    public let place: Place
    public let effect: Effect
    /// Names of variables without `PATRONI_`; the first that is set counts, the others are older spellings.
    public let environment: [String]
    /// One line for documentation and messages.
    public let help: String

    init(
        _ path: String, _ kind: Kind, required: Bool = false, default fallback: JSON? = nil, in place: Place = .local,
        _ effect: Effect = .reload, env environment: String..., help: String
    ) {
        self.path = path
        keys = path.split(separator: ".").map(String.init)
        self.kind = kind
        self.isRequired = required
        self.fallback = fallback
        self.place = place
        self.effect = effect
        self.environment = environment
        self.help = help
    }

    private init(_ other: Setting, kind: Kind) {
        path = other.path
        keys = other.keys
        self.kind = kind
        isRequired = other.isRequired
        fallback = other.fallback
        place = other.place
        effect = other.effect
        environment = other.environment
        help = other.help
    }

    func with(kind: Kind) -> Setting { Setting(self, kind: kind) }

    /// The path's parts.
    public let keys: [String]
}

extension Setting {
    /// Why `value` may not stand here, as the end of a sentence that begins with key and value; nil: it may.
    public func complaint(about value: JSON) -> String? {
        switch kind {
        case .text: return value.isScalar ? nil : "expected one text"
        case .flag: return Tags.truth(value) == nil ? "expected true or false (also on/off, yes/no, 1/0)" : nil
        case .whole(let range, let unit):
            guard let number = SettingNumber.whole(value, unit: unit), range.contains(number) else {
                return "expected a whole number\(Self.words(for: range))" + (unit.map { " (counted in \($0))" } ?? "")
            }
            return nil
        case .choice(let words):
            let text = value.pythonText.lowercased()
            return value.isScalar && words.contains { $0.lowercased() == text }
                ? nil : "expected one of " + words.joined(separator: ", ")
        case .address(let port): return Self.complaint(aboutAddress: value, defaultPort: port)
        case .addresses: return Self.complaint(aboutAddresses: value)
        case .list: return Self.texts(value) == nil ? "expected a list of texts" : nil
        case .lines:
            return value.array?.allSatisfy(\.isScalar) == true ? nil : "expected a list of texts"
        case .textOrList: return value.object == nil ? nil : "expected a text or a list"
        case .table: return value.object == nil ? "expected names with values" : nil
        case .options:
            return ToolOption.read(value) == nil
                ? "expected a list of options, each a word or one 'name: value', or a table of them" : nil
        case .anything: return nil
        }
    }

    private static func words(for range: ClosedRange<Int64>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): ""
        case (.min, let most): " of at most \(most)"
        case (let least, .max): " of at least \(least)"
        case (let least, let most): " from \(least) to \(most)"
        }
    }

    private static func complaint(aboutAddress value: JSON, defaultPort: Int?) -> String? {
        let wanted = defaultPort == nil ? "expected host:port" : "expected host or host:port"
        guard let text = value.string else { return wanted }
        guard let split = Address.split(text, defaultPort: defaultPort) else {
            return wanted + ", the port a number from 1 to 65535"
        }
        return split.host.contains(" ") ? wanted : nil
    }

    private static func complaint(aboutAddresses value: JSON) -> String? {
        let wanted = "expected address[,address…]:port, the port a number from 1 to 65535"
        guard let text = value.string, let split = Address.split(text, defaultPort: 5432), !split.host.contains(" ")
        else { return wanted }
        return nil
    }

    /// A list of texts from a list, or from a comma-separated text.
    static func texts(_ value: JSON) -> [String]? {
        switch value {
        case .array(let items):
            items.allSatisfy(\.isScalar) ? items.map(\.pythonText) : nil
        case .object: nil
        default:
            value.pythonText.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
        }
    }
}
