// PostgreSQL's parameters that must be the same on all members and are therefore only taken from the store
// (CFG-234 to CFG-248).

import PatroniCore

/// One such parameter.
public struct ControlledParameter: Sendable {
    enum Rule: Sendable {
        /// Set by the agent alone.
        case never
        case words([String])
        case flag
        case on
        case atLeast(Int64, unit: String?)
    }

    public let name: String
    /// Nil: there is no value unless somebody sets one.
    public let fallback: JSON?
    let rule: Rule

    public static let all: [ControlledParameter] = [
        .init(name: "listen_addresses", fallback: nil, rule: .never),
        .init(name: "port", fallback: nil, rule: .never),
        .init(name: "cluster_name", fallback: nil, rule: .never),
        .init(name: "wal_level", fallback: "hot_standby", rule: .words(["hot_standby", "replica", "logical"])),
        .init(name: "hot_standby", fallback: "on", rule: .on),
        .init(name: "max_connections", fallback: 100, rule: .atLeast(25, unit: nil)),
        .init(name: "max_wal_senders", fallback: 10, rule: .atLeast(3, unit: nil)),
        .init(name: "wal_keep_segments", fallback: nil, rule: .atLeast(1, unit: nil)),
        .init(name: "wal_keep_size", fallback: nil, rule: .atLeast(16, unit: "MB")),
        .init(name: "max_prepared_transactions", fallback: 0, rule: .atLeast(0, unit: nil)),
        .init(name: "max_locks_per_transaction", fallback: 64, rule: .atLeast(32, unit: nil)),
        .init(name: "track_commit_timestamp", fallback: "off", rule: .flag),
        .init(name: "max_replication_slots", fallback: 10, rule: .atLeast(4, unit: nil)),
        .init(name: "max_worker_processes", fallback: 8, rule: .atLeast(2, unit: nil)),
        .init(name: "wal_log_hints", fallback: "on", rule: .flag),
    ]

    public static func isControlled(_ name: String) -> Bool { find(name) != nil }

    private static func find(_ name: String) -> ControlledParameter? {
        let lowered = name.lowercased()
        return all.first { $0.name == lowered }
    }

    /// What to show when the value was refused.
    private var shownFallback: String {
        switch name {
        case "wal_keep_segments": "8"
        case "wal_keep_size": "128MB"
        default: fallback?.pythonText ?? "None"
        }
    }

    /// The value to use; nil when `value` is not allowed.
    private func accepted(_ value: JSON) -> JSON? {
        switch rule {
        case .never: return nil
        case .words(let words):
            guard let text = value.string, words.contains(text.lowercased()) else { return nil }
            return value
        case .flag:
            guard Tags.truth(value) != nil else { return nil }
            return value
        case .on:
            guard Tags.truth(value) == true else { return nil }
            return value
        case .atLeast(let least, let unit):
            guard let number = SettingNumber.whole(value, unit: unit), number >= least else { return nil }
            return SettingNumber.whole(value).map(JSON.int) ?? value
        }
    }

    /// The controlled parameters with defaults filled in, and a line for each value that was refused (CFG-022).
    public static func read(_ parameters: JSONObject) -> (values: JSONObject, warnings: [String]) {
        var values = JSONObject(all.compactMap { parameter in parameter.fallback.map { (parameter.name, $0) } })
        var warnings: [String] = []
        for (name, value) in parameters.pairs {
            guard let parameter = find(name), !value.isNull else { continue }
            if let accepted = parameter.accepted(value) {
                values[parameter.name] = accepted
            } else {
                warnings.append(
                    "postgresql parameter \(name)=\(value.pythonText) failed validation, defaulting to"
                        + " \(parameter.shownFallback)")
            }
        }
        return (values, warnings)
    }
}
