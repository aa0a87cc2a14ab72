// Starting, stopping and promoting a model server, as the real room does it.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPostgres

extension SimulatedServer {
    func model<Value>(_ body: (inout ModelFleet) throws(ModelFailure) -> Value) throws(JobFailure) -> Value {
        if own.isDead { throw JobFailure("the agent is gone") }
        do throws(ModelFailure) { return try body(&world.fleet) } catch { throw JobFailure(error.description) }
    }

    private func tell(_ text: @autoclosure () -> String) { world.trace.say(world.now, .member(member), text()) }

    // MARK: starting

    func start(_ start: ServerStart, timeout: Duration) async throws(JobFailure) {
        guard await pass(.milliseconds(20)...(.milliseconds(400))) else {
            throw JobFailure("called off while starting")
        }
        if world.members[member].isDiskStalled { throw JobFailure("the configuration can't be written") }
        let role: ServerRole
        switch start {
        case .primary: role = .primary
        case .standby(let upstream): role = .standby(of: target(upstream))
        }
        try await launch(role, timeout: timeout)
    }

    private func launch(_ role: ServerRole, timeout: Duration) async throws(JobFailure) {
        let isCrashed = world.fleet[id].files?.state.isUnclean ?? false
        let takes = world.startTime(afterCrash: isCrashed)
        try model { fleet throws(ModelFailure) in try fleet.start(id, as: role, takes: takes, at: world.now) }
        world.serverStarted(member)
        tell("PostgreSQL starts as \(role)")
        let deadline = SimulatedTime(world: world, life: life).now + timeout
        _ = await until(deadline) {
            switch world.fleet[id].phase {
            case .starting: false
            default: true
            }
        }
        if own.isDead { throw JobFailure("the agent is gone") }
        if !world.fleet[id].hasPostmaster { throw JobFailure("PostgreSQL ended while starting; its own log tells why") }
        if case .starting = world.fleet[id].phase {
            if Task.isCancelled { throw JobFailure("called off while starting") }
        } else {
            world.happened(.started(member))
        }
    }

    // MARK: stopping

    func stop(_ mode: StopMode, by deadline: Moment?) async throws(JobFailure) {
        world.fleet.advance(to: world.now)
        guard world.fleet[id].hasPostmaster, !own.isDead else { return }
        world.checks.agentStops(world, own)
        world.happened(.stopOrdered(member))
        tell("PostgreSQL is stopped, \(mode.rawValue)")
        world.fleet.stop(id, mode, takes: world.stopTime(), at: world.now)
        let now = SimulatedTime(world: world, life: life).now
        let end = deadline ?? now + .seconds(100_000)
        // Processes that somebody has stopped obey nobody; they are waited for a while unless nothing is to be saved.
        let patience = mode == .immediate ? .milliseconds(250) : StopSupervision.patience
        let isGone = { world.fleet[id].phase == .stopped }
        if await until(min(now + patience, end), isGone) { return noteStopped() }
        if await until(end, { isGone() || world.fleet[id].isFrozen }), isGone() { return noteStopped() }
        let isFrozen = world.fleet[id].isFrozen
        guard !own.isDead, !Task.isCancelled, isFrozen || mode == .immediate else {
            throw JobFailure("PostgreSQL has not stopped in time")
        }
        tell("PostgreSQL is killed")
        world.putDown(member)
    }

    private func noteStopped() { world.trace.note(world.now, .member(member), "stopped") }

    // MARK: changing roles

    func promote(
        by deadline: Moment, before leaseEnd: Moment, told: @Sendable () async -> Void
    ) async throws(JobFailure) {
        _ = await pass(.milliseconds(1)...(.milliseconds(10)))
        if SimulatedTime(world: world, life: life).now >= leaseEnd { throw JobFailure("the leader key was lost") }
        world.checks.agentPromotes(world, own)
        let takes = world.promotionTime()
        try model { fleet throws(ModelFailure) in try fleet.promote(id, takes: takes, at: world.now) }
        world.trace.note(world.now, .member(member), "promoted")
        tell("PostgreSQL is told to promote")
        world.happened(.promotionTold(member))
        await told()
        let isDone = await until(deadline) {
            world.fleet[id].phase == .primary || !world.fleet[id].hasPostmaster
        }
        guard isDone, world.fleet[id].phase == .primary else {
            throw JobFailure(
                world.fleet[id].hasPostmaster
                    ? "PostgreSQL was not promoted in time" : "PostgreSQL ended during the promotion")
        }
        world.happened(.promoted(member))
    }

    func checkpoint(by deadline: Moment) async throws(JobFailure) {
        guard await pass(.milliseconds(20)...(.seconds(1))) else { throw JobFailure("called off") }
        let isWritten = await until(deadline) {
            world.fleet.checkpoint(id, at: world.now) || !world.fleet[id].hasPostmaster
        }
        guard isWritten, world.fleet[id].hasPostmaster else { throw JobFailure("the checkpoint was not written") }
    }

    func follow(_ upstream: Upstream, restart: Bool) async throws(JobFailure) {
        if restart {
            try await stop(.fast, by: nil)
            try await start(.standby(upstream), timeout: .seconds(60))
            return
        }
        guard await pass(.milliseconds(5)...(.milliseconds(50))) else { throw JobFailure("called off") }
        if world.members[member].isDiskStalled { throw JobFailure("the configuration can't be written") }
        let target = target(upstream)
        tell("PostgreSQL follows \(upstream.member?.name.text ?? "nobody")")
        try model { fleet throws(ModelFailure) in fleet.follow(target, on: id, at: world.now) }
    }
}
