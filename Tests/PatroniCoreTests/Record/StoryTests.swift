// Changes told as stories.

import Testing

@testable import PatroniCore

@Suite("Stories") struct StoryTests {
    private func later(_ now: Observation, _ seconds: Int) -> Observation {
        now.with {
            $0.now = .start + .seconds(seconds)
            $0.wallTime = .noon + .seconds(seconds)
        }
    }

    /// beta followed alpha, alpha's key ended, beta took over.
    private var takeover: FlightLog {
        var log = FlightLog()
        var memory = Memory()
        func turn(_ now: Observation, _ role: MemberRole) {
            var world = World()
            world.peers = [.silent("alpha"), .standby("gamma", at: 90)]
            let record = TurnRecord.of(now, memory, world)
            _ = log.note(record, role: role)
        }
        turn(.standby, .replica)
        turn(later(.standby, 5), .replica)
        turn(later(.standby.unlocked, 8), .replica)
        memory.role = .primary
        log.note(
            FlightEntry(
                at: .noon + .milliseconds(8110), member: "beta",
                event: .ended(.promote, .succeeded, took: .milliseconds(110))))
        var leading = later(.standby.ledBy("beta").server(.primary()), 9)
        leading.lease = .held(until: leading.now + .seconds(20))
        turn(leading, .primary)
        return log
    }

    @Test func `a takeover is told from the end of the key to the promotion`() throws {
        let log = takeover
        #expect(log.stories.count == 2)
        let story = try #require(log.stories.last)
        #expect(story.title == "beta became the leader after alpha")
        #expect(story.isTakeover)
        #expect(
            story.text(zone: { _ in 0 }) == """
                beta became the leader after alpha (2026-11-21, 1.01 s)
                  12:00:08.000  nobody holds the leader key (it was alpha's, last seen 3.00 s ago, ttl 30 s)
                  12:00:08.000  asked alpha: no answer; gamma: 0/5A on timeline 1, not ahead (2.0 ms)
                  12:00:08.002  the leader key: it is ours (2.0 ms)
                                rule leader-race/healthiest: Nobody we can reach is ahead of us.
                  12:00:08.004  began: promote (promoted self to leader by acquiring session lock)
                                rule leader-race/won: The key is ours: become what it says.
                  12:00:08.006  promote in progress
                                rule job-in-progress/wait: Everything else waits for its end.
                  12:00:08.110  promote: done (110 ms)
                  12:00:09.000  we hold the leader key
                  12:00:09.000  PostgreSQL runs as a primary at 0/64 on timeline 1
                  12:00:09.002  no action. I am (beta), the leader with the lock
                                rule holding-the-lock/no-action: A primary with the key: all is well.

                """)
    }

    @Test func `a story survives the way to another program`() throws {
        for story in takeover.stories {
            let json = try JSON.parse(JSON.object(story.json).text(.spaced))
            let read = try #require(Story(json: json))
            #expect(read == story)
        }
        #expect(Story(json: nil) == nil)
        #expect(Story(json: ["member": "x"]) == nil)
    }

    @Test func `what is not over is told as such`() throws {
        var log = takeover
        _ = log.note(.of(later(.primary, 20).storeSilent), role: .primary)
        let story = try #require(log.stories.last)
        #expect(story.after == nil)
        #expect(story.title == "beta led before, and has not settled yet" || story.title.hasPrefix("alpha led before"))
        #expect(!story.isLeaderChange)
    }

    @Test func `a new leader elsewhere, and small repairs`() throws {
        var log = FlightLog()
        _ = log.note(.of(.standby), role: .replica)
        #expect(log.stories.map(\.title) == ["beta came up and follows alpha"])
        _ = log.note(.of(later(.standby.paused, 1)), role: .replica)
        #expect(log.stories.count == 1)
        _ = log.note(.of(later(.standby.ledBy("gamma"), 2)), role: .replica)
        #expect(log.stories.last?.title == "beta follows gamma after alpha")
        #expect(log.stories.last?.isLeaderChange == true)
    }

    @Test func `a request that a quiet turn saw first is told when it led to something`() throws {
        var log = FlightLog()
        let asked = Observation.standby.asked(.switchover(to: "beta"))
        _ = log.note(.of(.standby), role: .replica)
        _ = log.note(.of(later(asked.paused, 1)), role: .replica)
        _ = log.note(.of(later(asked.ledBy("gamma"), 2)), role: .replica)
        let lines = try #require(log.stories.last).lines.map(\.text)
        #expect(lines.contains("an operator asked for a switchover from alpha to beta"))
    }

    @Test func `a restart is a story, a comparison of logs is none`() throws {
        var log = FlightLog()
        _ = log.note(.of(.standby), role: .replica)
        log.note(FlightEntry(at: .noon, member: "beta", event: .requested(.restart(startTimeout: nil))))
        log.note(
            FlightEntry(
                at: .noon, member: "beta", event: .ended(.restart(startTimeout: nil), .succeeded, took: .seconds(2))))
        _ = log.note(.of(later(.standby.paused, 3)), role: .replica)
        #expect(log.stories.last?.title == "beta follows alpha again")
        log.note(
            FlightEntry(
                at: .noon, member: "beta",
                event: .ended(.checkDivergence(from: "alpha"), .divergence(.none), took: .seconds(1))))
        _ = log.note(.of(later(.standby, 4)), role: .replica)
        #expect(log.stories.count == 2)
    }

    @Test(arguments: [
        (Duration.microseconds(40), "0.0 ms"), (.microseconds(3240), "3.2 ms"), (.milliseconds(110), "110 ms"),
        (.milliseconds(999), "999 ms"), (.milliseconds(1250), "1.25 s"), (.milliseconds(9_990), "9.99 s"),
        (.milliseconds(41_600), "42 s"),
    ])
    func `durations have three digits at most`(_ duration: Duration, _ text: String) {
        #expect(duration.words == text)
    }

    @Test func `every rule's sentence is found, without the ledger's numbers`() {
        for name in EveryRule.names {
            let sentence = Rules.sentence(of: name)
            #expect(sentence?.contains("(HA-") == false, "\(name)")
        }
        #expect(Rules.sentence(of: "no/such-rule") == nil)
    }
}
