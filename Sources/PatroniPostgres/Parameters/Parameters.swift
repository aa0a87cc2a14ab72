// PostgreSQL's settings as the configuration files carry them: names in any case, values as text.

import PatroniCore

/// Settings by name; the case of names doesn't matter but is kept (CFG-023).
public struct Parameters: Sendable, Hashable {
    private struct Entry: Sendable, Hashable {
        var name: String
        var value: String
    }

    private var entries: [String: Entry] = [:]

    public init() {}

    public init(_ pairs: some Sequence<(String, String)>) {
        for (name, value) in pairs { self[name] = value }
    }

    /// Reads the values of a configuration section; a null is no setting.
    public init(_ json: JSONObject) {
        for (name, value) in json.pairs { self[name] = Self.text(value) }
    }

    public subscript(name: String) -> String? {
        get { entries[name.lowercased()]?.value }
        set { entries[name.lowercased()] = newValue.map { Entry(name: name, value: $0) } }
    }

    public var isEmpty: Bool { entries.isEmpty }
    public var names: [String] { entries.values.map(\.name) }

    /// In the order in which they are written: by name, capitals first, as Patroni sorts them.
    public var sorted: [(name: String, value: String)] {
        entries.values.sorted { $0.name < $1.name }.map { ($0.name, $0.value) }
    }

    /// These settings, with those of `other` over them.
    public func merging(_ other: Parameters) -> Parameters {
        var result = self
        for (name, value) in other.sorted { result[name] = value }
        return result
    }

    public func filter(_ isIncluded: (String) -> Bool) -> Parameters {
        Parameters(sorted.filter { isIncluded($0.name) }.map { ($0.name, $0.value) })
    }

    /// A configuration value as PostgreSQL is told it; nil for null.
    ///
    /// Booleans are spelt as Patroni spells them, so that both write the same file.
    public static func text(_ value: JSON) -> String? {
        switch value {
        case .null: nil
        case .bool(let value): value ? "True" : "False"
        case .string(let value): value
        default: value.text()
        }
    }
}

extension Parameters: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements)
    }
}
