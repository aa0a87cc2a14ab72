// This member holds the key, or somebody else does, and PostgreSQL answers.
// Facts: HA-124 to HA-126, HA-128, HA-132 to HA-136, HA-167, HA-171, HA-256.

import Testing

@testable import PatroniCore

@Suite("Holding the lock") struct HoldingTheLockTests {
    static let standby = Observation.primary.server(.standby())

    static let rows: [Row] = [
        Row("a primary with the key", .primary, fires: "holding-the-lock/no-action", then: .settles(.leading)),
        Row(
            "paused: the same", .primary.paused, fires: "holding-the-lock/no-action", then: .settles(.leading)),
        Row(
            "a standby with the key becomes primary", standby, fires: "holding-the-lock/promote",
            then: .begins(.promote)),
        Row(
            "paused: a standby gives the key away", standby.paused, fires: "holding-the-lock/paused-standby",
            doing: [.releaseLeaderKey], then: .settles(.releasedNotPrimary)),
        Row(
            "a standby that was tagged nofailover meanwhile gives it away", standby.tagged("nofailover"),
            fires: "holding-the-lock/not-allowed", doing: [.releaseLeaderKey], then: .settles(.notAllowedToLead)),
        Row(
            "a primary tagged nofailover goes on leading", .primary.tagged("nofailover"),
            fires: "holding-the-lock/no-action", then: .settles(.leading)),
        Row(
            "our promotion was just called off: somebody else shall try", standby,
            memory: { $0.ended(.promote, .failed("pre_promote"), at: .start, settings: ClusterSettings()) },
            fires: "holding-the-lock/backing-off", doing: [.releaseLeaderKey], then: .settles(.backingOff)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}

@Suite("Following") struct FollowingTests {
    static let broken = Observation.standby.server(.standby(streaming: false))
    static let rewinds: @Sendable (inout ClusterSettings) -> Void = { $0.usePgRewind = true }
    static let mayRemove: @Sendable (inout ClusterSettings) -> Void = {
        $0.removeDataDirectoryOnDivergedTimelines = true
    }
    static func found(_ divergence: Divergence) -> @Sendable (inout Memory) -> Void { { $0.found(divergence) } }
    static func onTimeline(_ own: UInt32, leader: UInt32, _ role: MemberRole = .primary) -> Observation {
        Observation.standby.server(.standby(timeline: own)).cluster { cluster in
            cluster.change("alpha") {
                $0.timeline = Timeline(leader)
                $0.role = role
            }
        }
    }

    static let rows: [Row] = [
        Row(
            "a standby that streams from the leader", .standby, fires: "following/streams",
            then: .settles(.following(leader: "alpha"))),
        Row(
            "its settings name another upstream: a reload is enough", .standby, world: { $0.upstream = .needsReload },
            fires: "following/change-upstream", then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "its settings name another upstream: a restart is needed", .standby, world: { $0.upstream = .needsRestart },
            fires: "following/change-upstream", then: .begins(.follow(.member("alpha"), restart: true))),
        Row(
            "it was told a moment ago: something overrules us, don't restart for ever", .standby,
            memory: { $0.began(.follow(.member("alpha"), restart: true), at: .start - .seconds(5)) },
            world: { $0.upstream = .needsRestart }, fires: "following/streams",
            then: .settles(.following(leader: "alpha"))),
        Row(
            "paused: it is not restarted", .standby.paused, world: { $0.upstream = .needsRestart },
            fires: "following/streams", then: .settles(.following(leader: "alpha"))),
        Row(
            "paused: a reload does no harm", .standby.paused, world: { $0.upstream = .needsReload },
            fires: "following/change-upstream", then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "tagged replicatefrom", .standby.tagged("replicatefrom", "gamma"), world: { $0.upstream = .needsReload },
            fires: "following/change-upstream", then: .begins(.follow(.member("gamma"), restart: false))),
        Row(
            "tagged replicatefrom a member that is not there", .standby.tagged("replicatefrom", "delta"),
            world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "tagged replicatefrom itself", .standby.tagged("replicatefrom", "beta"),
            world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "tagged nostream: from the archive only", .standby.tagged("nostream"),
            world: { $0.upstream = .needsReload },
            fires: "following/change-upstream", then: .begins(.follow(.nobody, restart: false))),
        Row(
            "a second primary is stopped at once", .primary.ledBy("beta"), fires: "following/second-primary",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "paused: a second primary is the operator's business", .primary.ledBy("beta").paused,
            fires: "following/paused-primary", then: .settles(.leadingWithoutKeyWhilePaused)),

        Row(
            "tagged replicatefrom a member that has not said where it is",
            .standby.tagged("replicatefrom", "gamma").cluster { cluster in
                cluster.change("gamma") { $0.connectionURL = nil }
            }, world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "nobody knows where the leader is: go on as before",
            .standby.cluster { cluster in cluster.members.removeAll { $0.name == "alpha" } },
            world: { $0.upstream = .needsReload }, fires: "following/leader-without-address",
            then: .settles(.following(leader: "alpha"))),

        Row(
            "a permanent logical slot is missing: copy it", .standby.with { $0.missingSlots = ["l"] },
            fires: "following/copy-slots", then: .begins(.copySlots(["l"], from: "alpha"))),
        Row(
            "not in maintenance mode, as it needs a restart", .standby.paused.with { $0.missingSlots = ["l"] },
            fires: "following/streams", then: .settles(.following(leader: "alpha"))),
        Row(
            "nor again at once", .standby.with { $0.missingSlots = ["l"] },
            memory: {
                $0.ended(.copySlots(["l"], from: "alpha"), .failed("x"), at: .start, settings: ClusterSettings())
            },
            fires: "following/streams", then: .settles(.following(leader: "alpha"))),

        // It is to stream from somebody else, who may be on another timeline of the same number.
        Row(
            "ask before streaming from a leader on our own timeline", onTimeline(2, leader: 2),
            world: { $0.upstream = .needsReload }, fires: "following/compare-first",
            then: .begins(.checkDivergence(from: "alpha"))),
        Row(
            "nobody else began the first timeline", onTimeline(1, leader: 1), world: { $0.upstream = .needsReload },
            fires: "following/change-upstream", then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "where a newer timeline left ours PostgreSQL itself looks", onTimeline(2, leader: 3),
            world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "a leader on an older timeline than ours is still to be promoted", onTimeline(2, leader: 1, .replica),
            world: { $0.upstream = .needsReload }, fires: "following/not-ready-yet",
            then: .settles(.waitingForLeaderToPromote("alpha"))),
        Row(
            "a leader that has yet to leave our timeline will begin another one", onTimeline(2, leader: 2, .replica),
            world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "but nothing is streamed over ours when it is known to be another one",
            onTimeline(2, leader: 2, .replica).history(2, by: "alpha"),
            memory: { $0.ownTimeline = .begun(Timeline(2)) }, world: { $0.upstream = .needsReload },
            fires: "following/not-ready-yet", then: .settles(.waitingForLeaderToPromote("alpha"))),
        Row(
            "it is the same timeline: stream", onTimeline(2, leader: 2), memory: found(.none),
            world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("alpha"), restart: false))),
        Row(
            "it is another one: keep what we have until it is copied",
            onTimeline(2, leader: 2).settings(mayRemove), memory: found(.needsCopy("forked")),
            world: { $0.upstream = .needsReload }, fires: "following/clone-diverged",
            then: .begins(.reinitialize(from: .leader("alpha")))),
        Row(
            "the leader does not answer: wait", onTimeline(2, leader: 2), memory: found(.unknown("timeout")),
            world: { $0.upstream = .needsReload }, fires: "following/not-compared",
            then: .settles(.divergenceUnknown("timeout"))),
        Row(
            "another member may answer where the leader doesn't",
            onTimeline(2, leader: 2).tagged("replicatefrom", "gamma"), memory: found(.unknown("timeout")),
            world: { $0.upstream = .needsReload }, fires: "following/change-upstream",
            then: .begins(.follow(.member("gamma"), restart: false))),

        // Not streaming: does it have more than the leader?
        Row(
            "it does not stream: compare", broken, fires: "following/compare",
            then: .begins(.checkDivergence(from: "alpha"))),
        Row(
            "not with a leader that is no primary yet",
            broken.cluster { cluster in cluster.change("alpha") { $0.role = .replica } }, fires: "following/no-action",
            then: .settles(.following(leader: "alpha"))),
        Row(
            "it does not stream, but has nothing of its own", broken, memory: found(.none),
            fires: "following/no-action",
            then: .settles(.following(leader: "alpha"))),
        Row(
            "nor does it after a whole ttl: it may have been compared with an earlier life of the leader", broken,
            memory: { $0.found(.none, secondsAgo: 30) }, fires: "following/compare",
            then: .begins(.checkDivergence(from: "alpha"))),
        Row(
            "one that replays the archive only is not expected to stream", broken.tagged("nostream"),
            memory: { $0.found(.none, secondsAgo: 30) }, fires: "following/no-action",
            then: .settles(.following(leader: "alpha"))),
        Row(
            "it streams, but an older timeline than the leader's: compare",
            .standby.cluster { cluster in cluster.change("alpha") { $0.timeline = Timeline(2) } },
            fires: "following/compare", then: .begins(.checkDivergence(from: "alpha"))),
        Row(
            "it has something of its own: rewind", broken.settings(rewinds), memory: found(.diverged),
            fires: "following/rewind", then: .begins(.rewind(from: "alpha"))),
        Row(
            "after the leader's checkpoint",
            broken.settings(rewinds).cluster { cluster in cluster.change("alpha") { $0.awaitsCheckpoint = true } },
            memory: found(.diverged), fires: "following/rewind-checkpoint",
            then: .settles(.waitingForCheckpoint("alpha"))),
        Row(
            "the last rewind was called off: again, but not at once", broken.settings(rewinds),
            memory: {
                found(.diverged)(&$0)
                $0.rewindPostponedAt = .start - .seconds(9)
            }, fires: "following/rewind-later", then: .settles(.rewindPostponed("alpha"))),
        Row(
            "it has something of its own, which may be thrown away", broken.settings(mayRemove),
            memory: found(.diverged),
            fires: "following/clone-diverged", then: .begins(.reinitialize(from: .leader("alpha")))),
        Row(
            "the rewind failed, and its data may be thrown away", broken.settings(mayRemove),
            memory: found(.rewindFailed("exit code 1")), fires: "following/clone-after-failed-rewind",
            then: .begins(.reinitialize(from: .leader("alpha")))),
        Row(
            "it has another timeline of the leader's number: the operator must decide", broken.settings(rewinds),
            memory: found(.needsCopy("forked")), fires: "following/needs-copy", then: .settles(.needsCopy("forked"))),
        Row(
            "paused: nothing is compared, rewound or thrown away", broken.paused.settings(mayRemove),
            memory: found(.diverged), fires: "following/no-action", then: .settles(.following(leader: "alpha"))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
