// A cluster that replicates from another one: its leader is a standby, and nobody in it is ever promoted.

import Testing

@testable import PatroniCore

extension Observation {
    /// The cluster is a standby of the one at `elsewhere`.
    var ofStandbyCluster: Observation { settings { $0.standbyCluster = RemoteSource(["host": "elsewhere"]) } }
    /// It only has the other cluster's archive.
    var ofArchiveCluster: Observation { settings { $0.standbyCluster = RemoteSource(["restore_command": "cp"]) } }
    /// alpha, the standby leader, streaming from elsewhere.
    static var standbyLeader: Observation {
        primary.server(.standby()).control { $0.state = .inArchiveRecovery }.ofStandbyCluster
            .cluster { cluster in cluster.change("alpha") { $0.role = .standbyLeader } }
    }
    /// alpha, the standby leader, whose PostgreSQL has died.
    static var stoppedStandbyLeader: Observation { standbyLeader.server(.stopped) }
}

extension Memory {
    mutating func wasStandbyLeader() { announced(.standbyLeader) }
    mutating func comparedWithRemote(_ divergence: Divergence, secondsAgo: Int = 0) {
        ended(
            .checkDivergence(from: .remote), .divergence(divergence), at: .start - .seconds(secondsAgo),
            settings: ClusterSettings())
    }
}

@Suite("A standby cluster") struct StandbyClusterTests {
    static let rewinds: @Sendable (inout ClusterSettings) -> Void = { $0.usePgRewind = true }
    static let leads: @Sendable (inout Memory) -> Void = { $0.wasStandbyLeader() }
    static func led(_ divergence: Divergence, secondsAgo: Int = 0) -> @Sendable (inout Memory) -> Void {
        {
            $0.wasStandbyLeader()
            $0.comparedWithRemote(divergence, secondsAgo: secondsAgo)
        }
    }
    static let silent = Observation.standbyLeader.server(.standby(streaming: false))

