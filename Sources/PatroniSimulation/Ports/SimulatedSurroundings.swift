// Files, callbacks and witnesses of a simulated agent.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform

struct SimulatedSurroundings: AgentSurroundings {
    let world: World
    let life: Int

    /// The file says what the operator has made of the tags.
    func load(_ loader: ConfigurationLoader) async throws(ConfigurationError) -> LocalConfiguration {
        let own = world.lives[life]
        await world.pass(own, .milliseconds(2))
        return LocalConfiguration(
            values: world.blueprints.tree(world.plan, own.member, tags: world.members[own.member].tags))
    }

    func remember(_ copy: ConfigurationKeeper.Copy, by deadline: Moment, time: any TimeSource) async -> String? {
        let own = world.lives[life]
        await world.pass(own, .milliseconds(3))
        if own.isDead { return "the agent is gone" }
        if world.members[own.member].isDiskStalled { return "the disk does not answer" }
        world.members[own.member].rememberedConfiguration = (try? JSON.parse(copy.text))?.object
        return nil
    }

    func configureLog(_ options: LogOptions) {}
}

/// Nobody is told.
struct SimulatedCallbacks: RoleCallbacks {
    func started(as role: MemberRole) async {}
    func stopped(as role: MemberRole) async {}
    func restarted(as role: MemberRole) async {}
    func reloaded(as role: MemberRole) async {}
    func roleChanged(to role: MemberRole) async {}
    func drain() async {}
    func runPrePromote() async -> String? { nil }
}

/// Sees what the agent decides and believes.
struct Witness: AgentWitness {
    let world: World
    let life: Int

    func decided(_ verdict: Verdict, in turn: Turn) {
        let own = world.lives[life]
        guard !own.isDead else { return }
        own.isPaused = turn.observation.settings.isPaused
        world.members[own.member].wasPaused = own.isPaused
        if verdict.decision.isEndOfTurn { world.statistics.turns += 1 }
        world.trace.note(world.now, .member(own.member), named: verdict.rule)
        world.checks.decided(world, own, verdict, turn)
        if world.trace.tell != nil { tell(verdict, own, turn) }
    }

    private func tell(_ verdict: Verdict, _ own: Life, _ turn: Turn) {
        let isNews = world.members[own.member].lastRule != verdict.rule
        if case .act(.renewLeaderKey, _) = verdict.decision { return }
        if verdict.decision.isEndOfTurn { world.members[own.member].lastRule = verdict.rule }
        guard isNews else { return }
        let text =
            switch verdict.decision {
            case .ask(let question): "asks: \(question)"
            case .act(let action, let reason): "\(action): \(reason.text(turn.observation.me))"
            case .settled(let reason, _): reason.text(turn.observation.me)
            case .halt(let reason): "HALT: \(reason.text(turn.observation.me))"
            }
        world.trace.say(world.now, .member(own.member), "[\(verdict.rule)] \(text)")
    }

    func believes(in lease: Lease) {
        let own = world.lives[life]
        guard !own.isDead else { return }
        own.lease = lease
        world.leaseChanged(own)
    }
}

extension Decision {
    var isEndOfTurn: Bool {
        switch self {
        case .settled, .halt: true
        case .ask, .act: false
        }
    }
}

extension World {
    /// The fencer, a process of its own, learns the deadline; it kills the postmaster when that passes.
    func leaseChanged(_ life: Life) {
        guard plan.hasFencer, case .held(let until) = life.lease else { return }
        let end = members[life.member].clock.global(until)
        guard members[life.member].safeUntil != end else { return }
        members[life.member].safeUntil = end
        members[life.member].isSpared = false
        at(end) { self.fence(life.member, end, isPaused: life.isPaused) }
    }

    private func fence(_ member: Int, _ deadline: Moment, isPaused: Bool) {
        guard members[member].safeUntil == deadline else { return }
        members[member].safeUntil = nil
        // In maintenance mode a primary is never stopped.
        if members[member].life?.isPaused ?? isPaused {
            members[member].isSpared = true
            return
        }
        fleet.advance(to: now)
        guard fleet.acceptsWrites(on: ServerID(member)) || fleet[ServerID(member)].phase.isOpening else { return }
        statistics.fencings += 1
        trace.note(now, .member(member), "fenced")
        trace.say(now, .member(member), "the fencer kills PostgreSQL")
        putDown(member)
    }
}

extension ServerPhase {
    /// On the way to accepting writes.
    var isOpening: Bool {
        switch self {
        case .promoting, .starting(asPrimary: true, _): true
        default: false
        }
    }
}
