// PostgreSQL starts, or does not answer.
// Facts: HA-025, HA-037, HA-137, HA-148 to HA-152, HA-353.

import Testing

@testable import PatroniCore

@Suite("Starting up") struct StartingUpTests {
    static let leader = Observation.crashedPrimary.server(.starting)
    static let standby = Observation.stoppedStandby.server(.starting)
    static let since: @Sendable (Int) -> @Sendable (inout Memory) -> Void = { seconds in
        {
            $0.wasPrimary()
            $0.startingSince = .start - .seconds(seconds)
        }
    }

    static let rows: [Row] = [
        Row(
            "a leader may take its time", leader, memory: since(299), fires: "starting-up/in-time",
            then: .settles(.stillStarting(left: .seconds(1)))),
        Row(
            "not for ever, when somebody can take over", leader, memory: since(300), fires: "starting-up/give-way",
            then: .begins(.demote(.immediate))),
        Row(
            "but when nobody can", leader, memory: since(300),
            world: { $0.peers = [.silent("beta"), .silent("gamma")] },
            fires: "starting-up/nobody-else", then: .settles(.startTimeoutNoFailover)),
        Row(
            "somebody else leads: it must not come up as a primary", leader.ledBy("beta"), memory: since(5),
            fires: "starting-up/primary-without-key", then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "the same found by an agent that has just started", leader.ledBy("beta"),
            fires: "starting-up/primary-without-key", then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "nobody leads: it comes up and joins the race", leader.unlocked, memory: since(5),
            fires: "starting-up/in-time", then: .settles(.stillStarting(left: .seconds(295)))),
        Row(
            "nobody leads, and it takes for ever", leader.unlocked, memory: since(301), fires: "starting-up/give-way",
            then: .settles(.starting)),
        Row(
            "a standby may take as long as it likes", standby, fires: "starting-up/follower", then: .settles(.starting)),
        Row(
            "one that waits for the wrong member's log is pointed to the new leader", standby,
            memory: { $0.began(.start(.standby(.nobody)), at: .start) }, fires: "starting-up/another-leader",
            then: .begins(.follow(.member("alpha"), restart: true))),
        Row(
            "one that asks the right member is left alone", standby,
            memory: { $0.began(.start(.standby(.member("alpha"))), at: .start) }, fires: "starting-up/follower",
            then: .settles(.starting)),
        Row(
            "paused: a start is only watched", leader.paused.ledBy("beta"), memory: since(500),
            fires: "starting-up/paused", then: .settles(.starting)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}

@Suite("Not answering") struct NotAnsweringTests {
    static let leader = Observation.primary.server(.unresponsive("no answer in 2 s"))
    static let silentFor: @Sendable (Int) -> @Sendable (inout Memory) -> Void = { seconds in
        {
            $0.wasPrimary()
            $0.unresponsiveSince = .start - .seconds(seconds)
        }
    }

    static let rows: [Row] = [
        Row(
            "busy for a moment", leader, memory: silentFor(5), fires: "not-answering/wait",
            then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "silent for half a ttl, and somebody can take over", leader, memory: silentFor(15),
            fires: "not-answering/give-way", then: .begins(.demote(.immediate))),
        Row(
            "not yet half a ttl", leader, memory: silentFor(14), fires: "not-answering/wait",
            then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "synchronous: only a synchronous standby can take over, and that one is silent",
            leader.settings { $0.synchronousMode = .on }.cluster {
                $0.sync = SyncState(leader: "alpha", standbys: ["beta"])
            },
            memory: silentFor(31), world: { $0.peers = [.silent("beta"), .standby("gamma")] },
            fires: "not-answering/wait", then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "silent, but nobody can take over", leader, memory: silentFor(31),
            world: { $0.peers = [.silent("beta"), .silent("gamma")] }, fires: "not-answering/wait",
            then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "somebody else leads: it may still accept writes", leader.ledBy("beta"), memory: silentFor(1),
            fires: "not-answering/primary-without-key", then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "the same found by an agent that has just started", leader.ledBy("beta"),
            fires: "not-answering/primary-without-key", then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "nobody leads and our lease has ended: somebody else may lead any moment", leader.unlocked,
            memory: silentFor(1), fires: "not-answering/primary-without-key",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "nobody leads, but our lease is still good: an old picture", leader.unlocked.lease(20),
            memory: silentFor(1),
            fires: "not-answering/wait", then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "paused: a silent primary is left alone", leader.ledBy("beta").paused, memory: silentFor(100),
            fires: "not-answering/wait", then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "paused: the same found by an agent that has just started", leader.ledBy("beta").paused,
            fires: "not-answering/wait", then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
        Row(
            "a silent standby is waited for", .standby.server(.unresponsive("no answer in 2 s")),
            fires: "not-answering/wait", then: .settles(.serverDoesNotAnswer("no answer in 2 s"))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}

@Suite("Paused replay") struct PausedReplayTests {
    static func standby(_ version: Int = 150_018) -> Observation {
        guard case .running(var server) = ServerStatus.standby(), case .standby(var progress) = server.recovery else {
            return .standby
        }
        progress.isReplayPaused = true
        server.recovery = .standby(progress)
        server.version = version
        return .standby.server(.running(server))
    }

    static let rows: [Row] = [
        Row(
            "a standby that waits for higher settings is let go on, and followed with", standby(),
            fires: "paused-replay/resume", doing: [.resumeReplay], then: .settles(.following(leader: "alpha"))),
        Row(
            "also while nobody leads", standby().unlocked.tagged("nofailover"), fires: "paused-replay/resume",
            doing: [.resumeReplay], then: .settles(.notAllowedToLead)),
        Row(
            "not in maintenance mode", standby().paused, fires: "following/streams",
            then: .settles(.following(leader: "alpha"))),
        Row(
            "before PostgreSQL 14 nobody but an operator pauses it", standby(130_012), fires: "following/streams",
            then: .settles(.following(leader: "alpha"))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
