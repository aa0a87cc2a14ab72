// The status page (`GET /patroni` and the body of every health check): a snapshot as JSON, field by field in Patroni's order.

import PatroniCore

/// Section 5 of the REST API's ledger.
public enum StatusPage {
    public static func json(_ snapshot: StatusSnapshot, now: Moment) -> JSONObject {
        var out = serverPart(snapshot, now: now)
        if snapshot.settings.isPaused { out["pause"] = true }
        if snapshot.cluster?.isUnlocked ?? true { out["cluster_unlocked"] = true }
        if snapshot.isFailsafeActive(at: now) { out["failsafe_mode_is_active"] = true }
        out["dcs_last_seen"] = .int(snapshot.dcsLastSeen)
        addMemberPart(snapshot, to: &out)
        return out
    }

    /// What SQL said, or state and role alone (API-066 to API-077).
    private static func serverPart(_ snapshot: StatusSnapshot, now: Moment) -> JSONObject {
        let server = LocalServer(snapshot, now: now)
        var out = JSONObject()
        out["state"] = .string(server.stateText)
        guard let answer = server.answer else {
            out["role"] = .string(server.role.rawValue)
            return out
        }
        out["postmaster_start_time"] = answer.postmasterStart.map(timestamp) ?? .null
        out["role"] = .string(server.role.rawValue)
        out["server_version"] = .int(Int64(answer.version))
        out["xlog"] = .object(walPositions(answer, server))
        if server.isSyncStandby { out["sync_standby"] = true }
        if server.isQuorumStandby { out["quorum_standby"] = true }
        out["timeline"] = answer.timeline.map { .int(Int64($0.rawValue)) } ?? .null
        if let state = server.standby?.replicationState { out["replication_state"] = .string(state) }
        if !snapshot.walSenders.isEmpty { out["replication"] = .array(snapshot.walSenders.map(\.json)) }
        return out
    }

    private static func walPositions(_ answer: RunningServer, _ server: LocalServer) -> JSONObject {
        switch answer.recovery {
        case .primary(let position): ["location": .int(position.number)]
        case .standby(let progress):
            [
                "received_location": .int((server.received ?? .zero).number),
                "replayed_location": .int(progress.replayed.number),
                "replayed_timestamp": progress.replayedTimestamp.map(timestamp) ?? .null,
                "paused": .bool(progress.isReplayPaused),
            ]
        }
    }

    /// What does not come from SQL (API-082 to API-089).
    private static func addMemberPart(_ snapshot: StatusSnapshot, to out: inout JSONObject) {
        let tags = snapshot.tags.published
        if !tags.isEmpty { out["tags"] = .object(tags) }
        if let identifier = snapshot.systemIdentifier {
            out["database_system_identifier"] = .string(identifier.text)
        }
        if let reason = snapshot.pendingRestartReason, !reason.isEmpty {
            out["pending_restart"] = true
            out["pending_restart_reason"] = .object(reason)
        }
        out["patroni"] = [
            "version": .string(snapshot.version), "scope": .string(snapshot.scope),
            "name": .string(snapshot.name.text),
        ]
        if let restart = snapshot.scheduledRestart { out["scheduled_restart"] = .object(restart.json) }
        if snapshot.hasWatchdogFailed { out["watchdog_failed"] = true }
        if snapshot.logQueueSize > 2 {
            out["logger_queue_size"] = .int(Int64(snapshot.logQueueSize))
            if snapshot.logRecordsLost > 0 { out["logger_records_lost"] = .int(Int64(snapshot.logRecordsLost)) }
        }
    }

    /// `2026-11-21 04:55:23.273307+00:00` (API-018).
    private static func timestamp(_ time: WallTime) -> JSON { .string(time.iso8601(separator: " ")) }
}

extension WalSender {
    var json: JSON {
        [
            "usename": .init(user), "application_name": .string(applicationName),
            "client_addr": .init(clientAddress), "state": .init(state), "sync_state": .init(syncState),
            "sync_priority": .int(Int64(syncPriority)),
        ]
    }
}
