// Nobody holds the leader key: who may take it?
// Facts: HA-085, HA-087 to HA-089, HA-093, HA-095 to HA-105, HA-115 to HA-119, HA-121, HA-384, HA-392, HA-399, HA-405.

import Testing

@testable import PatroniCore

@Suite("Leader race") struct LeaderRaceTests {
    static let beta = Observation.standby.unlocked
    static let alpha = Observation.primary.unlocked

    static let rows: [Row] = [
        Row(
            "as far as anybody else: take the key and become primary", beta, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "nobody answers: whoever is left takes it", beta,
            world: { $0.peers = [.silent("alpha"), .silent("gamma")] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "alone in the cluster: nobody is asked",
            beta.cluster { $0.members = [.replica("beta")] }.with { $0.lastClusterWithLeader = nil },
            world: { $0.peers = [.primary("alpha")] }, fires: "leader-race/healthiest", doing: [.acquireLeaderKey],
            then: .begins(.promote)),
        Row(
            "members whose keys have expired are asked too", beta.cluster { $0.members = [.replica("beta")] },
            world: { $0.peers = [.standby("gamma", at: 101)] }, fires: "leader-race/ask-the-others",
            then: .settles(.peerIsAhead("gamma"))),
        Row(
            "somebody was faster: follow", beta, world: { $0.acquisition = .lostTo("gamma") },
            fires: "leader-race/lost",
            doing: [.acquireLeaderKey], then: .settles(.lostRace)),
        Row(
            "the store did not say: look again, promote nothing", beta, world: { $0.acquisition = .unknown(.noAnswer) },
            fires: "leader-race/undecided", doing: [.acquireLeaderKey], then: .settles(.raceUndecided(.noAnswer))),

        // Positions
        Row(
            "a byte behind somebody we can reach: wait for it", beta,
            world: { $0.peers = [.standby("gamma", at: 101)] },
            fires: "leader-race/peer-is-ahead", then: .settles(.peerIsAhead("gamma"))),
        Row(
            "a member tagged nofailover may be ahead",
            beta.cluster { cluster in cluster.change("gamma") { $0 = $0.tagged("nofailover") } },
            world: { $0.peers = [.standby("gamma", at: 101)] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "so may one without a working watchdog", beta,
            world: { $0.peers = [.standby("gamma", at: 101).with { $0.hasWatchdogFailed = true }] },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "exactly maximum_lag_on_failover behind the last leader: still good",
            beta.cluster { $0.status.position = LSN(100 + 1_048_576) }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "a byte more: that much loss is the operator's choice",
            beta.cluster { $0.status.position = LSN(101 + 1_048_576) }, fires: "leader-race/too-far-behind",
            then: .settles(.tooFarBehind(ByteCount(1_048_577)))),

        // Timelines
        Row(
            "an older timeline, when timelines count", beta.history(2).settings { $0.checkTimeline = true },
            fires: "leader-race/older-timeline",
            then: .settles(.olderTimeline(own: Timeline(1), recorded: Timeline(2)))),
        Row(
            "an older timeline in any case: a second timeline 2 could never be told from the first", beta.history(2),
            fires: "leader-race/older-timeline",
            then: .settles(.olderTimeline(own: Timeline(1), recorded: Timeline(2)))),
        Row(
            "the recorded number, but another timeline: ours was begun without knowing of it",
            beta.history(2, by: "gamma").server(.standby(timeline: 2)),
            memory: { $0.ownTimeline = .begun(Timeline(2)) }, fires: "leader-race/older-timeline",
            then: .settles(.olderTimeline(own: Timeline(2), recorded: Timeline(2)))),
        Row(
            "the recorded one is the one that we have begun", beta.history(2, by: "beta").server(.standby(timeline: 2)),
            memory: { $0.ownTimeline = .begun(Timeline(2)) }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "the recorded number, but our history file says that ours began elsewhere: no memory is needed",
            beta.history(2).server(.standby(timeline: 2)).begun(at: 49), fires: "leader-race/older-timeline",
            then: .settles(.olderTimeline(own: Timeline(2), recorded: Timeline(2)))),
        Row(
            "it began where the record says: it is the cluster's",
            beta.history(2).server(.standby(timeline: 2)).begun(at: 50), fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "a primary on another timeline of the recorded number is the past",
            alpha.history(2).server(.primary(timeline: 2)).begun(at: 49), fires: "leader-race/older-primary",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "the longer log of an older timeline is not ahead", beta.history(2).server(.standby(timeline: 2)),
            world: { $0.peers = [.silent("alpha"), .standby("gamma", at: 101, timeline: 1)] },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "but a primary of an older timeline that still runs must go first",
            beta.history(2).server(.standby(timeline: 2)), world: { $0.peers = [.primary("alpha")] },
            fires: "leader-race/primary-alive", then: .settles(.primaryStillAlive("alpha"))),
        Row(
            "an unknown one only when timelines count",
            beta.history(2).server(.standby(timeline: nil)).control { $0.timeline = nil },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "an operator may insist on an older one", beta.history(2).asked(.failover(to: "beta")),
            fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
        Row(
            "an unknown timeline, when timelines count",
            beta.history(2).server(.standby(timeline: nil)).control { $0.timeline = nil }
                .settings { $0.checkTimeline = true }, fires: "leader-race/older-timeline",
            then: .settles(.olderTimeline(own: nil, recorded: Timeline(2)))),

        // Tags
        Row(
            "tagged nofailover", beta.tagged("nofailover"), fires: "leader-race/not-allowed",
            then: .settles(.notAllowedToLead)),
        Row(
            "failover_priority 0 is the same", beta.tagged("failover_priority", 0), fires: "leader-race/not-allowed",
            then: .settles(.notAllowedToLead)),
        Row(
            "equally far, and the other one has priority",
            beta.cluster { cluster in cluster.change("gamma") { $0 = $0.tagged("failover_priority", 5) } },
            fires: "leader-race/peer-has-priority", then: .settles(.peerHasPriority("gamma", theirs: 5, ours: 1))),
        Row(
            "priority does not count against more log",
            beta.server(.standby(at: 101)).cluster { cluster in
                cluster.change("gamma") { $0 = $0.tagged("failover_priority", 5) }
            }, fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "nor does the priority of the leader that has failed",
            beta.cluster { cluster in cluster.change("alpha") { $0 = $0.tagged("failover_priority", 5) } },
            world: { $0.peers = [.standby("alpha")] }, fires: "leader-race/healthiest", doing: [.acquireLeaderKey],
            then: .begins(.promote)),

        // Primaries
        Row(
            "the old primary goes on writing: don't fork", beta, world: { $0.peers = [.primary("alpha", at: 90)] },
            fires: "leader-race/primary-alive", then: .settles(.primaryStillAlive("alpha"))),
        Row(
            "a running primary takes its key back", alpha, fires: "leader-race/won-as-primary",
            doing: [.acquireLeaderKey],
            then: .settles(.acquiredAsPrimary)),
        Row(
            "even one tagged nofailover: it accepts writes already", alpha.tagged("nofailover"),
            fires: "leader-race/running-primary", doing: [.acquireLeaderKey], then: .settles(.acquiredAsPrimary)),
        Row(
            "somebody was faster than a running primary", alpha, world: { $0.acquisition = .lostTo("beta") },
            fires: "leader-race/lost-as-primary", doing: [.acquireLeaderKey],
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "the store did not say, and no lease protects a running primary", alpha,
            world: { $0.acquisition = .unknown(.noAnswer) }, fires: "leader-race/undecided-primary",
            doing: [.acquireLeaderKey], then: .begins(.demote(.offline))),
        Row(
            "with a good lease there is time to ask again", alpha.lease(20),
            world: { $0.acquisition = .unknown(.noAnswer) },
            fires: "leader-race/undecided", doing: [.acquireLeaderKey], then: .settles(.raceUndecided(.noAnswer))),
        Row(
            "a primary of an older timeline is the past", alpha.history(2), fires: "leader-race/older-primary",
            then: .begins(.demote(.immediateWithoutKey))),

        // The old primary still writes
        Row(
            "primary_race_backoff: log still comes in, so the old primary lives",
            beta.server(.standby(at: 120)).settings { $0.primaryRaceBackoff = .seconds(60) },
            memory: {
                $0.unlockedSince = .start - .seconds(20)
                $0.earlierPosition = LSN(110)
            }, fires: "leader-race/log-still-grows", then: .settles(.raceBackoff(left: .seconds(40)))),
        Row(
            "in the first loop nobody can tell yet whether it does",
            beta.settings { $0.primaryRaceBackoff = .seconds(60) },
            memory: {
                $0.unlockedSince = .start - .seconds(9)
                $0.earlierPosition = LSN(100)
            }, fires: "leader-race/log-still-grows", then: .settles(.raceBackoff(left: .seconds(51)))),
        Row(
            "nothing comes in any more: race", beta.settings { $0.primaryRaceBackoff = .seconds(60) },
            memory: {
                $0.unlockedSince = .start - .seconds(20)
                $0.earlierPosition = LSN(100)
            }, fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "an operator's candidate does not wait",
            beta.server(.standby(at: 120)).settings { $0.primaryRaceBackoff = .seconds(60) }
                .asked(.failover(to: "beta")),
            memory: {
                $0.unlockedSince = .start - .seconds(20)
                $0.earlierPosition = LSN(110)
            }, fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
        Row(
            "the window ends", beta.server(.standby(at: 120)).settings { $0.primaryRaceBackoff = .seconds(60) },
            memory: {
                $0.unlockedSince = .start - .seconds(60)
                $0.earlierPosition = LSN(110)
            }, fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),

        // Our own promotion has failed
        Row(
            "our promotion was called off: let others have their turn", beta,
            memory: {
                $0.ended(.promote, .failed("pre_promote"), at: .start - .seconds(29), settings: ClusterSettings())
            },
            fires: "leader-race/backing-off", then: .settles(.backingOff)),
        Row(
            "nobody else took it: try again after a ttl", beta,
            memory: {
                $0.ended(.promote, .failed("pre_promote"), at: .start - .seconds(30), settings: ClusterSettings())
            },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),

        // Maintenance mode
        Row(
            "paused: no standby is promoted on its own", beta.paused, fires: "leader-race/paused-standby",
            then: .settles(.notHealthiestWhilePaused)),
        Row(
            "paused: a running primary takes its key back", alpha.paused, fires: "leader-race/won-as-primary",
            doing: [.acquireLeaderKey], then: .settles(.acquiredAsPrimary)),
        Row(
            "paused: one with exchanged data does not", alpha.foreign.paused,
            fires: "leader-race/paused-foreign-primary",
            then: .settles(.leadingWithoutKeyWhilePaused)),
        Row(
            "paused: a primary that lost the race is not stopped", alpha.paused,
            world: { $0.acquisition = .lostTo("beta") }, fires: "leader-race/lost", doing: [.acquireLeaderKey],
            then: .settles(.lostRace)),
        Row(
            "paused: a primary of an older timeline is not stopped, but does not get the key", alpha.paused.history(2),
            fires: "leader-race/paused-older-primary",
            then: .settles(.olderTimeline(own: Timeline(1), recorded: Timeline(2)))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `a primary that is demoted for its timeline although tagged nofailover is told so`() {
        let decisions = Transcript.of(Self.alpha.history(2).tagged("nofailover")).decisions
        #expect(decisions.contains(.act(.begin(.demote(.immediateWithoutKey)), because: .demotedNotAllowed)))
    }
}

@Suite("Leader race with synchronous replication") struct SynchronousRaceTests {
    static func beta(_ mode: SynchronousMode, _ sync: SyncState) -> Observation {
        Observation.standby.unlocked.settings { $0.synchronousMode = mode }.cluster { $0.sync = sync }
    }

    static func alpha(_ mode: SynchronousMode, _ sync: SyncState) -> Observation {
        Observation.primary.unlocked.settings { $0.synchronousMode = mode }.cluster { $0.sync = sync }
    }

    static let rows: [Row] = [
        Row(
            "a synchronous standby may lead", beta(.on, SyncState(leader: "alpha", standbys: ["beta"])),
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "another one may not: commits may be missing", beta(.on, SyncState(leader: "alpha", standbys: ["gamma"])),
            fires: "leader-race/not-synchronous", then: .settles(.notSynchronous)),
        Row(
            "unless an operator chooses it",
            beta(.on, SyncState(leader: "alpha", standbys: ["gamma"])).asked(.failover(to: "beta")),
            fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
        Row(
            "the failed leader may be ahead: nobody was promised that",
            beta(.on, SyncState(leader: "alpha", standbys: ["beta"])),
            world: { $0.peers = [.standby("alpha", at: 200)] },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "an asynchronous member that is ahead does not count",
            beta(.on, SyncState(leader: "alpha", standbys: ["beta"])),
            world: { $0.peers = [.standby("gamma", at: 200)] },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "quorum commit: enough voters are not ahead",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])),
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "quorum commit: too few voters answer",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])),
            world: { $0.peers = [.silent("gamma")] }, fires: "leader-race/too-few-votes",
            then: .settles(.tooFewVotes(0, quorum: 1))),
        Row(
            "quorum commit: who is no voter needs one more",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["gamma"])),
            fires: "leader-race/too-few-votes", then: .settles(.tooFewVotes(0, quorum: 1))),
        Row(
            "the quorum of the key counts although the mode has been switched since",
            beta(.on, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])),
            world: { $0.peers = [.silent("gamma")] }, fires: "leader-race/too-few-votes",
            then: .settles(.tooFewVotes(0, quorum: 1))),
        Row(
            "quorum commit: the old leader comes back alone",
            beta(.quorum, SyncState(leader: "beta", quorum: 1, standbys: ["gamma"])),
            world: { $0.peers = [.silent("gamma")] }, fires: "leader-race/healthiest", doing: [.acquireLeaderKey],
            then: .begins(.promote)),
        Row(
            "quorum commit: no voter is on the later timeline, so it holds nothing that was promised",
            beta(.quorum, SyncState(leader: "beta", standbys: [])),
            world: { $0.peers = [.standby("gamma", at: 50, timeline: 2)] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "but a primary goes on writing, voter or not",
            beta(.quorum, SyncState(leader: "beta", standbys: [])),
            world: { $0.peers = [.primary("gamma", at: 50)] }, fires: "leader-race/primary-alive",
            then: .settles(.primaryStillAlive("gamma"))),
        Row(
            "somebody else has put itself into the key and led since: a primary outside is the past",
            alpha(.quorum, SyncState(leader: "gamma", standbys: ["beta"])),
            fires: "leader-race/not-synchronous-primary",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "a primary in it takes its key back", alpha(.on, SyncState(leader: "alpha", standbys: [])),
            fires: "leader-race/won-as-primary", doing: [.acquireLeaderKey], then: .settles(.acquiredAsPrimary)),
        Row(
            "so does one before the first synchronous standby", alpha(.on, .none),
            fires: "leader-race/won-as-primary", doing: [.acquireLeaderKey], then: .settles(.acquiredAsPrimary)),
        Row(
            "paused: a primary outside is not stopped", alpha(.on, SyncState(leader: "gamma", standbys: [])).paused,
            fires: "leader-race/won-as-primary", doing: [.acquireLeaderKey], then: .settles(.acquiredAsPrimary)),
        Row(
            "a voter on a later timeline is ahead, however short its log",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])),
            world: { $0.peers = [.standby("gamma", at: 50, timeline: 2)] }, fires: "leader-race/peer-is-ahead",
            then: .settles(.peerIsAhead("gamma"))),
        Row(
            "one on an older timeline is not ahead, however long, but gives no vote either",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"]))
                .server(.standby(timeline: 2)),
            world: { $0.peers = [.standby("gamma", at: 200)] }, fires: "leader-race/too-few-votes",
            then: .settles(.tooFewVotes(0, quorum: 1))),
        Row(
            "quorum commit: the candidate of a switchover needs its votes too",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"]))
                .asked(.switchover(to: "beta")),
            world: { $0.peers = [.silent("gamma")] }, fires: "leader-race/candidate-needs-votes",
            then: .settles(.tooFewVotes(0, quorum: 1))),
        Row(
            "with votes it takes the key",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"]))
                .asked(.switchover(to: "beta")),
            fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
        Row(
            "quorum commit: an operator's failover goes to anybody",
            beta(.quorum, SyncState(leader: "alpha", quorum: 1, standbys: ["gamma", "delta"]))
                .asked(.failover(to: "beta")),
            fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
