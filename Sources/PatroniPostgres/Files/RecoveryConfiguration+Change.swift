// Does a running standby already follow whom it should, and if not, what does it take (HA-254 to HA-260)?

import PatroniCore

/// What has to be done so that a running server follows its upstream.
public enum RecoveryChange: Sendable, Hashable {
    case none
    /// Write the configuration and reload.
    case reload(because: [String])
    /// Write the configuration and restart.
    case restart(because: [String])

    public var reasons: [String] {
        switch self {
        case .none: []
        case .reload(let reasons), .restart(let reasons): reasons
        }
    }
}

/// What a running server says about its recovery.
public struct RunningRecovery: Sendable, Equatable {
    /// Rows of pg_settings for the recovery settings.
    public var parameters: [RunningParameter]
    /// The live WAL receiver, which may still use older values than pg_settings shows.
    public var receiver: Receiver?
    public var hasStandbySignal: Bool
    /// The content of the passfile that primary_conninfo names; nil when it can't be read.
    public var passfile: String?

    public struct Receiver: Sendable, Equatable {
        public var conninfo: String
        public var slotName: String?

        public init(conninfo: String, slotName: String?) {
            self.conninfo = conninfo
            self.slotName = slotName
        }
    }

    public init(
        parameters: [RunningParameter], receiver: Receiver?, hasStandbySignal: Bool, passfile: String?
    ) {
        self.parameters = parameters
        self.receiver = receiver
        self.hasStandbySignal = hasStandbySignal
        self.passfile = passfile
    }
}

extension RecoveryConfiguration {
    /// The settings whose values are compared; the others only matter at the end of a recovery.
    public static let compared = ParameterRule.recoverySettings.map(\.name).filter {
        $0 != "recovery_target_inclusive" && $0 != "recovery_target_action"
    }

    /// Settings that stand elsewhere stay as they are when our configuration doesn't mention them (HA-257).
    private static let mayStandElsewhere: Set<String> = [
        "archive_cleanup_command", "promote_trigger_file", "recovery_end_command", "recovery_min_apply_delay",
        "restore_command",
    ]

    /// Compares. `isFirstLook`: the agent has just found this server running, so its file is written anew once (HA-260).
    public static func change(
        to wanted: RecoverySettings, from running: RunningRecovery, _ server: LocalServer, isFirstLook: Bool
    ) -> RecoveryChange {
        guard running.hasStandbySignal else { return .restart(because: ["standby.signal is missing"]) }
        var reload: [String] = isFirstLook ? ["this server was found running"] : []
        var restart: [String] = []
        for row in running.parameters where compared.contains(row.name.lowercased()) {
            guard !isForeign(row, wanted, server), let difference = difference(row, wanted, running, server) else {
                continue
            }
            if row.needsRestart { restart.append(difference) } else { reload.append(difference) }
        }
        if !restart.isEmpty { return .restart(because: restart) }
        return reload.isEmpty ? .none : .reload(because: reload)
    }

    private static func isForeign(_ row: RunningParameter, _ wanted: RecoverySettings, _ server: LocalServer) -> Bool {
        guard mayStandElsewhere.contains(row.name), wanted.parameters[row.name] == nil else { return false }
        return row.sourceFile != server.files.configuration && row.sourceFile != server.files.automaticConfiguration
    }

    private static func difference(
        _ row: RunningParameter, _ wanted: RecoverySettings, _ running: RunningRecovery, _ server: LocalServer
    ) -> String? {
        switch row.name {
        case "primary_conninfo": return conninfoDifference(row.setting, wanted.upstream, running, server)
        case "primary_slot_name":
            guard wanted.upstream != nil else { return nil }
            let current = running.receiver.map { $0.slotName ?? "" } ?? row.setting
            let slot = wanted.parameters[row.name] ?? ""
            return current == slot ? nil : "primary_slot_name: '\(current)' instead of '\(slot)'"
        case "recovery_min_apply_delay":
            let delay = wanted.parameters[row.name] ?? "0"
            return ParameterText.areEqual(row.setting, delay, type: "integer", unit: "ms")
                ? nil : "\(row.name): '\(row.setting)' instead of '\(delay)'"
        default:
            let value = wanted.parameters[row.name] ?? ""
            return row.setting == value ? nil : "\(row.name): '\(row.setting)' instead of '\(value)'"
        }
    }

    private static func conninfoDifference(
        _ setting: String, _ wanted: ConnectionString?, _ running: RunningRecovery, _ server: LocalServer
    ) -> String? {
        guard let wanted else { return setting.isEmpty ? nil : "primary_conninfo: set, but nobody is to be followed" }
        if setting.isEmpty { return "primary_conninfo: empty" }
        guard let written = ConnectionString(parsing: setting) else { return "primary_conninfo: not readable" }
        var current = written
        if let receiver = running.receiver, let live = ConnectionString(parsing: receiver.conninfo) {
            current = live
            // The receiver masks its password, and its database is always `replication`.
            current["dbname"] = written["dbname"]
            current["password"] = written["password"]
        }
        if current["passfile"] != nil, current["password"] == nil, let password = wanted["password"] {
            guard let passfile = running.passfile, Passfile.holds(passfile, wanted) else {
                return "primary_conninfo: the passfile holds other passwords"
            }
            current["password"] = password
        }
        for (keyword, value) in wanted.parameters.sorted(by: { $0.key < $1.key }) {
            // Servers before 17 have no use for a database here (HA-258).
            if keyword == "dbname", server.version < 170_000 { continue }
            let now = current[keyword] ?? defaults[keyword]
            if now != value {
                return keyword == "password"
                    ? "primary_conninfo: another password"
                    : "primary_conninfo: \(keyword)=\(now ?? "") instead of \(value)"
            }
        }
        return nil
    }

    /// What a missing keyword means, so that a string written by somebody else compares equal.
    private static let defaults = [
        "sslmode": "prefer", "gssencmode": "prefer", "channel_binding": "prefer", "sslnegotiation": "postgres",
    ]
}
