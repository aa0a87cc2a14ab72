// `GET /metrics`: a snapshot as Prometheus text, in Patroni's names, order and words.

import PatroniCore
import PatroniPorts

/// Section 7 of the REST API's ledger.
public enum Metrics {
    public static func text(_ snapshot: StatusSnapshot, now: Moment) -> String {
        let server = LocalServer(snapshot, now: now)
        var page = Page(labels: "{scope=\"\(escaped(snapshot.scope))\",name=\"\(escaped(snapshot.name.text))\"}")
        addServer(snapshot, server, to: &page)
        addPositions(server, to: &page)
        addCluster(snapshot, server, now, to: &page)
        addState(server, to: &page)
        return page.text
    }

    private struct Page {
        let labels: String
        var text = ""

        mutating func add(_ name: String, _ type: String, _ help: String, _ value: String, extra: String? = nil) {
            text += "# HELP \(name) \(help)\n"
            if let extra { text += "# \(extra)\n" }
            text += "# TYPE \(name) \(type)\n\(name)\(labels) \(value)\n"
        }

        mutating func gauge(_ name: String, _ help: String, _ value: Bool) {
            add(name, "gauge", help, value ? "1" : "0")
        }
        mutating func gauge(_ name: String, _ help: String, _ value: Int64) { add(name, "gauge", help, String(value)) }
    }

    private static func addServer(_ snapshot: StatusSnapshot, _ server: LocalServer, to page: inout Page) {
        page.add(
            "patroni_version", "gauge", "Patroni semver without periods.", paddedVersion(snapshot.version))
        page.gauge("patroni_postgres_running", "Value is 1 if Postgres is running, 0 otherwise.", server.isRunning)
        page.add(
            "patroni_postmaster_start_time", "gauge", "Epoch seconds since Postgres started.",
            epoch(server.answer?.postmasterStart))
        page.gauge("patroni_primary", "Value is 1 if this node is the leader, 0 otherwise.", server.role == .primary)
        var written = LSN.zero
        if case .primary(let position)? = server.answer?.recovery { written = position }
        page.add(
            "patroni_xlog_location", "counter",
            "Current location of the Postgres transaction log, 0 if this node is not the leader.",
            String(written.number))
        page.gauge(
            "patroni_standby_leader", "Value is 1 if this node is the standby_leader, 0 otherwise.",
            server.role == .standbyLeader)
        page.gauge("patroni_replica", "Value is 1 if this node is a replica, 0 otherwise.", server.role == .replica)
        page.gauge(
            "patroni_sync_standby", "Value is 1 if this node is a sync standby, 0 otherwise.", server.isSyncStandby)
        page.gauge(
            "patroni_quorum_standby", "Value is 1 if this node is a quorum standby, 0 otherwise.",
            server.isQuorumStandby)
    }

    private static func addPositions(_ server: LocalServer, to page: inout Page) {
        page.add(
            "patroni_xlog_received_location", "counter",
            "Current location of the received Postgres transaction log, 0 if this node is not a replica.",
            String((server.received ?? .zero).number))
        page.add(
            "patroni_xlog_replayed_location", "counter",
            "Current location of the replayed Postgres transaction log, 0 if this node is not a replica.",
            String(server.replayed.number))
        page.add(
            "patroni_xlog_replayed_timestamp", "gauge",
            "Current timestamp of the replayed Postgres transaction log, 0 if null.",
            epoch(server.standby?.replayedTimestamp))
        page.gauge(
            "patroni_xlog_paused", "Value is 1 if the Postgres xlog is paused, 0 otherwise.",
            server.standby?.isReplayPaused ?? false)
        if server.answer != nil {
            page.gauge(
                "patroni_postgres_streaming", "Value is 1 if Postgres is streaming, 0 otherwise.",
                server.standby?.replicationState == "streaming")
            page.gauge(
                "patroni_postgres_in_archive_recovery",
                "Value is 1 if Postgres is replicating from archive, 0 otherwise.",
                server.standby?.replicationState == "in archive recovery")
        }
        page.gauge(
            "patroni_postgres_server_version", "Version of Postgres (if running), 0 otherwise.",
            Int64(server.answer?.version ?? 0))
    }

    private static func addCluster(
        _ snapshot: StatusSnapshot, _ server: LocalServer, _ now: Moment, to page: inout Page
    ) {
        page.gauge(
            "patroni_cluster_unlocked", "Value is 1 if the cluster is unlocked, 0 if locked.",
            snapshot.cluster?.isUnlocked ?? true)
        page.gauge(
            "patroni_failsafe_mode_is_active", "Value is 1 if failsafe mode is active, 0 if inactive.",
            snapshot.isFailsafeActive(at: now))
        page.gauge(
            "patroni_postgres_timeline", "Postgres timeline of this node (if running), 0 otherwise.",
            Int64(server.answer?.timeline?.rawValue ?? 0))
        page.gauge(
            "patroni_dcs_last_seen", "Epoch timestamp when DCS was last contacted successfully by Patroni.",
            snapshot.dcsLastSeen)
        page.gauge(
            "patroni_pending_restart", "Value is 1 if the node needs a restart, 0 otherwise.",
            !(snapshot.pendingRestartReason?.isEmpty ?? true))
        page.gauge(
            "patroni_is_paused", "Value is 1 if auto failover is disabled, 0 otherwise.", snapshot.settings.isPaused)
    }

    /// The numbers are the states' places in `MemberState` (API-126).
    private static func addState(_ server: LocalServer, to page: inout Page) {
        let names = MemberState.allCases.map(metricName)
        let values = names.enumerated().map { "\($0.offset)=\($0.element)" }.joined(separator: ", ")
        let number = server.state.flatMap { MemberState.allCases.firstIndex(of: $0) } ?? -1
        page.add(
            "patroni_postgres_state", "gauge", "Numeric representation of Postgres state.", String(number),
            extra: "Values: \(values)")
    }

    private static func metricName(_ state: MemberState) -> String {
        switch state {
        case .initializing: "initdb"
        case .initdbFailed: "initdb_failed"
        case .runningCustomBootstrap: "custom_bootstrap"
        case .customBootstrapFailed: "custom_bootstrap_failed"
        case .creatingReplica: "creating_replica"
        case .running: "running"
        case .starting: "starting"
        case .startingAfterCustomBootstrap: "bootstrap_starting"
        case .startFailed: "start_failed"
        case .restarting: "restarting"
        case .restartFailed: "restart_failed"
        case .stopping: "stopping"
        case .stopped: "stopped"
        case .stopFailed: "stop_failed"
        case .crashed: "crashed"
        }
    }

    /// `4.1.5` → `040105`; the zero in front stays (API-102, API-209).
    private static func paddedVersion(_ version: String) -> String {
        version.split(separator: ".").map { part in
            String(repeating: "0", count: max(0, 2 - part.count)) + part
        }.joined()
    }

    /// Seconds since 1970 with a fraction, `0` when there is no time.
    private static func epoch(_ time: WallTime?) -> String {
        time.map { String(Double($0.microseconds) / 1_000_000) } ?? "0"
    }

    private static func escaped(_ label: String) -> String {
        var out = ""
        for character in label {
            switch character {
            case "\\", "\"": out += "\\\(character)"
            case "\n": out += "\\n"
            default: out.append(character)
            }
        }
        return out
    }
}
