// Quorum commit at random: whatever fails between two steps, a race's winner has every acknowledged commit (HA-199).

import Testing

@testable import PatroniCore

@Suite("Quorum commit, at random") struct RandomQuorumTests {
    private func walk(_ seeds: ClosedRange<UInt64>, steps: Int, switchesModes: Bool) -> Int {
        var failovers = 0
        for seed in seeds {
            var world = QuorumWorld(seed: seed)
            for _ in 0..<steps {
                world.happen(switchesModes: switchesModes)
                if world.random.chance(60) { world.act() }
                if world.random.chance(3) { world.failOver() }
                if let violation = world.violation() {
                    Issue.record("seed \(seed): \(violation)\n\(world.trace.suffix(30).joined(separator: "\n"))")
                    return failovers
                }
            }
            failovers += world.failovers
        }
        return failovers
    }

    @Test(arguments: 0..<12)
    func `no failover loses a commit`(block: UInt64) {
        #expect(walk(block * 10...block * 10 + 9, steps: 150, switchesModes: false) > 0)
    }

    @Test(arguments: 0..<10)
    func `not even while the mode changes from quorum to priorities and back`(block: UInt64) {
        #expect(walk(1000 + block * 10...1009 + block * 10, steps: 150, switchesModes: true) > 0)
    }

    @Test func `when nothing breaks any more, everybody votes and as many as wanted are waited for`() {
        for seed in UInt64(0)..<40 {
            var world = QuorumWorld(seed: seed)
            for _ in 0..<80 {
                world.happen()
                world.act()
                if world.random.chance(3) { world.failOver() }
            }
            world.calmDown()
            var step = SynchronousReplication.Step.wait
            for _ in 0..<80 where step != .steady {
                step = world.act()
                world.flow()
            }
            #expect(step == .steady, "seed \(seed): \(world.trace.suffix(20).joined(separator: "\n"))")
            #expect(world.stored.standbys.count == 3 && world.stored.quorum == 1, "seed \(seed)")
            #expect(world.inForce.text?.hasPrefix("ANY 2 (") == true, "seed \(seed)")
        }
    }

    /// The tests above must be able to fail.
    @Test func `a race without votes would lose commits`() {
        var found = false
        for seed in UInt64(0)..<200 where !found {
            var world = QuorumWorld(seed: seed)
            for _ in 0..<150 where !found {
                world.happen()
                if world.random.chance(60) { world.act() }
                var careless = world
                careless.stored.quorum = 0
                found = !world.stored.standbys.isEmpty && careless.violation() != nil
            }
        }
        #expect(found)
    }
}
