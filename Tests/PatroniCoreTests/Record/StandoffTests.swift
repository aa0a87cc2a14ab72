// While nobody leads, everybody is told why each member does not.

import Testing

@testable import PatroniCore

@Suite("Nobody leads") struct StandoffTests {
    /// What beta says of everybody when its turn has ended.
    private func standoff(
        _ now: Observation, _ peers: [PeerStatus]? = nil, memory: (inout Memory) -> Void = { _ in },
        world: (inout World) -> Void = { _ in }
    ) -> Standoff? {
        var surroundings = World()
        if let peers { surroundings.peers = peers }
        world(&surroundings)
        var remembered = Memory()
        memory(&remembered)
        let seen = Transcript.of(now, remembered, surroundings)
        guard case .settled(let reason, _)? = seen.decisions.last else { return nil }
        let asked = seen.turn.facts.peers == nil ? surroundings.peers.filter { $0.name != now.me } : nil
        return Standoff(
            Situation(seen.turn.observation, seen.turn.memory, seen.turn.facts), end: reason, peers: asked)
    }

    private let dead = PeerStatus.silent("alpha")
    private let behind = Observation.standby.unlocked.server(.standby(at: 40))

    @Test func `somebody leads, or is about to: there is nothing to explain`() {
        #expect(standoff(.standby) == nil)
        #expect(standoff(.standby.storeSilent) == nil)
        #expect(standoff(.standby.unlocked, [dead, .standby("gamma")]) == nil)
        #expect(standoff(.empty.brandNew) == nil)
    }

