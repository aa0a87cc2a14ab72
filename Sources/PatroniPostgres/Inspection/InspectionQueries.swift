// The status queries and the reading of their rows. The same SQL from PostgreSQL 13 to 18.

import PatroniCore

enum StatusQuery {
    /// Everything about WAL in one row; functions rather than views, as they skip permission checks and joins.
    static let statement = PreparedStatement(
        "patroni_status",
        """
        SELECT pg_is_in_recovery() AS in_recovery,
         CASE WHEN pg_is_in_recovery() THEN NULL
          ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END AS timeline,
         CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn() END AS written,
         pg_last_wal_replay_lsn() AS replayed, pg_last_wal_receive_lsn() AS received,
         CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS is_paused,
         \(SQLRow.epoch("pg_last_xact_replay_timestamp()")) AS replayed_time,
         r.status AS receiver, r.written_lsn AS receiver_written, r.latest_end_lsn AS latest_end,
         CASE WHEN r.latest_end_lsn IS NULL THEN NULL ELSE r.received_tli END AS received_timeline,
         r.sender_host, r.sender_port, current_setting('restore_command') AS restore_command,
         \(SQLRow.epoch("pg_postmaster_start_time()")) AS started,
         current_setting('server_version_num') AS version, c.timeline_id AS checkpoint_timeline
         FROM pg_stat_get_wal_receiver() AS r, pg_control_checkpoint() AS c
        """)

    struct Answer {
        var server: RunningServer
        /// The timeline that is being received; nil unless the receiver has heard of its upstream.
        var receivedTimeline: Timeline?
        var checkpointTimeline: Timeline?

        init?(_ row: SQLRow) {
            func timeline(_ name: String) -> Timeline? { row.int(name).flatMap { Timeline(number: $0) } }
            receivedTimeline = timeline("received_timeline")
            checkpointTimeline = timeline("checkpoint_timeline")
            guard let version = row.int("version") else { return nil }
            let recovery: RunningServer.Recovery
            if row.bool("in_recovery") {
                recovery = .standby(Self.progress(row))
            } else {
                guard let written = row.lsn("written") else { return nil }
                recovery = .primary(position: written)
            }
            server = RunningServer(
                recovery: recovery, timeline: timeline("timeline"), version: Int(version),
                postmasterStart: row.time("started"))
        }

        private static func progress(_ row: SQLRow) -> StandbyProgress {
            let received = [row.lsn("received"), row.lsn("receiver_written")].compactMap { $0 }.max()
            let isStreaming = row["receiver"] == "streaming"
            var state: String?
            if isStreaming {
                state = "streaming"
            } else if row["restore_command"]?.isEmpty == false {
                state = "in archive recovery"
            }
            var upstream: Endpoint?
            if isStreaming, let host = row["sender_host"], let port = row.int("sender_port") {
                upstream = Endpoint(host: host, port: Int(port))
            }
            return StandbyProgress(
                received: received, replayed: row.lsn("replayed") ?? .zero, replicationState: state,
                upstream: upstream, isReplayPaused: row.bool("is_paused"), replayedTimestamp: row.time("replayed_time"),
                latestUpstreamEnd: row.lsn("latest_end"))
        }
    }
}

extension WalSender {
    static let statement = PreparedStatement(
        "patroni_walsenders",
        """
        SELECT w.pid, (SELECT rolname FROM pg_authid WHERE oid = a.usesysid) AS usename, a.application_name,
         host(a.client_addr) AS client_addr, w.state, w.sync_state, w.sync_priority,
         w.write_lsn, w.flush_lsn, w.replay_lsn
         FROM pg_stat_get_wal_senders() AS w, pg_stat_get_activity(w.pid) AS a ORDER BY a.backend_start, w.pid
        """)

    init(_ row: SQLRow) {
        self.init(
            pid: Int32(clamping: row.int("pid") ?? 0), user: row["usename"],
            applicationName: row["application_name"] ?? "", clientAddress: row["client_addr"], state: row["state"],
            syncState: row["sync_state"], syncPriority: Int(row.int("sync_priority") ?? 0),
            written: row.lsn("write_lsn"), flushed: row.lsn("flush_lsn"), replayed: row.lsn("replay_lsn"))
    }
}
