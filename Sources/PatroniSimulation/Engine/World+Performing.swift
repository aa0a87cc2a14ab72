// A world without agents: for whoever looks at a single port of a member.

import CSimulation
import PatroniCore
import PatroniPorts
import Synchronization

extension World {
    /// Another client of the store for a member; an earlier one of the same member is gone without a word.
    func openStore(_ member: Int, ttl: Duration, loopWait: Duration) -> SimulatedStore {
        if let earlier = members[member].life { earlier.die(at: now) }
        let life = Life(number: lives.count, member: member)
        lives.append(life)
        members[member].life = life
        life.session.ttl = ttl
        life.session.loopWait = loopWait
        return SimulatedStore(world: self, life: life.number)
    }

    /// Does `work` on the calling thread, and whatever happens meanwhile. Nil: it waits for something that never comes.
    func perform<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value? {
        csimulation_enter()
        defer { csimulation_leave() }
        let outcome = Outcome<Value>()
        Task { @Sendable in
            let value = await work()
            outcome.value.withLock { $0 = value }
        }
        settle()
        while outcome.value.withLock({ $0 == nil }), takeStep(by: now + .seconds(600)) {}
        return outcome.value.withLock { $0 }
    }

    /// Lets time pass.
    func pass(_ time: Duration) {
        csimulation_enter()
        defer { csimulation_leave() }
        let end = now + time
        at(end) {}
        while takeStep(by: end), now < end {}
        settle()
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
