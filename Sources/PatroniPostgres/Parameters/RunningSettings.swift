// What the running server says about its settings (CFG-278, HA-254).

import PatroniCore
import PatroniPlatform

public enum RunningSettings {
    /// Rows of pg_settings, for ``ParameterDifference`` and ``RecoveryConfiguration``.
    public static func read(
        _ names: [String], _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> [RunningParameter] {
        let rows = try await connection.query(
            """
            SELECT name, setting, unit, vartype, context, sourcefile FROM pg_catalog.pg_settings
            WHERE pg_catalog.lower(name) = ANY($1::text[])
            """, [array(names.map { $0.lowercased() })], by: deadline)
        return rows.map { row in
            RunningParameter(
                name: row[0] ?? "", setting: row[1] ?? "", unit: row[2], type: row[3] ?? "string",
                context: row[4] ?? "", sourceFile: row[5])
        }
    }

    /// How recovery is set up, in the files and in the live WAL receiver.
    public static func recovery(
        _ configuration: ServerConfiguration, _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> RunningRecovery {
        let parameters = try await read(RecoveryConfiguration.compared, connection, by: deadline)
        let rows = try await connection.query(
            "SELECT conninfo, slot_name FROM pg_catalog.pg_stat_wal_receiver WHERE conninfo IS NOT NULL", by: deadline)
        let receiver = rows.first.flatMap { row in
            row[0].map { RunningRecovery.Receiver(conninfo: $0, slotName: row[1]) }
        }
        let conninfo = receiver?.conninfo ?? parameters.first { $0.name == "primary_conninfo" }?.setting
        var passfile: String?
        if let path = conninfo.flatMap({ ConnectionString(parsing: $0) })?["passfile"] {
            passfile = await configuration.readPassfile(path)
        }
        return RunningRecovery(
            parameters: parameters, receiver: receiver,
            hasStandbySignal: await configuration.hasStandbySignal(), passfile: passfile)
    }

    /// The settings the operator's files and the command line gave a server that was found running (HA-018): the next
    /// comparison starts from these. Recovery settings are left out.
    public static func current(
        _ server: LocalServer, _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> Parameters {
        let rows = try await connection.query(
            """
            SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings
            WHERE source IN ('command line', 'environment variable') OR sourcefile = $1
            OR pg_catalog.lower(name) = ANY($2::text[])
            """, [server.files.configuration, array(ServerParameters.onCommandLine)], by: deadline)
        return Parameters(rows.compactMap { row in row[0].map { ($0, row[1] ?? "") } })
            .filter { !ParameterRules.isRecovery($0) }
    }

    /// What waits for a restart, as the server sees it after a reload; it takes the server a moment to notice, so ask
    /// about a second later (CFG-278).
    public static func pendingRestart(
        _ values: ConfiguredValues, _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> PendingRestart {
        let rows = try await connection.query(
            """
            SELECT name, pg_catalog.current_setting(name), unit, vartype FROM pg_catalog.pg_settings
            WHERE pending_restart
            """, by: deadline)
        var pending = PendingRestart()
        for row in rows {
            guard let name = row[0], !ParameterRules.isRecovery(name), name != "hot_standby" else { continue }
            let new = await values.value(name, by: deadline)
            pending[name] = ParameterChange(
                oldValue: row[1] ?? "",
                newValue: new.map { ParameterNumber.shown($0, type: row[3] ?? "", unit: row[2]) } ?? "?")
        }
        return pending
    }

    private static func array(_ texts: [String]) -> String {
        let quoted = texts.map { text in
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        return "{" + quoted.joined(separator: ",") + "}"
    }
}