    @Test func `the former leader does not answer, and another member has more`() throws {
        let found = try #require(standoff(behind, [dead, .standby("gamma", at: 100)]))
        #expect(found["alpha"] == .unreachable)
        #expect(found["beta"] == .behind("gamma", ByteCount(60)))
        #expect(found["gamma"] == nil)
        #expect(
            found.text
                == "nobody leads (it was alpha): alpha does not answer; beta is 60 bytes behind gamma (this member); gamma is free to take the leader key"
        )
    }

    @Test func `a member whose entry says that its server is down is not just silent`() throws {
        let now = Observation.standby.unlocked.tagged("nofailover").cluster { cluster in
            cluster.change("alpha") { $0.state = .stopped }
            cluster.change("gamma") { $0.state = .starting }
        }
        let found = try #require(standoff(now, [dead, .silent("gamma")]))
        #expect(found["alpha"] == .notRunning)
        #expect(found["gamma"] == .starting)
        #expect(found["beta"] == .notAllowed)
    }

    @Test func `everybody is tagged nofailover`() throws {
        let now = Observation.standby.unlocked.tagged("nofailover").cluster { cluster in
            cluster.change("gamma") { $0.tags.values["nofailover"] = true }
        }
        let found = try #require(standoff(now, [dead, .standby("gamma")]))
        #expect(found["beta"] == .notAllowed)
        #expect(found["gamma"] == .notAllowed)
    }

    @Test func `in maintenance mode nobody is promoted`() throws {
        let found = try #require(standoff(.standby.unlocked.paused, [dead, .standby("gamma")]))
        #expect(found["beta"] == .paused)
        #expect(found["gamma"] == .paused)
    }

    @Test func `all are too far behind what the cluster had`() throws {
        let now = behind.cluster { $0.status.position = LSN(5_000_000) }
        let found = try #require(standoff(now, [dead, .standby("gamma", at: 100)]))
        #expect(found["beta"] == .tooFarBehind(ByteCount(4_999_960)))
        #expect(found["gamma"] == .tooFarBehind(ByteCount(4_999_900)))
    }

    @Test func `with synchronous replication only the synchronous standby may`() throws {
        let now = Observation.standby.unlocked.settings { $0.synchronousMode = .on }.cluster {
            $0.sync = SyncState(leader: "alpha", standbys: ["gamma"])
        }
        let found = try #require(standoff(now, [dead, .silent("gamma")]))
        #expect(found["beta"] == .notSynchronous)
        #expect(found["gamma"] == .unreachable)
        let other = now.cluster { $0.sync = SyncState(leader: "alpha", standbys: ["delta"]) }
        #expect(try #require(standoff(other, [dead, .standby("gamma")]))["gamma"] == .notSynchronous)
    }

    @Test func `too few voters answer`() throws {
        let now = Observation.standby.unlocked.settings { $0.synchronousMode = .quorum }.cluster {
            $0.sync = SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])
        }
        let found = try #require(standoff(now, [dead, .silent("gamma")]))
        #expect(found["beta"] == .tooFewVotes(0, needed: 1))
    }

    @Test func `an equal member is preferred, from its own view and from ours`() throws {
        let ours = Observation.standby.unlocked.cluster { cluster in
            cluster.change("gamma") { $0.tags.values["failover_priority"] = 5 }
        }
        let found = try #require(standoff(ours, [dead, .standby("gamma")]))
        #expect(found["beta"] == .lowerPriority(than: "gamma", theirs: 5, ours: 1))
        #expect(found["gamma"] == nil)
        let theirs = Observation.standby.unlocked.tagged("failover_priority", 5)
        let seen = try #require(
            standoff(theirs, [dead, .standby("gamma")], memory: { $0.noRaceUntil = .start + .seconds(5) }))
        #expect(seen["beta"] == .backingOff)
        #expect(seen["gamma"] == .lowerPriority(than: "beta", theirs: 5, ours: 1))
    }

    @Test func `a timeline is older, or nobody knows which it is`() throws {
        let now = Observation.standby.unlocked.history(3).settings { $0.checkTimeline = true }
        let found = try #require(standoff(now, [dead, .standby("gamma", timeline: nil)]))
        #expect(found["beta"] == .olderTimeline(Timeline(1)))
        #expect(found["gamma"] == .unknownTimeline)
    }

    @Test func `somebody still is a primary, or has no working watchdog`() throws {
        let found = try #require(
            standoff(.standby.unlocked, [.primary("alpha"), .standby("gamma").with { $0.hasWatchdogFailed = true }]))
        #expect(found["alpha"] == .primaryWithoutKey)
        #expect(found["beta"] == .primaryElsewhere("alpha"))
        #expect(found["gamma"] == .watchdog)
    }

    @Test func `an operator chose somebody`() throws {
        let now = Observation.standby.unlocked.asked(.failover(to: "gamma"))
        let found = try #require(standoff(now, [dead, .standby("gamma")], memory: { $0.unlockedSince = .start }))
        #expect(found["beta"] == .notChosen("gamma"))
        #expect(found["alpha"] == .unreachable)
        #expect(found["gamma"] == nil)
    }

    @Test func `the store did not say, or another was faster`() throws {
        let unsure = try #require(standoff(.standby.unlocked, world: { $0.acquisition = .unknown(.noAnswer) }))
        #expect(unsure["beta"] == .undecided)
        let slow = try #require(standoff(.standby.unlocked, world: { $0.acquisition = .lostTo("gamma") }))
        #expect(slow["beta"] == .lostRace)
    }

    @Test func `a server starts, is busy, or has no data`() throws {
        let starting = try #require(standoff(.standby.unlocked.server(.starting)))
        #expect(starting["beta"] == .starting)
        let busy = try #require(standoff(.standby.unlocked.busy(.rewind(from: "alpha"))))
        #expect(busy["beta"] == .busy("running pg_rewind from alpha"))
        let empty = try #require(standoff(.empty.unlocked))
        #expect(empty["beta"] == .withoutData)
        #expect(empty["alpha"] == .unreachable)
    }

    @Test func `without an answer the store's words count, and the rest was not asked`() throws {
        let now = Observation.standby.unlocked.tagged("nofailover").cluster { cluster in
            cluster.change("gamma") { $0.tags.values["nofailover"] = true }
        }
        let seen = Transcript.of(now)
        let situation = Situation(seen.turn.observation, seen.turn.memory, seen.turn.facts)
        let found = try #require(Standoff(situation, end: .notAllowedToLead))
        #expect(found["gamma"] == .notAllowed)
        #expect(found["alpha"] == .notAsked)
    }

    @Test func `it is told once, and again when something else stands in the way`() throws {
        var log = FlightLog()
        let first = try #require(standoff(behind, [dead, .standby("gamma", at: 100)]))
        let closer = try #require(standoff(behind, [dead, .standby("gamma", at: 90)]))
        let other = try #require(standoff(behind, [.standby("alpha", at: 50), .standby("gamma", at: 90)]))
        let told1 = log.news(first)
        #expect(told1 == first)
        let told2 = log.news(closer)
        #expect(told2 == nil)
        #expect(log.currentStandoff == closer)
        let told3 = log.news(other)
        #expect(told3 == other)
        let told4 = log.news(nil)
        #expect(told4 == nil)
        let told5 = log.news(other)
        #expect(told5 == other)
        let told6 = log.needsAnswers(first, at: .start)
        #expect(told6)
        let told7 = log.needsAnswers(closer, at: .start + .seconds(1))
        #expect(!told7)
        let told8 = log.needsAnswers(closer, at: .start + .seconds(31))
        #expect(told8)
    }

    @Test func `every obstacle has words of its own`() {
        let all: [Obstacle] = [
            .unreachable, .notAllowed, .watchdog, .notRunning, .starting, .withoutData, .tooFarBehind(ByteCount(1)),
            .behind("x", ByteCount(1)), .olderTimeline(Timeline(1)), .unknownTimeline,
            .otherTimeline(Timeline(1)), .notSynchronous, .tooFewVotes(1, needed: 2),
            .lowerPriority(than: "x", theirs: 2, ours: 1), .paused, .notChosen("x"),
            .primaryElsewhere("x"), .primaryWithoutKey, .backingOff, .settlingDown(left: .zero), .notInFailsafeMap,
            .promised(["x"]), .undecided, .lostRace, .busy("x"), .notAsked,
            .other("x"),
        ]
        #expect(Set(all.map(\.word)).count == all.count)
        #expect(Set(all.map(\.description)).count == all.count)
    }
}
