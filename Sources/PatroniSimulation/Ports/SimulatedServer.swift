// A member's PostgreSQL as its agent sees it: the model fleet behind the time that looking and acting takes.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPostgres

struct SimulatedServer: ManagedServer {
    let world: World
    let life: Int

    var own: Life { world.lives[life] }
    var member: Int { own.member }
    var id: ServerID { ServerID(own.member) }
    var exits: AsyncStream<Void> { own.exits }
    private var isStalled: Bool { world.members[member].isDiskStalled }

    func global(_ deadline: Moment) -> Moment { world.members[member].clock.global(deadline) }

    /// Waits a while; false when it was called off meanwhile.
    func pass(_ time: ClosedRange<Duration>) async -> Bool {
        let delay = world.chance.duration(time)
        await world.waitUnlessCancelled(own, otherwise: ()) { number in
            world.after(delay) { world.answer(own, number, ()) }
        }
        return !Task.isCancelled && !own.isDead
    }

    /// What touches the disk doesn't come back while that stands still.
    private func untilDiskWorks() async {
        while isStalled, !own.isDead, !Task.isCancelled {
            await world.waitUnlessCancelled(own, otherwise: ()) { number in
                world.after(.milliseconds(500)) { world.answer(own, number, ()) }
            }
        }
    }

    /// Waits until `isSo` says yes; false at the deadline and when it was called off.
    func until(_ deadline: Moment, _ isSo: () -> Bool) async -> Bool {
        let end = global(deadline)
        while !own.isDead {
            world.fleet.advance(to: world.now)
            if isSo() { return true }
            if world.now >= end || Task.isCancelled { return false }
            let change = world.fleet.nextChange(of: id) ?? world.now + .milliseconds(200)
            let next = min(end, max(change, world.now + .milliseconds(1)))
            await world.waitUnlessCancelled(own, otherwise: ()) { number in
                world.at(next) { world.answer(own, number, ()) }
            }
        }
        return false
    }

    // MARK: looking

    func look(leaderTimeline: Timeline?, by deadline: Moment) async -> ServerLook {
        await world.pass(own, world.chance.duration(.microseconds(300)...(.milliseconds(3))))
        await untilDiskWorks()
        world.fleet.advance(to: world.now)
        if world.fleet[id].isFrozen, world.fleet[id].hasPostmaster {
            let rest = global(deadline) - world.now
            if rest > .zero { await world.pass(own, rest) }
        }
        guard !own.isDead else { return ServerLook(directory: .inaccessible("the agent is gone"), status: .stopped) }
        if world.members[member].copy != nil, world.members[member].copier != life {
            return ServerLook(directory: .inaccessible("a program of an earlier agent works there"), status: .stopped)
        }
        return ServerLook(
            directory: world.fleet.directory(of: id), status: world.fleet.status(of: id),
            slots: world.fleet.slotPositions(of: id), beginning: world.fleet.beginning(of: id))
    }

    func walSenders(by deadline: Moment) async -> [WalSender] { [] }

    func shutdownCheckpoint(by deadline: Moment) async -> ShutdownCheckpoint? {
        await world.pass(own, world.chance.duration(.milliseconds(1)...(.milliseconds(8))))
        if isStalled || own.isDead { return nil }
        world.fleet.advance(to: world.now)
        return world.fleet.shutdownCheckpoint(of: id)
    }

    func history(of timeline: Timeline, by deadline: Moment) async -> TimelineHistory? {
        await world.pass(own, .milliseconds(2))
        world.fleet.advance(to: world.now)
        return isStalled ? nil : world.fleet.history(of: timeline, on: id)
    }

    func synchronousStatus(by deadline: Moment) async -> SynchronousStatus? {
        await world.pass(own, world.chance.duration(.milliseconds(1)...(.milliseconds(3))))
        world.fleet.advance(to: world.now)
        return own.isDead ? nil : world.fleet.synchronousStatus(of: id)
    }

    func compare(with upstream: Upstream, by deadline: Moment) async -> UpstreamState {
        await world.pass(own, .microseconds(100))
        return world.fleet[id].upstream == target(upstream) ? .asWanted : .needsReload
    }

    func target(_ upstream: Upstream) -> ServerID? { upstream.member.flatMap { world.fleet.server(named: $0.name) } }

    // MARK: the synchronous standbys

    func setSynchronousNames(_ names: SynchronousStandbyNames, by deadline: Moment) async throws(JobFailure) {
        let text: String? = if case .managed(let text) = names { text } else { nil }
        world.fleet.advance(to: world.now)
        if own.isDead { throw JobFailure("the agent is gone") }
        let before = world.fleet[id].names
        if before == text { return }
        if isStalled { throw JobFailure("the configuration can't be written") }
        // Reports say it at once, every process of the server obeys when it comes to read its files.
        let takes = world.chance.duration(.zero...(.milliseconds(80)))
        do throws(ModelFailure) { try world.fleet.setNames(text, on: id, takes: takes, at: world.now) } catch {
            throw JobFailure(error.description)
        }
        world.trace.note(world.now, .member(member), named: text ?? "")
        world.trace.say(world.now, .member(member), "synchronous_standby_names = '\(text ?? "")'")
        world.happened(.namesSet(member))
        if Self.isLooser(text, than: before) { world.happened(.namesLoosened(member)) }
        if world.fleet[id].hasPostmaster {
            await world.pass(own, .milliseconds(100))
            if !own.isDead { _ = world.fleet.commit(on: id, at: world.now) }
        }
    }

    /// Commits no longer wait for everybody whom they waited for.
    static func isLooser(_ text: String?, than before: String?) -> Bool {
        guard let before = SynchronousNames(parsing: before ?? ""), let after = SynchronousNames(parsing: text ?? "")
        else { return false }
        return after.count < before.count || before.names.contains { !after.names.contains($0) }
    }

    // MARK: what hardly matters to the model

    func apply(_ settings: PostgresSettings, cluster: ClusterSettings, force: Bool) async {
        await world.pass(own, .milliseconds(5))
        await untilDiskWorks()
    }

    func arrangeSlots(_ wanted: SlotWishes, by deadline: Moment) async {}

    func nudge() async {
        if own.isDead { return }
        world.fleet.nudge(id, at: world.now)
    }
}
