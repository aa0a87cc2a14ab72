// Brings the server's physical replication slots in line with the plan (HA-278 to HA-282).

import PatroniCore

/// What came of one round.
public struct SlotRound: Sendable, Hashable {
    public var performed: [SlotAction] = []
    /// Sentences for the log; the next round tries again.
    public var failures: [String] = []
    /// Positions of the slots that exist now, for the status key (HA-288).
    public var positions: [String: LSN] = [:]
}

public enum SlotKeeper {
    /// All slots but temporary and failover ones (HA-283).
    public static func existing(
        _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> [ExistingSlot] {
        let version = await connection.serverVersion
        let rows = try await connection.query(
            """
            SELECT slot_name, slot_type, active, restart_lsn, xmin IS NOT NULL, wal_status, database, plugin
            FROM pg_catalog.pg_replication_slots WHERE NOT temporary\(version >= 170_000 ? " AND NOT failover" : "")
            """, by: deadline)
        return rows.compactMap { row in
            guard let name = row[0] else { return nil }
            let isLogical = row[1] == "logical"
            return ExistingSlot(
                name: name, kind: isLogical ? .logical(database: row[6] ?? "", plugin: row[7] ?? "") : .physical,
                isActive: row[2] == "t", restart: row[3].flatMap { LSN($0) }, hasTransactionHorizon: row[4] == "t",
                isLost: row[5] == "lost")
        }
    }

    /// One round: look, plan, act. A failing action does not keep the others from being done.
    public static func keep(
        _ wanted: WantedSlots, ignored: IgnoredSlots, isPaused: Bool, mayCleanHorizons: Bool,
        _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> SlotRound {
        let slots = try await existing(connection, by: deadline)
        var round = SlotRound()
        for slot in slots { round.positions[slot.name] = slot.restart }
        let actions = SlotPlan.actions(
            wanted: wanted, existing: slots, ignored: ignored, isPaused: isPaused, mayCleanHorizons: mayCleanHorizons)
        for action in actions {
            do throws(SQLError) {
                if try await perform(action, connection, by: deadline) {
                    round.performed.append(action)
                } else {
                    round.failures.append("\(failure(action)): it is in use")
                }
            } catch {
                if error.isConnectionGone { throw error }
                round.failures.append("\(failure(action)): \(error)")
            }
        }
        return round
    }

    private static func perform(
        _ action: SlotAction, _ connection: SQLConnection, by deadline: Moment
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
        case .advance(let name, let position):
            _ = try await connection.query(
                "SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)", [name, position.description],
                by: deadline)
            return true
        }
    }

    private static func failure(_ action: SlotAction) -> String {
        switch action {
        case .create(let name): "Failed to create physical replication slot '\(name)'"
        case .drop(let name, _): "Failed to drop replication slot '\(name)'"
        case .advance(let name, let position): "Failed to advance replication slot '\(name)' to \(position)"
        }
    }
}
