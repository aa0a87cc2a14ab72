// No data here yet, or none that can be read: create the cluster, copy it, or keep the hands off.
// Facts: HA-028, HA-029, HA-045, HA-046, HA-064, HA-065, HA-072, HA-342, HA-391.

import Testing

@testable import PatroniCore

@Suite("Empty data directory") struct EmptyDataDirectoryTests {
    static let unreadable = Observation.empty.with { $0.directory = .unreadable("global/pg_control is too short") }
    static let inaccessible = Observation.empty.with { $0.directory = .inaccessible("Input/output error") }
    static let failedClone: @Sendable (inout Memory) -> Void = {
        $0.ended(
            .clone(from: .replica("gamma")), .failed("connection refused"), at: .start - .seconds(3),
            settings: ClusterSettings())
    }
    static let failedCloneLongAgo: @Sendable (inout Memory) -> Void = {
        $0.ended(
            .clone(from: .replica("gamma")), .failed("connection refused"), at: .start - .seconds(11),
            settings: ClusterSettings())
    }

    static let rows: [Row] = [
        Row(
            "nobody has created the cluster, and we get the initialize key", .empty.brandNew,
            fires: "empty-data-directory/create-the-cluster", doing: [.claimInitialize], then: .begins(.bootstrap)),
        Row(
            "somebody else was faster", .empty.brandNew, world: { $0.claim = .conflict },
            fires: "empty-data-directory/claim-answered", doing: [.claimInitialize], then: .settles(.lostInitializeRace)
        ),
        Row(
            "the store did not say whether the key is ours: create nothing", .empty.brandNew,
            world: { $0.claim = .unknown(.noAnswer) }, fires: "empty-data-directory/claim-answered",
            doing: [.claimInitialize], then: .settles(.initializeUnknown(.noAnswer))),
        Row(
            "somebody is creating the cluster", .empty.brandNew.cluster { $0.initialize = .inProgress },
            fires: "empty-data-directory/wait-for-a-leader", then: .settles(.waitingForLeaderToBootstrap)),
        Row(
            "the cluster exists, but nobody leads it", .empty.unlocked, fires: "empty-data-directory/wait-for-a-leader",
            then: .settles(.waitingForLeaderToBootstrap)),
        Row(
            "a member tagged nofailover creates no cluster",
            .empty.brandNew.with { $0.tags = Tags(["nofailover": true]) },
            fires: "empty-data-directory/wait-for-a-leader", then: .settles(.waitingForLeaderToBootstrap)),
        Row(
            "nor does one without a bootstrap section", .empty.brandNew.with { $0.mayBootstrap = false },
            fires: "empty-data-directory/wait-for-a-leader", then: .settles(.waitingForLeaderToBootstrap)),
        Row(
            "a leader is there to copy from", .empty, fires: "empty-data-directory/clone",
            then: .begins(.clone(from: .leader("alpha")))),
        Row(
            "a replica tagged clonefrom spares the leader",
            .empty.cluster { cluster in cluster.change("gamma") { $0 = $0.tagged("clonefrom") } },
            fires: "empty-data-directory/clone", then: .begins(.clone(from: .replica("gamma")))),
        Row(
            "but only a running one",
            .empty.cluster { cluster in
                cluster.change("gamma") {
                    $0 = $0.tagged("clonefrom")
                    $0.state = .stopped
                }
            }, fires: "empty-data-directory/clone", then: .begins(.clone(from: .leader("alpha")))),
        Row(
            "a leader that has not said where it listens can't be copied",
            .empty.cluster { cluster in cluster.change("alpha") { $0.connectionURL = nil } },
            fires: "empty-data-directory/wait-for-a-leader", then: .settles(.waitingForLeaderToBootstrap)),
        Row(
            "nobody leads, but a backup will do", .empty.unlocked.with { $0.mayCloneWithoutLeader = true },
            fires: "empty-data-directory/clone-without-leader", then: .begins(.clone(from: .noLeader))),
        Row(
            "not while somebody is creating the cluster: the backup may be of another one",
            .empty.brandNew.cluster { $0.initialize = .inProgress }.with { $0.mayCloneWithoutLeader = true },
            fires: "empty-data-directory/wait-for-a-leader", then: .settles(.waitingForLeaderToBootstrap)),
        Row(
            "a clone has just failed: not again at once", .empty, memory: failedClone,
            fires: "empty-data-directory/retry-later", then: .settles(.cloneFailed("connection refused"))),
        Row(
            "after a failure with a replica the leader is asked",
            .empty.cluster { cluster in cluster.change("gamma") { $0 = $0.tagged("clonefrom") } },
            memory: failedCloneLongAgo, fires: "empty-data-directory/clone",
            then: .begins(.clone(from: .leader("alpha")))),
        Row(
            "paused: nothing is created", .empty.brandNew.paused, fires: "empty-data-directory/paused",
            then: .settles(.emptyWhilePaused)),
        Row(
            "a leader that has lost its data gives the key away", .crashedPrimary.with { $0.directory = .empty },
            fires: "empty-data-directory/leader-without-data", doing: [.releaseLeaderKey],
            then: .settles(.releasedEmptyDirectory)),
        Row(
            "so does one whose disk can't be read",
            .crashedPrimary.with { $0.directory = .inaccessible("Input/output error") },
            fires: "empty-data-directory/released", doing: [.releaseLeaderKey],
            then: .settles(.releasedInaccessibleDirectory)),
        Row(
            "a disk that can't be read is not an empty one", inaccessible.brandNew,
            fires: "empty-data-directory/inaccessible", then: .settles(.directoryInaccessible("Input/output error"))),
        Row(
            "nor is it copied over", inaccessible, fires: "empty-data-directory/inaccessible",
            then: .settles(.directoryInaccessible("Input/output error"))),
        Row(
            "files without a readable identity are somebody's data", unreadable.brandNew,
            fires: "empty-data-directory/unreadable",
            then: .settles(.directoryUnreadable("global/pg_control is too short"))),
        Row(
            "they are not copied over either", unreadable, fires: "empty-data-directory/unreadable",
            then: .settles(.directoryUnreadable("global/pg_control is too short"))),
        Row(
            "the files have vanished under a running leader: stop, and let others lead",
            .primary.with { $0.directory = .empty }, fires: "empty-data-directory/vanished",
            then: .begins(.demote(.immediate))),
        Row(
            "the files have vanished under a running standby", .standby.with { $0.directory = .empty },
            fires: "empty-data-directory/vanished", then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "paused: even then nothing is stopped", .primary.paused.with { $0.directory = .empty },
            fires: "empty-data-directory/vanished-paused", then: .settles(.directoryVanished)),
        Row(
            "a disk that is slow for a moment does not stop a running primary",
            .primary.with { $0.directory = .inaccessible("did not answer in time") },
            fires: "holding-the-lock/no-action",
            then: .settles(.leading)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
