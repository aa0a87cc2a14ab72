// Whose database is this? And what the leader puts back into the store.
// Facts: HA-023, HA-030, HA-031, HA-173, HA-327, HA-328.

import Testing

@testable import PatroniCore

@Suite("Identity") struct IdentityTests {
    static let newcomer = Observation.standby.cluster {
        $0.initialize = .absent
        $0.leader = nil
    }

    static let rows: [Row] = [
        Row(
            "a database of another cluster is not led, not followed, not touched", .standby.foreign,
            fires: "identity/foreign", then: .halts(.foreignSystemIdentifier(own: .foreign, cluster: .ours))),
        Row(
            "nor started", .stoppedStandby.foreign, fires: "identity/foreign",
            then: .halts(.foreignSystemIdentifier(own: .foreign, cluster: .ours))),
        Row(
            "paused: a leader with exchanged data gives up the old name", .primary.foreign.paused,
            fires: "identity/foreign-paused-leader", doing: [.releaseLeaderKey],
            then: .settles(.releasedForeignIdentifier)),
        Row(
            "paused: a stopped stranger is only told", .stoppedStandby.foreign.paused, fires: "identity/foreign-paused",
            then: .settles(.foreignWhilePaused(own: .foreign, cluster: .ours))),
        Row(
            "paused: a running stranger stays as it is", .primary.foreign.paused.unlocked,
            fires: "leader-race/paused-foreign-primary", then: .settles(.leadingWithoutKeyWhilePaused)),
        Row(
            "a primary names a cluster that has no name", .primary.unlocked.cluster { $0.initialize = .absent },
            fires: "identity/name-the-cluster", doing: [.writeInitialize(.ours), .acquireLeaderKey],
            then: .settles(.acquiredAsPrimary)),
        Row(
            "so does a stopped database, whatever it was",
            .stoppedStandby.cluster {
                $0.initialize = .absent
                $0.leader = nil
            }.with { $0.lastClusterWithLeader = nil }, fires: "identity/name-the-cluster",
            doing: [.writeInitialize(.ours)], then: .begins(.start(.standby(.nobody)))),
        Row(
            "a running replica does not know what cluster this is to be",
            newcomer.with { $0.lastClusterWithLeader = nil }, fires: "identity/replica-without-cluster",
            then: .halts(.replicaWithoutCluster)),
        Row(
            "but one that has seen the cluster's leader does", newcomer, fires: "identity/name-the-cluster",
            doing: [.writeInitialize(.ours), .acquireLeaderKey], then: .begins(.promote)),
        Row(
            "paused: nobody is named, nobody is stopped", newcomer.paused.with { $0.lastClusterWithLeader = nil },
            fires: "leader-race/paused-standby", then: .settles(.notHealthiestWhilePaused)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}

@Suite("The leader repairs the store") struct LeaderRepairsTests {
    static let rows: [Row] = [
        Row(
            "a lost identity is written again", .primary.cluster { $0.initialize = .absent },
            fires: "leader-repairs/initialize", doing: [.writeInitialize(.ours)], then: .settles(.leading)),
        Row(
            "so is one that is none", .primary.cluster { $0.initialize = .invalid("abc") },
            fires: "leader-repairs/initialize", doing: [.writeInitialize(.ours)], then: .settles(.leading)),
        Row(
            "a lost configuration is written again", .primary.cluster { $0.configuration = nil },
            fires: "leader-repairs/configuration", doing: [.restoreConfiguration], then: .settles(.leading)),
        Row(
            "a new timeline is recorded", .primary.server(.primary(timeline: 2)), fires: "leader-repairs/history",
            doing: [.recordHistory], then: .settles(.leading)),
        Row(
            "a recorded one is not recorded again", .primary.server(.primary(timeline: 2)).history(2),
            fires: "holding-the-lock/no-action", then: .settles(.leading)),
        Row(
            "one of that number that another has begun is not ours",
            .primary.server(.primary(timeline: 2)).history(2, by: "beta"),
            memory: { $0.ownTimeline = .begun(Timeline(2)) }, fires: "leader-repairs/history", doing: [.recordHistory],
            then: .settles(.leading)),
        Row(
            "timeline 1 needs no history", .primary, fires: "holding-the-lock/no-action", then: .settles(.leading)),
        Row(
            "unless an old one stands there", .primary.history(4), fires: "leader-repairs/history",
            doing: [.recordHistory], then: .settles(.leading)),
        Row(
            "a standby repairs nothing", .standby.cluster { $0.configuration = nil }, fires: "following/streams",
            then: .settles(.following(leader: "alpha"))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
