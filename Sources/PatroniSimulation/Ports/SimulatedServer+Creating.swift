// Data directories of model servers: created, copied, compared, rewound.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPostgres

extension SimulatedServer {
    func bootstrap(_ settings: BootstrapSettings) async throws(JobFailure) {
        guard await pass(.seconds(1)...(.seconds(3))) else { throw JobFailure("called off") }
        if world.members[member].isDiskStalled { throw JobFailure("initdb failed") }
        try model { fleet throws(ModelFailure) in try fleet.createDatabase(on: id, at: world.now) }
        try await start(.primary, timeout: .seconds(3600))
        guard
            await until(
                SimulatedTime(world: world, life: life).now + .seconds(3600),
                {
                    world.fleet[id].phase == .primary || !world.fleet[id].hasPostmaster
                }), world.fleet[id].phase == .primary
        else {
            throw JobFailure("PostgreSQL ended before it accepted writes; its own log tells why")
        }
        world.happened(.bootstrapped(member))
    }

    func setAsideFailedBootstrap() async {
        if own.isDead { return }
        world.killServer(member)
        try? world.fleet.removeData(on: id, at: world.now)
        world.members[member].rememberedConfiguration = nil
    }

    func removeDataDirectory() async throws(JobFailure) {
        guard await pass(.milliseconds(50)...(.seconds(1))) else { throw JobFailure("called off") }
        if world.members[member].isDiskStalled { throw JobFailure("the data directory can't be removed") }
        try model { fleet throws(ModelFailure) in try fleet.removeData(on: id, at: world.now) }
        world.members[member].rememberedConfiguration = nil
    }

    /// The copying program goes on when the agent dies, and ends when it is called off.
    func clone(from source: Member?) async throws(JobFailure) {
        guard let source, let from = world.fleet.server(named: source.name) else {
            throw JobFailure("there is no member to copy from, and no replica method that works without")
        }
        if world.members[member].isDiskStalled { throw JobFailure("nothing can be written") }
        try model { fleet throws(ModelFailure) in try fleet.beginCopy(on: id, at: world.now) }
        let copy = world.beginCopy(member, from: from)
        let isEnded = await until(SimulatedTime(world: world, life: life).now + .seconds(36_000)) {
            world.members[member].copy != copy
        }
        if own.isDead { throw JobFailure("the agent is gone") }
        if !isEnded { world.members[member].copy = nil }
        if case .holds = world.fleet.directory(of: id) { return }
        world.killServer(member)
        try? world.fleet.removeData(on: id, at: world.now)
        throw JobFailure(isEnded ? "no replica could be created" : "the creation of the replica was cancelled")
    }

    func divergence(from leader: Member) async -> Divergence {
        guard await pass(.milliseconds(30)...(.milliseconds(300))), let other = world.fleet.server(named: leader.name)
        else { return .unknown("called off") }
        if world.members[member].isDiskStalled { return .unknown("the control data can't be read") }
        let found = world.fleet.divergence(of: id, from: other, at: world.now)
        world.trace.say(world.now, .member(member), "compared with \(leader.name): \(found)")
        return found
    }

    func rewind(from leader: Member) async -> RewindOutcome {
        guard await pass(.seconds(1)...(.seconds(8))), let other = world.fleet.server(named: leader.name) else {
            return .cancelled
        }
        if world.members[member].isDiskStalled { return .failed("nothing can be written", isFinal: false) }
        let outcome = world.fleet.rewind(id, from: other, at: world.now)
        world.trace.say(world.now, .member(member), "pg_rewind from \(leader.name): \(outcome)")
        return outcome
    }
}