    static let rows: [Row] = [
        // Its leader
        Row(
            "the standby leader streams from the remote", .standbyLeader, memory: leads,
            fires: "standby-leader/streams", then: .settles(.standbyLeading)),
        Row(
            "a standby that has the key becomes standby leader, and is not promoted", .standbyLeader,
            fires: "standby-leader/become", doing: [.announce(.standbyLeader)], then: .settles(.standbyLeaderByHolding)),
        Row(
            "it follows the remote from then on", .standbyLeader, memory: leads, world: { $0.upstream = .needsReload },
            fires: "standby-leader/change-upstream", then: .begins(.follow(.remote, restart: false))),
        Row(
            "if need be with a restart", .standbyLeader, memory: leads, world: { $0.upstream = .needsRestart },
            fires: "standby-leader/change-upstream", then: .begins(.follow(.remote, restart: true))),
        Row(
            "not in maintenance mode", .standbyLeader.paused, memory: leads, world: { $0.upstream = .needsRestart },
            fires: "standby-leader/streams", then: .settles(.standbyLeading)),
        Row(
            "nor again at once, when something overrules us", .standbyLeader,
            memory: {
                leads(&$0)
                $0.began(.follow(.remote, restart: true), at: .start - .seconds(5))
            }, world: { $0.upstream = .needsRestart }, fires: "standby-leader/streams", then: .settles(.standbyLeading)),
        Row(
            "tagged nostream: from the remote's archive only", .standbyLeader.tagged("nostream"), memory: leads,
            world: { $0.upstream = .needsReload }, fires: "standby-leader/change-upstream",
            then: .begins(.follow(.nobody, restart: false))),
        Row(
            "it does not stream: has it more than the remote?", silent, memory: leads, fires: "standby-leader/compare",
            then: .begins(.checkDivergence(from: .remote))),
        Row(
            "the remote is away: wait for it", silent, memory: led(.unknown("refused"), secondsAgo: 15),
            fires: "standby-leader/no-action", then: .settles(.standbyLeading)),
        Row(
            "and ask again later", silent, memory: led(.unknown("refused"), secondsAgo: 31),
            fires: "standby-leader/compare", then: .begins(.checkDivergence(from: .remote))),
        Row(
            "it has more than the remote: rewind", silent.settings(rewinds), memory: led(.diverged),
            fires: "standby-leader/rewind", then: .begins(.rewind(from: .remote))),
        Row(
            "the remote could not be used a moment ago", silent.settings(rewinds),
            memory: {
                led(.diverged)(&$0)
                $0.rewindPostponedAt = .start - .seconds(3)
            }, fires: "standby-leader/rewind-later", then: .settles(.rewindPostponed(.remote))),
        Row(
            "it may not be rewound: nothing is thrown away, whatever is allowed (HA-230)",
            silent.settings { $0.removeDataDirectoryOnDivergedTimelines = true }, memory: led(.diverged),
            fires: "standby-leader/no-action", then: .settles(.standbyLeading)),
        Row(
            "paused: nothing is compared", silent.paused, memory: leads, fires: "standby-leader/no-action",
            then: .settles(.standbyLeading)),
        Row(
            "one that only has an archive compares with nobody", silent.ofArchiveCluster, memory: leads,
            fires: "standby-leader/no-action", then: .settles(.standbyLeading)),
        Row(
            "it puts back what the store has lost, but records no history",
            .standbyLeader.history(4).cluster { $0.configuration = nil }, memory: leads,
            fires: "leader-repairs/configuration", doing: [.restoreConfiguration], then: .settles(.standbyLeading)),
        Row(
            "an operator's switchover moves it (HA-114)", .standbyLeader.asked(.switchover(to: "beta")), memory: leads,
            fires: "switching-over/hand-over", then: .begins(.demote(.graceful(.switchover(to: "beta"))))),
        Row(
            "timelines do not stand against the candidate (HA-224)",
            .standbyLeader.history(9).settings { $0.checkTimeline = true }.asked(.switchover(to: "beta")),
            memory: leads, fires: "switching-over/hand-over",
            then: .begins(.demote(.graceful(.switchover(to: "beta"))))),
        Row(
            "the section is gone: the leader becomes primary (HA-227)",
            .standbyLeader.settings { $0.standbyCluster = nil }, memory: leads, fires: "holding-the-lock/promote",
            then: .begins(.promote)),

        // A primary in it
        Row(
            "the section was added: the primary becomes standby leader (HA-228)", .primary.ofStandbyCluster,
            memory: { $0.wasPrimary() }, fires: "standby-leader/real-primary", then: .begins(.demote(.toStandbyCluster))
        ),
        Row(
            "in maintenance mode it stays", .primary.ofStandbyCluster.paused, memory: { $0.wasPrimary() },
            fires: "standby-leader/paused-primary", then: .settles(.leadingWithoutKeyWhilePaused)),
        Row(
            "meanwhile it keeps the key", .primary.ofStandbyCluster.busy(.demote(.toStandbyCluster)),
            memory: { $0.wasPrimary() }, fires: "keeping-the-leader-key/renew",
            then: .settles(.keepingTheKey(during: .demote(.toStandbyCluster)))),
        Row(
            "unless it has given it away",
            .primary.ofStandbyCluster.busy(.demote(.toStandbyCluster), isPastReturn: true),
            memory: { $0.wasPrimary() }, fires: "job-in-progress/wait",
            then: .settles(.jobInProgress(.demote(.toStandbyCluster)))),
        Row(
            "a primary beside the standby leader", .primary.ledBy("beta").ofStandbyCluster,
            memory: { $0.wasPrimary() }, fires: "following/second-primary", then: .begins(.demote(.toStandbyCluster))),

        // The others
        Row(
            "a member that streams from the standby leader", .standby.ofStandbyCluster, fires: "following/streams",
            then: .settles(.followingStandbyLeader("alpha"))),
        Row(
            "one that does not compares with the remote", .standby.server(.standby(streaming: false)).ofStandbyCluster,
            fires: "following/compare", then: .begins(.checkDivergence(from: .remote))),
        Row(
            "the leader key names somebody unknown: go on as before",
            .standby.cluster { cluster in cluster.members.removeAll { $0.name == "alpha" } }.ofStandbyCluster,
            world: { $0.upstream = .needsReload }, fires: "following/leader-without-address",
            then: .settles(.followingOldStandbyLeader)),
        Row(
            "another member took over: we are a replica again", .standby.ofStandbyCluster, memory: leads,
            fires: "following/step-down", doing: [.announce(.replica)], then: .settles(.followingStandbyLeader("alpha"))
        ),

        // The race
        Row(
            "the healthiest member takes the key and stays a standby", .standby.unlocked.ofStandbyCluster,
            fires: "leader-race/won-standby-cluster", doing: [.acquireLeaderKey, .announce(.standbyLeader)],
            then: .settles(.standbyLeaderByAcquiring)),
        Row(
            "an older timeline does not matter",
            .standby.unlocked.history(9).settings { $0.checkTimeline = true }.ofStandbyCluster,
            fires: "leader-race/won-standby-cluster", doing: [.acquireLeaderKey, .announce(.standbyLeader)],
            then: .settles(.standbyLeaderByAcquiring)),
        Row(
            "synchronous mode does not matter either (HA-193)",
            .standby.unlocked.cluster { $0.sync = SyncState(leader: "alpha", standbys: ["gamma"]) }
                .settings { $0.synchronousMode = .on }.ofStandbyCluster,
            fires: "leader-race/won-standby-cluster", doing: [.acquireLeaderKey, .announce(.standbyLeader)],
            then: .settles(.standbyLeaderByAcquiring)),
        Row(
            "positions do", .standby.unlocked.ofStandbyCluster, world: { $0.peers = [.standby("gamma", at: 101)] },
            fires: "leader-race/peer-is-ahead", then: .settles(.peerIsAhead("gamma"))),
        Row(
            "paused: the operator's candidate takes over, and the request is done with",
            .standby.unlocked.paused.asked(.failover(to: "beta")).ofStandbyCluster,
            fires: "leader-race/won-clear-request",
            doing: [.acquireLeaderKey, .clearFailoverRequest, .announce(.standbyLeader)],
            then: .settles(.standbyLeaderByAcquiring)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}

@Suite("A standby cluster begins and comes back") struct StandbyClusterLifeTests {
    static let leads = StandbyClusterTests.leads
    static let created: @Sendable (inout Memory) -> Void = {
        $0.ended(.bootstrapStandbyLeader, .succeeded, at: .start, settings: ClusterSettings())
    }
    static let new = Observation.standby.with { $0.lastClusterWithLeader = nil }.ofStandbyCluster.cluster {
        $0 = Cluster()
        $0.initialize = .inProgress
    }

    static let rows: [Row] = [
        Row(
            "nobody has created the cluster: copy the remote", .empty.brandNew.ofStandbyCluster,
            fires: "empty-data-directory/claim-answered", doing: [.claimInitialize],
            then: .begins(.bootstrapStandbyLeader)),
        Row(
            "the copy runs: publish it, as a standby leader", new, memory: created,
            fires: "finishing-bootstrap/announce",
            doing: [.writeInitialize(.ours), .restoreConfiguration, .acquireLeaderKey, .announce(.standbyLeader)],
            then: .settles(.initializedCluster)),
        Row(
            "the others wait for it", .empty.brandNew.cluster { $0.initialize = .inProgress }.ofStandbyCluster,
            fires: "empty-data-directory/wait-for-a-leader", then: .settles(.waitingForStandbyLeaderToBootstrap)),
        Row(
            "and copy it", .empty.ofStandbyCluster, fires: "empty-data-directory/clone",
            then: .begins(.clone(from: .leader("alpha")))),

        // Stopped
        Row(
            "the standby leader has crashed: compare first", .stoppedStandbyLeader, memory: leads,
            fires: "recovery/compare", then: .begins(.checkDivergence(from: .remote))),
        Row(
            "then start it as what it was", .stoppedStandbyLeader, memory: StandbyClusterTests.led(.none),
            fires: "recovery/start-as-standby-leader", then: .begins(.start(.standbyLeader))),
        Row(
            "the remote is away: start it all the same", .stoppedStandbyLeader,
            memory: StandbyClusterTests.led(.unknown("refused")), fires: "recovery/start-as-standby-leader",
            then: .begins(.start(.standbyLeader))),
        Row(
            "with an archive alone there is nobody to compare with", .stoppedStandbyLeader.ofArchiveCluster,
            memory: leads, fires: "recovery/start-as-standby-leader", then: .begins(.start(.standbyLeader))),
        Row(
            "it has more than the remote: rewind",
            .stoppedStandbyLeader.settings(StandbyClusterTests.rewinds), memory: StandbyClusterTests.led(.diverged),
            fires: "recovery/rewind", then: .begins(.rewind(from: .remote))),
        Row(
            "a failed rewind, and the data may be thrown away",
            .stoppedStandbyLeader.settings {
                StandbyClusterTests.rewinds(&$0)
                $0.removeDataDirectoryOnRewindFailure = true
            }, memory: StandbyClusterTests.led(.rewindFailed("exit code 1")),
            fires: "recovery/clone-after-failed-rewind", then: .begins(.reinitialize(from: .remote))),
        Row(
            "primary_start_timeout 0: let another member lead",
            .stoppedStandbyLeader.settings { $0.primaryStartTimeout = .zero },
            memory: {
                leads(&$0)
                $0.crashedAt = .start
            }, fires: "recovery/fail-over-at-once", then: .begins(.demote(.immediate))),
        Row(
            "it failed to start: another member shall lead", .stoppedStandbyLeader,
            memory: {
                leads(&$0)
                $0.ended(.start(.standbyLeader), .failed("x"), at: .start, settings: ClusterSettings())
            }, fires: "recovery/leader-failed-to-start", doing: [.announce(.demoted), .releaseLeaderKey],
            then: .settles(.releasedAfterFailedStart)),
        Row(
            "a primary that was stopped to become standby leader",
            .crashedPrimary.control { $0.state = .shutDown }
                .ofStandbyCluster,
            memory: {
                $0.wasDemoted()
                $0.comparedWithRemote(.none)
            }, fires: "recovery/start-as-standby-leader", then: .begins(.start(.standbyLeader))),
        Row(
            "the agent was restarted meanwhile: still no primary",
            .crashedPrimary.control { $0.state = .shutDown }.ofStandbyCluster,
            memory: { $0.comparedWithRemote(.none) }, fires: "recovery/start-as-standby-leader",
            then: .begins(.start(.standbyLeader))),
        Row(
            "a primary that has crashed before it could be demoted is started, to be shut down properly",
            .crashedPrimary.ofStandbyCluster,
            memory: {
                $0.wasPrimary()
                $0.crashedAt = .start
            }, fires: "recovery/restart-the-primary", then: .begins(.start(.primary))),
        Row(
            "nobody leads: follow the remote until the race is won", .stoppedStandby.unlocked.ofStandbyCluster,
            memory: { $0.comparedWithRemote(.none) }, fires: "recovery/follow-the-remote",
            then: .begins(.start(.standby(.remote)))),
        Row(
            "tagged nostream: its archive", .stoppedStandby.unlocked.tagged("nostream").ofStandbyCluster,
            memory: { $0.comparedWithRemote(.none) }, fires: "recovery/follow-the-remote",
            then: .begins(.start(.standby(.nobody)))),
        Row(
            "a stopped replica follows the standby leader", .stoppedStandby.ofStandbyCluster,
            memory: { $0.comparedWithRemote(.none) }, fires: "recovery/start",
            then: .begins(.start(.standby(.member("alpha"))))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `a standby leader stays one from turn to turn`() {
        var memory = Memory()
        memory.wasStandbyLeader()
        let seen = Transcript.of(.standbyLeader, memory)
        #expect(seen.turn.memory.role == .standbyLeader)
        memory.ended(.promote, .succeeded, at: .start, settings: ClusterSettings())
        #expect(memory.role == .primary)
    }

    @Test func `nothing but logical slots is dropped because of the cluster's kind`() {
        var cluster = Cluster.healthy
        cluster.configuration = StoredConfiguration(
            values: ["slots": ["l": ["type": "logical", "database": "d", "plugin": "p"], "q": ["type": "physical"]]],
            version: KeyVersion(1))
        var settings = ClusterSettings()
        func wanted() -> WantedSlots {
            .on("alpha", tags: Tags(), isLeader: true, cluster: cluster, settings: settings)
        }
        #expect(wanted().logical.keys.contains("l") && wanted().physical["q"] != nil)
        settings.standbyCluster = RemoteSource(["host": "h"])
        #expect(wanted().logical.isEmpty && wanted().physical["q"] != nil)
    }
}
