// The leader's side of a switchover or a manual failover.
// Facts: HA-106 to HA-113, HA-122.

import Testing

@testable import PatroniCore

@Suite("Switching over") struct SwitchingOverTests {
    static let soon = WallTime.noon + .seconds(4)
    static let later = WallTime.noon + .seconds(3600)
    static let justNow = WallTime.noon + .seconds(-10)
    static let longAgo = WallTime.noon + .seconds(-16)

    static let rows: [Row] = [
        Row(
            "somebody is able: hand over", .primary.asked(.switchover()), fires: "switching-over/hand-over",
            then: .begins(.demote(.graceful(.switchover())))),
        Row(
            "the candidate is able: hand over", .primary.asked(.switchover(to: "gamma")),
            fires: "switching-over/hand-over", then: .begins(.demote(.graceful(.switchover(to: "gamma"))))),
        Row(
            "the candidate does not answer: the leader stays", .primary.asked(.switchover(to: "gamma")),
            world: { $0.peers = [.standby("beta"), .silent("gamma")] }, fires: "switching-over/nobody-can",
            doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "nobody answers: the leader stays", .primary.asked(.switchover()),
            world: { $0.peers = [.silent("beta"), .silent("gamma")] }, fires: "switching-over/nobody-can",
            doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "a candidate that does not exist", .primary.asked(.failover(to: "delta")),
            fires: "switching-over/nobody-can",
            doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "a candidate tagged nofailover",
            .primary.asked(.failover(to: "gamma")).cluster { cluster in
                cluster.change("gamma") { $0 = $0.tagged("nofailover") }
            }, fires: "switching-over/nobody-can", doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "a candidate too far behind",
            .primary.cluster { $0.status.position = LSN(5_000_000) }.asked(.failover(to: "gamma")),
            fires: "switching-over/nobody-can", doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "a candidate on an unknown timeline, when timelines count",
            .primary.server(.primary(timeline: 2)).history(2).settings { $0.checkTimeline = true }
                .asked(.failover(to: "gamma")),
            world: { $0.peers = [.standby("gamma", timeline: nil)] }, fires: "switching-over/nobody-can",
            doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "in synchronous mode a switchover goes to synchronous standbys only",
            .primary.settings { $0.synchronousMode = .on }.cluster {
                $0.sync = SyncState(leader: "alpha", standbys: ["beta"])
            }.asked(.switchover(to: "gamma")), fires: "switching-over/nobody-can", doing: [.clearFailoverRequest],
            then: .settles(.leading)),
        Row(
            "with quorum commit enough voters must be there to elect the candidate",
            .primary.settings { $0.synchronousMode = .quorum }.cluster {
                $0.sync = SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])
            }.asked(.switchover(to: "beta")),
            world: { $0.peers = [.standby("beta"), .silent("gamma")] }, fires: "switching-over/nobody-can",
            doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "with enough voters it is handed over",
            .primary.settings { $0.synchronousMode = .quorum }.cluster {
                $0.sync = SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])
            }.asked(.switchover(to: "beta")), fires: "switching-over/hand-over",
            then: .begins(.demote(.graceful(.switchover(to: "beta"))))),
        Row(
            "a manual failover may go to any",
            .primary.settings { $0.synchronousMode = .on }.cluster {
                $0.sync = SyncState(leader: "alpha", standbys: ["beta"])
            }.asked(.failover(to: "gamma")), fires: "switching-over/hand-over",
            then: .begins(.demote(.graceful(.failover(to: "gamma"))))),
        Row(
            "the request names another leader", .primary.asked(.switchover(from: "beta", to: "gamma")),
            fires: "switching-over/other-leader", doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "we are the candidate and lead already", .primary.asked(.failover(to: "alpha")),
            fires: "switching-over/to-ourselves", doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "it is planned for later", .primary.asked(.switchover(at: later)), fires: "holding-the-lock/no-action",
            then: .settles(.leading)),
        Row(
            "it is due before the next turn: wait for the moment", .primary.asked(.switchover(at: soon)),
            fires: "switching-over/scheduled", then: .settles(.awaitingSchedule(soon))),
        Row(
            "its time has come", .primary.asked(.switchover(at: justNow)), fires: "switching-over/hand-over",
            then: .begins(.demote(.graceful(.switchover(at: justNow))))),
        Row(
            "its time was missed", .primary.asked(.switchover(at: longAgo)), fires: "switching-over/stale",
            doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "paused: a candidate must be named", .primary.paused.asked(.switchover()),
            fires: "switching-over/paused-without-candidate", doing: [.clearFailoverRequest], then: .settles(.leading)),
        Row(
            "paused: a named candidate is handed over to", .primary.paused.asked(.switchover(to: "beta")),
            fires: "switching-over/hand-over", then: .begins(.demote(.graceful(.switchover(to: "beta"))))),
        Row(
            "paused: a schedule waits", .primary.paused.asked(.switchover(to: "beta", at: longAgo)),
            fires: "holding-the-lock/no-action", then: .settles(.leading)),
        Row(
            "paused: the candidate that has got the key becomes primary",
            .primary.server(.standby()).paused.asked(.switchover(from: "beta", to: "alpha")),
            fires: "holding-the-lock/promote", then: .begins(.promote)),
        Row(
            "a new leader is promoted although the request that made it one is still there",
            .primary.server(.standby()).asked(.switchover(from: "beta", to: "alpha")),
            fires: "switching-over/other-leader", doing: [.clearFailoverRequest], then: .begins(.promote)),
        Row(
            "a leader that is still starting can hand over too",
            .crashedPrimary.server(.starting).asked(.failover(to: "beta")),
            memory: { $0.wasPrimary() }, fires: "switching-over/hand-over",
            then: .begins(.demote(.graceful(.failover(to: "beta"))))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `only members are asked that could be meant`() {
        let seen = Transcript.of(.primary.asked(.failover(to: "delta")))
        #expect(!seen.path.contains("switching-over/ask-the-others"))
    }

    @Test func `the turn comes when the schedule says`() {
        #expect(Transcript.of(.primary.asked(.switchover(at: Self.soon))).again == .seconds(4))
    }
}
