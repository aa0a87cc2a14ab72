// Brings the server's replication slots in line with the plan (HA-278 to HA-282).

import PatroniCore

/// What came of one round.
public struct SlotRound: Sendable, Hashable {
    public var performed: [SlotAction] = []
    /// Sentences for the log; the next round tries again.
    public var failures: [String] = []
    /// Positions of the slots that exist now, for the status key (HA-288).
    public var positions: [String: LSN] = [:]
    /// Logical slots that a standby has to copy from the primary.
    public var missing: [String] = []
}

public enum SlotKeeper {
    /// All slots but temporary and failover ones (HA-283).
    public static func existing(
        _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> [ExistingSlot] {
        let version = await connection.serverVersion
        let rows = try await connection.query(
            """
            SELECT slot_name, slot_type, active, restart_lsn, xmin IS NOT NULL, wal_status, database, plugin,
             confirmed_flush_lsn
            FROM pg_catalog.pg_replication_slots WHERE NOT temporary\(version >= 170_000 ? " AND NOT failover" : "")
            """, by: deadline)
        return rows.compactMap { row in
            guard let name = row[0] else { return nil }
            let isLogical = row[1] == "logical"
            return ExistingSlot(
                name: name, kind: isLogical ? .logical(database: row[6] ?? "", plugin: row[7] ?? "") : .physical,
                isActive: row[2] == "t", restart: row[3].flatMap { LSN($0) },
                confirmed: row[8].flatMap { LSN($0) }, hasTransactionHorizon: row[4] == "t",
                isLost: row[5] == "lost")
        }
    }

    /// Opens a connection to a database of this server.
    public typealias Opening = @Sendable (_ database: String) async throws(SQLError) -> SQLConnection

    /// One round: look, plan, act. A failing action does not keep the others from being done. Logical slots belong to a
    /// database each, so they need connections of their own; without `open` they stay as they are.
    public static func keep(
        _ wanted: WantedSlots, ignored: IgnoredSlots, isPaused: Bool, mayCleanHorizons: Bool,
        _ connection: SQLConnection, by deadline: Moment, open: Opening? = nil
    ) async throws(SQLError) -> SlotRound {
        let slots = try await existing(connection, by: deadline)
        let isPrimary =
            try await connection.query("SELECT pg_catalog.pg_is_in_recovery()", by: deadline).first?[0] == "f"
        var round = SlotRound()
        for slot in slots { round.positions[slot.name] = slot.confirmed ?? slot.restart }
        if !isPrimary { round.missing = SlotPlan.missing(wanted, existing: slots) }
        let actions = SlotPlan.actions(
            wanted: wanted, existing: slots, ignored: ignored, isPaused: isPaused, mayCleanHorizons: mayCleanHorizons,
            isPrimary: isPrimary)
        for action in actions {
            do throws(SQLError) {
                if try await perform(action, connection, by: deadline, open: open) {
                    round.performed.append(action)
                } else {
                    round.failures.append("\(failure(action)): it is in use")
                }
            } catch {
                if error.isConnectionGone { throw error }
                round.failures.append("\(failure(action)): \(error)")
            }
        }
        if !round.performed.isEmpty {
            // What was made just now counts at once.
            for slot in try await existing(connection, by: deadline) {
                round.positions[slot.name] = slot.confirmed ?? slot.restart
            }
        }
        return round
    }

    private static func perform(
        _ action: SlotAction, _ connection: SQLConnection, by deadline: Moment, open: Opening?
    ) async throws(SQLError) -> Bool {
        switch action {
        case .create(let name):
            // With WAL reserved from now on, or the slot would not help a member that comes later.
            _ = try await connection.query(
                """
                SELECT pg_catalog.pg_create_physical_replication_slot($1, true) WHERE NOT EXISTS
                (SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical' AND slot_name = $1)
                """, [name], by: deadline)
            return true
        case .drop(let name, _):
            let rows = try await connection.query(
                """
                SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots
                WHERE slot_name = $1 AND NOT active
                """, [name], by: deadline)
            return !rows.isEmpty
        case .createLogical(let name, let slot):
            try await inDatabase(
                slot.database, "SELECT pg_catalog.pg_create_logical_replication_slot($1, $2)", [name, slot.plugin],
                open, by: deadline)
            return true
        case .advanceLogical(let name, let database, let position):
            try await inDatabase(
                database, "SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)",
                [name, position.description], open, by: deadline)
            return true
        case .advance(let name, let position):
            _ = try await connection.query(
                "SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)", [name, position.description],
                by: deadline)
            return true
        }
    }

    private static func inDatabase(
        _ database: String, _ sql: String, _ values: [String?], _ open: Opening?, by deadline: Moment
    ) async throws(SQLError) {
        guard let connection = try await open?(database) else { return }
        do throws(SQLError) { _ = try await connection.query(sql, values, by: deadline) } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    private static func failure(_ action: SlotAction) -> String {
        switch action {
        case .create(let name): "Failed to create physical replication slot '\(name)'"
        case .createLogical(let name, let slot):
            "Failed to create logical replication slot '\(name)' plugin='\(slot.plugin)' in database \(slot.database)"
        case .drop(let name, _): "Failed to drop replication slot '\(name)'"
        case .advance(let name, let position), .advanceLogical(let name, _, let position):
            "Failed to advance replication slot '\(name)' to \(position)"
        }
    }
}
