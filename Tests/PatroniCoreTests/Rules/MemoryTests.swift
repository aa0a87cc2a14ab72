// What a member remembers from turn to turn.

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

    @Test func aPrimaryThatIsStartedAgainStaysOne() {
        var memory = Memory()
        memory.look(at: .crashedPrimary)
        memory.began(.start(.primary), at: .start)
        #expect(memory.role == .primary)
    }
}
