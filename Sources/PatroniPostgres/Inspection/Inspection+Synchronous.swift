// What the primary says about its synchronous standbys.

import PatroniCore
import PatroniPlatform

extension Inspection {
    /// The names and the position first: who has reached the position later has everything from before (HA-182).
    private static let settings = PreparedStatement(
        "patroni_synchronous",
        """
        SELECT current_setting('synchronous_standby_names') AS names, current_setting('synchronous_commit') AS level,
         pg_current_wal_flush_lsn() AS position, current_setting('server_version_num')::int >= 100000 AS any
        """)

    /// Fails on a standby.
    public func synchronousStatus(by deadline: Moment) async throws(SQLError) -> SynchronousStatus {
        let row = try await query(Self.settings, by: deadline).first
        let streams = try await walSenders(by: deadline).map { sender in
            StandbyStream(
                name: MemberName(sender.applicationName), isStreaming: sender.state == "streaming",
                syncState: sender.syncState ?? "async", written: sender.written, flushed: sender.flushed,
                replayed: sender.replayed)
        }
        return SynchronousStatus(
            names: row?["names"] ?? "", commitLevel: row?["level"] ?? "on", position: row?.lsn("position") ?? .zero,
            streams: streams, canWaitForAny: row?["any"] != "f")
    }
}
