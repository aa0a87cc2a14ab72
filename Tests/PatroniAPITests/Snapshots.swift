// Snapshots for tests: the members of the cluster that the golden texts were taken from.

import PatroniCore
import PatroniPorts

/// A point of the monotonic clock; everything in the snapshots is dated relative to it.
let noon = Moment(nanoseconds: 1_000_000_000_000)

func wallTime(_ text: String) -> WallTime {
    guard case .absolute(let time)? = WallTime.parse(text) else { return WallTime(microseconds: 0) }
    return time
}

private let batmanTags = Tags(["foo": "Bar", "n": 5, "failover_priority": 2])

/// Cluster `batman` with leader `p0` and standby `p1`.
func batman(leader: MemberName? = "p0", position: Int64 = 50_615_896, sync: SyncState = .none) -> Cluster {
    var cluster = Cluster()
    cluster.leader = leader.map { Leader(name: $0) }
    cluster.status = ClusterStatus(position: LSN(number: position))
    cluster.sync = sync
    return cluster
}

extension StatusSnapshot {
    /// `p0`, the leader, as it was when Patroni 4.1.5 wrote the golden texts.
    static func primary(_ change: (inout StatusSnapshot) -> Void = { _ in }) -> StatusSnapshot {
        var snapshot = StatusSnapshot(
            name: "p0", scope: "batman", version: "4.1.5", state: .running, role: .primary,
            server: .running(
                RunningServer(
                    recovery: .primary(position: LSN(50_615_896)), timeline: Timeline(1), version: 150018,
                    postmasterStart: wallTime("2026-11-21 04:55:23.273307+00:00"))),
            serverSeen: noon, systemIdentifier: SystemIdentifier("7710483870606236206"), cluster: batman(),
            dcsLastSeen: 1_795_237_023, tags: batmanTags, leaderUntil: noon + .seconds(20), nextTurn: noon + .seconds(5)
        )
        snapshot.walSenders = [
            WalSender(
                user: "rep", applicationName: "p1", clientAddress: "127.0.0.1", state: "streaming",
                syncState: "async", syncPriority: 0)
        ]
        change(&snapshot)
        return snapshot
    }

    /// `p1`, streaming from `p0`.
    static func replica(_ change: (inout StatusSnapshot) -> Void = { _ in }) -> StatusSnapshot {
        var snapshot = StatusSnapshot(
            name: "p1", scope: "batman", version: "4.1.5", state: .running, role: .replica,
            server: .stopped, serverSeen: noon, systemIdentifier: SystemIdentifier("7710483870606236206"),
            cluster: batman(), dcsLastSeen: 1_795_237_024, tags: batmanTags, nextTurn: noon + .seconds(5))
        snapshot.standby { _ in }
        change(&snapshot)
        return snapshot
    }

    /// Replaces what the standby says about itself.
    mutating func standby(_ change: (inout StandbyProgress) -> Void) {
        var progress = StandbyProgress(
            received: LSN(50_615_896), replayed: LSN(50_615_896), replicationState: "streaming",
            replayedTimestamp: wallTime("2026-11-21 04:56:53.423973+00:00"))
        change(&progress)
        server = .running(
            RunningServer(
                recovery: .standby(progress), timeline: Timeline(1), version: 150018,
                postmasterStart: wallTime("2026-11-21 04:55:49.152730+00:00")))
    }
}
