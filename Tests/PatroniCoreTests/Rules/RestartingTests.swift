// What does an operator's restart make of a server?
// Facts: HA-174.

import Testing

@testable import PatroniCore

@Suite("Restarting") struct RestartingTests {
    /// alpha, which was the primary and led until somebody stopped it in maintenance mode.
    static let stopped = Observation.crashedPrimary.paused.unlocked.noLease

    private func isPrimaryAgain(_ now: Observation, role: MemberRole = .primary) -> Bool {
        var memory = Memory()
        memory.role = role
        return Situation(now, memory).restartsAsPrimary
    }

    @Test func whatRunsStaysWhatItIs() {
        #expect(isPrimaryAgain(.primary.noLease.ledBy("beta")))
        #expect(!isPrimaryAgain(.standby))
    }

    @Test func theLeaderComesBackAsThePrimary() {
        #expect(isPrimaryAgain(.crashedPrimary.lease(20)))
        #expect(isPrimaryAgain(.primary.server(.unresponsive("timeout")).lease(20)))
        #expect(!isPrimaryAgain(.crashedPrimary.noLease), "without a lease somebody else may lead any moment")
    }

    @Test func `in maintenance mode it does without a lease, if it led last`() {
        #expect(isPrimaryAgain(Self.stopped))
        #expect(!isPrimaryAgain(Self.stopped, role: .replica))
        #expect(!isPrimaryAgain(Self.stopped.with { $0.lastClusterWithLeader?.leader = Leader(name: "beta") }))
    }

    @Test func `files that say primary prove nothing: a copy of the leader has them too`() {
        let copy = Observation.crashedPrimary.with { $0.me = "beta" }.paused.noLease
        #expect(!isPrimaryAgain(copy))
        #expect(!isPrimaryAgain(Self.stopped.with { $0.lastClusterWithLeader = nil }), "nobody knows who led")
    }

    @Test func `somebody has led since`() {
        #expect(!isPrimaryAgain(Self.stopped.history(2)))
        let synchronous = Self.stopped.settings { $0.synchronousMode = .on }
        #expect(!isPrimaryAgain(synchronous.cluster { $0.sync = SyncState(leader: "beta", standbys: []) }))
        #expect(isPrimaryAgain(synchronous.cluster { $0.sync = SyncState(leader: "alpha", standbys: ["beta"]) }))
    }
}
