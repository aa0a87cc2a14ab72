// What a setting accepts, and how a wrong value is put right before it reaches a configuration file (CFG-265).

/// One setting's rule for a range of server versions; versions are numbers like 150018.
public struct ParameterRule: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case bool
        case integer(Int64, Int64, unit: String?)
        case real(Double, Double, unit: String?)
        case enumeration([String])
        /// A boolean, or one of these words.
        case boolOrWord([String])
        case text
    }

    public let name: String
    public let kind: Kind
    public let from: Int
    public let until: Int

    func applies(to version: Int) -> Bool { version >= from && version < until }
}

extension ParameterRule {
    static func bool(_ name: String, from: Int = 0, until: Int = .max) -> ParameterRule {
        ParameterRule(name: name, kind: .bool, from: from, until: until)
    }
    static func integer(
        _ name: String, _ low: Int64, _ high: Int64, unit: String? = nil, from: Int = 0, until: Int = .max
    ) -> ParameterRule {
        ParameterRule(name: name, kind: .integer(low, high, unit: unit), from: from, until: until)
    }
    static func real(
        _ name: String, _ low: Double, _ high: Double, unit: String? = nil, from: Int = 0, until: Int = .max
    ) -> ParameterRule {
        ParameterRule(name: name, kind: .real(low, high, unit: unit), from: from, until: until)
    }
    static func enumeration(_ name: String, _ words: [String], from: Int = 0, until: Int = .max) -> ParameterRule {
        ParameterRule(name: name, kind: .enumeration(words), from: from, until: until)
    }
    static func boolOrWord(_ name: String, _ words: [String], from: Int = 0, until: Int = .max) -> ParameterRule {
        ParameterRule(name: name, kind: .boolOrWord(words), from: from, until: until)
    }
    static func text(_ name: String, from: Int = 0, until: Int = .max) -> ParameterRule {
        ParameterRule(name: name, kind: .text, from: from, until: until)
    }
}

/// What became of a value on its way into a file.
public enum CheckedParameter: Sendable, Equatable {
    case accepted(String)
    /// Out of range, moved to the nearest end of it.
    case clamped(String, warning: String)
    case dropped(warning: String)

    public var value: String? {
        switch self {
        case .accepted(let value), .clamped(let value, _): value
        case .dropped: nil
        }
    }

    public var warning: String? {
        switch self {
        case .accepted: nil
        case .clamped(_, let warning), .dropped(let warning): warning
        }
    }
}

extension ParameterRule {
    func check(_ value: String) -> CheckedParameter {
        switch kind {
        case .text: return .accepted(value)
        case .bool:
            return ParameterText.truth(value) == nil
                ? .dropped(warning: "removing \(name) = '\(value)': it is on or off") : .accepted(value)
        case .boolOrWord(let words):
            return ParameterText.truth(value) == nil && !words.contains(value.lowercased())
                ? .dropped(warning: "removing \(name) = '\(value)': it is on, off or \(Self.list(words))")
                : .accepted(value)
        case .enumeration(let words):
            return words.contains(value.lowercased())
                ? .accepted(value)
                : .dropped(warning: "removing \(name) = '\(value)': it is one of \(Self.list(words))")
        case .integer(let low, let high, let unit):
            guard let number = ParameterNumber.integer(value, unit: unit) else { return notANumber(value, unit) }
            if number >= low, number <= high { return .accepted(value) }
            return clamped(value, to: String(number < low ? low : high), unit)
        case .real(let low, let high, let unit):
            guard let number = ParameterNumber.real(value, unit: unit) else { return notANumber(value, unit) }
            if number >= low, number <= high { return .accepted(value) }
            return clamped(value, to: ParameterNumber.plain(number < low ? low : high), unit)
        }
    }

    private func clamped(_ value: String, to limit: String, _ unit: String?) -> CheckedParameter {
        // Written without a unit, as Patroni does: then it counts in the setting's own.
        .clamped(limit, warning: "\(name) = '\(value)' is out of range: using \(limit)\(unit.map { " (\($0))" } ?? "")")
    }

    private func notANumber(_ value: String, _ unit: String?) -> CheckedParameter {
        .dropped(warning: "removing \(name) = '\(value)': it is a number\(unit.map { " in \($0)" } ?? "")")
    }

    private static func list(_ words: [String]) -> String { words.joined(separator: ", ") }
}
