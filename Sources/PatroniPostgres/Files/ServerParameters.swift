// Which settings this server ought to have: the operator's, the controlled ones, and what follows from the cluster.

import PatroniConfiguration
import PatroniCore

/// Who decides about `synchronous_standby_names` (CFG-251).
public enum SynchronousStandbyNames: Sendable, Hashable {
    /// The operator: not in synchronous mode.
    case configured
    /// Synchronous mode; nil: none are synchronous at the moment.
    case managed(String?)
}

public enum ServerParameters {
    /// The settings that go on the postmaster's command line, in Patroni's order (CFG-234 to CFG-248).
    static let onCommandLine = [
        "listen_addresses", "port", "cluster_name", "wal_level", "hot_standby", "max_connections", "max_wal_senders",
        "max_prepared_transactions", "max_locks_per_transaction", "track_commit_timestamp", "max_replication_slots",
        "max_worker_processes", "wal_log_hints",
    ]

    /// Everything that `server` is to be told, before it is checked against the rules of its version.
    public static func wanted(_ server: LocalServer, synchronous: SynchronousStandbyNames = .configured) -> Parameters {
        let settings = server.settings
        var result = Parameters(settings.parameters).merging(Parameters(settings.controlledParameters))
        result["cluster_name"] = server.scope
        result["listen_addresses"] = settings.listenAddresses
        result["port"] = String(settings.port)
        if case .managed(let names) = synchronous { result["synchronous_standby_names"] = names }
        if result["wal_level"] == "hot_standby" { result["wal_level"] = "replica" }
        keepWAL(&result)
        for name in ["hba_file", "ident_file"] {
            if let path = result[name], !path.hasPrefix("/") {
                result[name] = "\(server.files.configurationDirectory)/\(path)"
            }
        }
        return result
    }

    /// Servers before 13 counted segments; with the usual 16 MB the meaning stays (CFG-242).
    private static func keepWAL(_ parameters: inout Parameters) {
        let segments = parameters["wal_keep_segments"].flatMap { ParameterNumber.integer($0, unit: nil) } ?? 8
        parameters["wal_keep_segments"] = nil
        if parameters["wal_keep_size"] == nil { parameters["wal_keep_size"] = "\(segments * 16)MB" }
    }

    /// Recovery settings among the ordinary ones stand in for `recovery_conf` (CFG-254).
    static func recoveryConfiguration(_ server: LocalServer) -> Parameters {
        let misplaced = Parameters(server.settings.parameters).filter(ParameterRules.isRecovery)
        return misplaced.isEmpty ? Parameters(server.settings.recoveryConfiguration) : misplaced
    }

    /// How the postmaster is started with these settings (HA-312).
    public static func launch(_ server: LocalServer, _ parameters: Parameters) -> PostmasterLaunch {
        PostmasterLaunch(
            dataDirectory: server.files.data, configurationFile: server.files.configuration,
            options: options(parameters))
    }

    /// The same settings as names with values, for ``PostmasterLaunch``.
    public static func options(_ parameters: Parameters) -> [(name: String, value: String)] {
        onCommandLine.compactMap { name in parameters[name].map { (name, $0) } }
    }

    /// What a setting is called in pg_controldata.
    private static let recorded = [
        ("max_connections", "max_connections setting"),
        ("max_prepared_transactions", "max_prepared_xacts setting"),
        ("max_locks_per_transaction", "max_locks_per_xact setting"),
        ("max_worker_processes", "max_worker_processes setting"),
        ("max_wal_senders", "max_wal_senders setting"),
    ]

    /// The settings of which a standby needs at least what its log's primary had.
    public static var neededByLog: [String] { recorded.map(\.0) }

    /// A standby must start with at least the values its primary had, or it stops at once (CFG-250). `controlData` are
    /// the lines of pg_controldata by their label.
    public static func raisedForStandby(
        _ parameters: Parameters, controlData: [String: String]
    ) -> (parameters: Parameters, pendingRestart: PendingRestart) {
        var result = parameters
        var pending = PendingRestart()
        for (name, label) in recorded {
            guard let wanted = parameters[name].flatMap({ ParameterNumber.integer($0, unit: nil) }),
                let needed = controlData[label].flatMap({ Int64($0.trimmed) }), needed > wanted
            else { continue }
            result[name] = String(needed)
            pending[name] = ParameterChange(oldValue: String(needed), newValue: String(wanted))
        }
        return (result, pending)
    }
}
