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

    @Test func aPrimaryThatIsStartedAgainStaysOne() {
        var memory = Memory()
        memory.look(at: .crashedPrimary)
        memory.began(.start(.primary), at: .start)
        #expect(memory.role == .primary)
    }
}
