// What a server is told about recovery: from whom to replicate, from where to restore (section 18 of the HA ledger).

import PatroniConfiguration
import PatroniCore

/// The recovery settings of one server, complete.
public struct RecoverySettings: Sendable, Hashable {
    public enum Signal: Sendable, Hashable {
        /// `standby.signal`: replicate until promoted.
        case standby
        /// `recovery.signal`: recover up to a target (custom bootstrap only).
        case recovery
    }

    public var signal = Signal.standby
    /// The upstream's connection with its password; nil: restore from the archive only, or wait.
    public var upstream: ConnectionString?
    /// All other recovery settings, `primary_slot_name` among them.
    public var parameters = Parameters()

    public init(signal: Signal = .standby, upstream: ConnectionString? = nil, parameters: Parameters = Parameters()) {
        self.signal = signal
        self.upstream = upstream
        self.parameters = parameters
    }
}

/// Makes recovery settings.
public enum RecoveryConfiguration {
    /// Replicate from `endpoint`, or from nobody in particular (HA-251 to HA-253). The slot is this member's own. In a
    /// standby cluster the archive is that of `standbyCluster` (HA-225).
    public static func following(
        _ endpoint: Endpoint?, _ server: LocalServer, useSlots: Bool, in standbyCluster: RemoteSource? = nil
    ) -> RecoverySettings {
        let parameters = parameters(server, standbyCluster)
        guard let endpoint else { return RecoverySettings(parameters: parameters) }
        return following(
            ServerAddress(endpoint), slot: useSlots ? server.name.slotName : nil, parameters, server)
    }

    /// Replicate from the remote as a standby leader does, or from its archive (HA-223, HA-225).
    public static func following(remote: RemoteSource, _ server: LocalServer, useSlots: Bool) -> RecoverySettings {
        var parameters = parameters(server, remote)
        if let delay = remote.recoveryMinApplyDelay { parameters["recovery_min_apply_delay"] = delay }
        guard let address = ServerAddress(remote) else { return RecoverySettings(parameters: parameters) }
        let slot = remote.slotName.map { MemberName($0).slotName }
        var settings = following(address, slot: useSlots ? slot : nil, parameters, server)
        // Any of them may have become a standby of the others.
        if remote.hasSeveralHosts { settings.upstream?["target_session_attrs"] = "read-write" }
        return settings
    }

    private static func following(
        _ address: ServerAddress, slot: String?, _ parameters: Parameters, _ server: LocalServer
    ) -> RecoverySettings {
        var settings = RecoverySettings(upstream: upstream(address, server), parameters: parameters)
        if let slot { settings.parameters["primary_slot_name"] = slot }
        return settings
    }

    /// Everything that does not depend on whom the server follows.
    private static func parameters(_ server: LocalServer, _ standbyCluster: RemoteSource?) -> Parameters {
        var parameters = ServerParameters.recoveryConfiguration(server).filter { name in
            let name = name.lowercased()
            return !name.hasPrefix("recovery_target") && name != "primary_conninfo" && name != "primary_slot_name"
                && name != "standby_mode"
        }
        parameters["recovery_target_timeline"] = "latest"
        // A target in an included file would pause, promote or stop the standby.
        for target in ["", "_name", "_time", "_xid", "_lsn"] { parameters["recovery_target" + target] = "" }
        if let command = standbyCluster?.restoreCommand { parameters["restore_command"] = command }
        if let command = standbyCluster?.archiveCleanupCommand { parameters["archive_cleanup_command"] = command }
        return parameters
    }

    /// Replicate from a member; from nobody when it is this one or has not said where it is (HA-252).
    public static func following(
        _ member: Member?, _ server: LocalServer, useSlots: Bool, in standbyCluster: RemoteSource? = nil
    ) -> RecoverySettings {
        let other = member.flatMap { $0.name == server.name ? nil : $0.endpoint }
        return following(other, server, useSlots: useSlots, in: standbyCluster)
    }

    /// The connection of the WAL receiver (HA-252).
    static func upstream(_ address: ServerAddress, _ server: LocalServer) -> ConnectionString {
        var connection = ConnectionString(
            to: address, as: server.settings.replication, database: server.settings.database)
        connection["application_name"] = server.name.text
        connection.setDefault("sslmode", "prefer")
        connection.setDefault("gssencmode", "prefer")
        connection.setDefault("channel_binding", "prefer")
        if server.version >= 170_000 { connection.setDefault("sslnegotiation", "postgres") }
        if let service = server.settings.kerberosServiceName { connection["krbsrvname"] = service }
        return connection
    }

    /// What stands in the section of a custom bootstrap method (HA-060).
    public static func custom(_ section: JSONObject) -> RecoverySettings {
        var parameters = Parameters(section)
        let isStandby = parameters["standby_mode"].flatMap(ParameterText.truth) ?? false
        parameters["standby_mode"] = nil
        let upstream = parameters["primary_conninfo"].flatMap(ConnectionString.init(parsing:))
        parameters["primary_conninfo"] = nil
        return RecoverySettings(signal: isStandby ? .standby : .recovery, upstream: upstream, parameters: parameters)
    }

    /// The last section of postgresql.conf, and what had to be left out of it.
    static func text(_ recovery: RecoverySettings, _ server: LocalServer) -> (text: String, warnings: [String]) {
        var parameters = recovery.parameters
        // What older versions said with another word (HA-262).
        if let pause = parameters["pause_at_recovery_target"].flatMap(ParameterText.truth),
            parameters["recovery_target_action"] == nil
        {
            parameters["recovery_target_action"] = pause ? "pause" : "promote"
        }
        parameters["pause_at_recovery_target"] = nil
        if let upstream = recovery.upstream {
            parameters["primary_conninfo"] = conninfo(upstream, server).text(version: server.version)
        }
        var text = "\n# recovery.conf\n"
        var warnings: [String] = []
        for (name, value) in parameters.sorted {
            let checked = ParameterRules.checkRecovery(name, value, version: server.version)
            if let warning = checked.warning { warnings.append(warning) }
            if let value = checked.value { text += ConfigurationText.setting(name, value) }
        }
        return (text, warnings)
    }

    /// The password goes into the passfile; who may read the configuration does not see it.
    static func conninfo(_ upstream: ConnectionString, _ server: LocalServer) -> ConnectionString {
        var connection = upstream
        if connection["password"] != nil { connection["passfile"] = server.settings.passfile }
        return connection
    }
}
