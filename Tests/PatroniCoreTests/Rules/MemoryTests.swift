// What a member remembers from turn to turn.
// Facts: HA-021, HA-175, HA-413.

import Testing

@testable import PatroniCore

@Suite("Memory") struct MemoryTests {
    @Test func aCopyThatIsStartedAsAStandbyIsNoPrimaryThoughItsControlDataSaySo() {
        var memory = Memory()
        memory.look(at: .crashedPrimary)
        #expect(memory.role == .primary)
        memory.began(.start(.standby(.member("beta"))), at: .start)
        #expect(memory.role == .demoted)
    }

    @Test func `after maintenance mode the log is compared again, though nothing seems to have changed`() {
        var memory = Memory()
        memory.found(.none)
        memory.look(at: .standby)
        memory.look(at: .standby.paused)
        #expect(memory.divergence == .none)
        memory.look(at: .standby)
        #expect(memory.divergence == .unchecked)
        memory.found(.none)
        memory.look(at: .standby)
        #expect(memory.divergence == .none)
    }

    @Test(arguments: [ServerStatus.unresponsive("no answer in 2 s"), .starting])
    func `a server that tells nothing is what its files say, when its agent has just started`(_ status: ServerStatus) {
        var memory = Memory()
        memory.look(at: .primary.server(status))
        #expect(memory.role == .primary)
        memory = Memory()
        memory.look(at: .standby.server(status))
        #expect(memory.role == .replica)
    }

    @Test func `what the agent has made of a server it doesn't read from files`() {
        var memory = Memory()
        memory.look(at: .crashedPrimary)
        memory.began(.start(.standby(.member("beta"))), at: .start)
        memory.look(at: .crashedPrimary.server(.starting))
        #expect(memory.role == .demoted)
        memory = Memory()
        memory.look(at: .primary.server(.starting).busy(.bootstrap))
        #expect(memory.role == .uninitialized)
    }

    @Test func `a promotion begins a timeline of our own, until the log has become a leader's`() {
        var memory = Memory()
        memory.began(.promote, at: .start)
        memory.look(at: .standby.server(.standby(timeline: 2)))
        #expect(memory.ownTimeline == .awaited)
        memory.look(at: .standby.server(.primary(timeline: 3)))
        memory.ended(.promote, .succeeded, at: .start, settings: ClusterSettings())
        memory.look(at: .standby.server(.standby(timeline: 3)))
        #expect(memory.ownTimeline == .begun(Timeline(3)))
        memory.found(.diverged)
        #expect(memory.ownTimeline == .begun(Timeline(3)))
        var rewound = memory
        rewound.ended(.rewind(from: "alpha"), .succeeded, at: .start, settings: ClusterSettings())
        #expect(rewound.ownTimeline == nil)
        memory.found(.none)
        #expect(memory.ownTimeline == nil)
    }

    @Test func `a primary that could not be stopped has to be stopped again`() {
        var memory = Memory()
        let silent = Observation.primary.server(.unresponsive("no answer in 2 s"))
        memory.look(at: silent)
        memory.ended(
            .demote(.immediate), .failed("its processes can't be killed"), at: .start, settings: ClusterSettings())
        memory.look(at: silent)
        #expect(memory.role == .primary)
        #expect(memory.unresponsiveSince == .start)
        memory.ended(.demote(.immediate), .succeeded, at: .start, settings: ClusterSettings())
        #expect(memory.role == .demoted)
    }

    @Test func aPrimaryThatIsStartedAgainStaysOne() {
        var memory = Memory()
        memory.look(at: .crashedPrimary)
        memory.began(.start(.primary), at: .start)
        #expect(memory.role == .primary)
    }
}
