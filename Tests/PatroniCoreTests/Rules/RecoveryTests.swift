// PostgreSQL is stopped though it should run: a crashed primary, a crashed standby, a demoted one.
// Facts: HA-027, HA-032, HA-075, HA-076, HA-078, HA-081, HA-118, HA-146, HA-174, HA-234, HA-236, HA-238, HA-239,
// HA-245 to HA-247, HA-250, HA-387, HA-388.

import Testing

@testable import PatroniCore

@Suite("Recovery") struct RecoveryTests {
    static let failedStart: @Sendable (inout Memory) -> Void = {
        $0.ended(.start(.primary), .failed("could not bind"), at: .start - .seconds(2), settings: ClusterSettings())
    }

    static let rows: [Row] = [
        Row(
            "a crashed primary with the key is started as a primary: no new timeline", .crashedPrimary,
            memory: { $0.wasPrimary() }, fires: "recovery/restart-the-primary", then: .begins(.start(.primary))),
        Row(
            "so is one that was stopped cleanly while the agent was away",
            .crashedPrimary.control { $0.state = .shutDown }, fires: "recovery/restart-the-primary",
            then: .begins(.start(.primary))),
        Row(
            "not when the history names a newer timeline: somebody else led since", .crashedPrimary.history(2),
            memory: { $0.wasPrimary() }, fires: "recovery/leader-starts-as-standby", doing: [.releaseLeaderKey],
            then: .begins(.start(.standby(.nobody)))),
        Row(
            "a leader that was a standby starts as one, and is promoted then",
            .crashedPrimary.control { $0.state = .inArchiveRecovery }, fires: "recovery/leader-starts-as-standby",
            then: .begins(.start(.standby(.nobody)))),
        Row(
            "primary_start_timeout 0: fail over instead of restarting",
            .crashedPrimary.settings { $0.primaryStartTimeout = .zero }, memory: { $0.wasPrimary() },
            fires: "recovery/fail-over-at-once", then: .begins(.demote(.immediate))),
        Row(
            "unless nobody could take over", .crashedPrimary.settings { $0.primaryStartTimeout = .zero },
            memory: { $0.wasPrimary() }, world: { $0.peers = [.silent("beta"), .silent("gamma")] },
            fires: "recovery/restart-the-primary", then: .begins(.start(.primary))),
        Row(
            "a leader that failed to start gives the key away", .crashedPrimary, memory: failedStart,
            fires: "recovery/leader-failed-to-start", doing: [.announce(.demoted), .releaseLeaderKey],
            then: .settles(.releasedAfterFailedStart)),
        Row(
            "a standby that failed to start is not started again at once", .stoppedStandby, memory: failedStart,
            fires: "recovery/start-failed", then: .settles(.startFailed("could not bind"))),
        Row(
            "after a while it is", .stoppedStandby,
            memory: {
                $0.ended(
                    .start(.standby(.nobody)), .failed("x"), at: .start - .seconds(10), settings: ClusterSettings())
            }, fires: "recovery/compare",
            then: .begins(.checkDivergence(from: "alpha"))),
        Row(
            "paused: a stopped leader gives the key away", .crashedPrimary.paused, memory: { $0.wasPrimary() },
            fires: "recovery/paused-leader", doing: [.releaseLeaderKey], then: .settles(.releasedNotRunning)),
        Row(
            "paused: a stopped standby stays stopped", .stoppedStandby.paused, fires: "recovery/paused",
            then: .settles(.notRunningWhilePaused)),
        Row(
            "paused: a primary that an operator's failover has stopped comes back",
            .crashedPrimary.ledBy("beta").paused,
            memory: {
                $0.wasDemoted()
                $0.ended(
                    .checkDivergence(from: "beta"), .divergence(.none), at: .start, settings: ClusterSettings())
            }, fires: "recovery/start", then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "nobody leads: come up readable, and receive what the last leader can still send", .stoppedStandby.unlocked,
            fires: "recovery/start-as-secondary", then: .begins(.start(.standby(.member("alpha"))))),
        Row(
            "nobody leads, and nobody is known to have led",
            .stoppedStandby.unlocked.with { $0.lastClusterWithLeader = nil }, fires: "recovery/start-as-secondary",
            then: .begins(.start(.standby(.nobody)))),
        Row(
            "nobody leads, and this member streams from nobody at any time",
            .stoppedStandby.unlocked.tagged("nostream"),
            fires: "recovery/start-as-secondary", then: .begins(.start(.standby(.nobody)))),
        Row(
            "a crashed primary without the key comes up as a standby", .crashedPrimary.unlocked,
            memory: { $0.wasPrimary() }, fires: "recovery/start-as-secondary", then: .begins(.start(.standby(.nobody)))),
        Row(
            "who has just handed over waits for the successor", .crashedPrimary.unlocked, memory: { $0.wasDemoted() },
            fires: "recovery/hand-over", then: .settles(.waitingForSuccessor)),
        Row(
            "but not for ever", .crashedPrimary.unlocked, memory: { $0.wasDemoted(secondsAgo: 11) },
            fires: "recovery/start-as-secondary", then: .begins(.start(.standby(.nobody)))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}

@Suite("Rejoining") struct RejoiningTests {
    /// alpha led, was demoted, and beta leads now.
    static let former = Observation.crashedPrimary.control { $0.state = .shutDown }.ledBy("beta")
    static let rewinds: @Sendable (inout ClusterSettings) -> Void = { $0.usePgRewind = true }
    static let mayRemove: @Sendable (inout ClusterSettings) -> Void = {
        $0.removeDataDirectoryOnDivergedTimelines = true
    }
    static func found(_ divergence: Divergence, secondsAgo: Int = 0) -> @Sendable (inout Memory) -> Void {
        {
            $0.wasDemoted(secondsAgo: 20)
            $0.ended(
                .checkDivergence(from: "beta"), .divergence(divergence), at: .start - .seconds(secondsAgo),
                settings: ClusterSettings())
        }
    }

    static let rows: [Row] = [
        Row(
            "the new leader has not come through yet: a moment",
            former.cluster { cluster in
                cluster.change("beta") { $0.role = .replica }
            }, memory: { $0.wasDemoted() }, fires: "recovery/not-ready",
            then: .settles(.waitingForLeaderToPromote("beta"))),
        Row(
            "it does not come through: start at least",
            former.cluster { cluster in
                cluster.change("beta") { $0.role = .replica }
            }, memory: { $0.wasDemoted(secondsAgo: 11) }, fires: "recovery/start",
            then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "before following, compare", former, memory: { $0.wasDemoted() }, fires: "recovery/compare",
            then: .begins(.checkDivergence(from: "beta"))),
        Row(
            "paused: what has diverged and can't be rewound is not thrown away", former.paused.settings(mayRemove),
            memory: found(.diverged), fires: "recovery/paused-diverged", then: .settles(.notRunningWhilePaused)),
        Row(
            "nothing of ours is missing there: follow", former, memory: found(.none), fires: "recovery/start",
            then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "it could not be found out: follow, and look again later", former, memory: found(.unknown("timeout")),
            fires: "recovery/start", then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "later is now", former, memory: found(.unknown("timeout"), secondsAgo: 11), fires: "recovery/compare",
            then: .begins(.checkDivergence(from: "beta"))),
        Row(
            "we have more than the leader: rewind", former.settings(rewinds), memory: found(.diverged),
            fires: "recovery/rewind", then: .begins(.rewind(from: "beta"))),
        Row(
            "but only when its first checkpoint is written",
            former.settings(rewinds).cluster { cluster in cluster.change("beta") { $0.awaitsCheckpoint = true } },
            memory: found(.diverged), fires: "recovery/rewind-checkpoint", then: .settles(.waitingForCheckpoint("beta"))
        ),
        Row(
            "the last rewind was called off: again, but not at once", former.settings(rewinds),
            memory: {
                found(.diverged)(&$0)
                $0.rewindPostponedAt = .start - .seconds(9)
            }, fires: "recovery/rewind-later", then: .settles(.rewindPostponed("beta"))),
        Row(
            "we have more, and rewinding is off: start, and be seen not to stream", former, memory: found(.diverged),
            fires: "recovery/start", then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "the server was not made for rewinding", former.settings(rewinds).control { $0.allowsRewind = false },
            memory: found(.diverged), fires: "recovery/start", then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "the operator allows throwing away what has diverged", former.settings(mayRemove), memory: found(.diverged),
            fires: "recovery/clone-diverged", then: .begins(.reinitialize(from: .leader("beta")))),
        Row(
            "rewinding goes before throwing away",
            former.settings {
                rewinds(&$0)
                mayRemove(&$0)
            }, memory: found(.diverged), fires: "recovery/rewind", then: .begins(.rewind(from: "beta"))),
        Row(
            "the rewind failed, and nothing may be thrown away", former.settings(rewinds),
            memory: found(.rewindFailed("exit code 1")), fires: "recovery/start",
            then: .begins(.start(.standby(.member("beta"))))),
        Row(
            "the rewind failed, and the data may be thrown away",
            former.settings {
                rewinds(&$0)
                $0.removeDataDirectoryOnRewindFailure = true
            }, memory: found(.rewindFailed("exit code 1")), fires: "recovery/clone-after-failed-rewind",
            then: .begins(.reinitialize(from: .leader("beta")))),
        Row(
            "the leader has another timeline of our number: neither rewound nor started", former.settings(rewinds),
            memory: found(.needsCopy("forked")), fires: "recovery/needs-copy", then: .settles(.needsCopy("forked"))),
        Row(
            "another timeline of our number, which may be thrown away",
            former.settings {
                rewinds(&$0)
                mayRemove(&$0)
            }, memory: found(.needsCopy("forked")), fires: "recovery/clone-diverged",
            then: .begins(.reinitialize(from: .leader("beta")))),
        Row(
            "after a ttl it is asked again: the leader may be another one", former,
            memory: found(.needsCopy("forked"), secondsAgo: 30), fires: "recovery/compare",
            then: .begins(.checkDivergence(from: "beta"))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `another leader is another comparison`() {
        var memory = Memory()
        Self.found(.none)(&memory)
        let first = Transcript.of(Self.former, memory)
        #expect(first.turn.memory.divergence == .none)
        let second = Transcript.of(Self.former.ledBy("gamma"), first.turn.memory)
        #expect(second.end == .begins(.checkDivergence(from: "gamma")))
    }
}
