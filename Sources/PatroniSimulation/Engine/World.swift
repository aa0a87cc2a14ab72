// One history: everything there is, and what happens next.

import CSimulation
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPorts

/// Holds the cluster, its surroundings and the clock.
///
/// The only class that is shared between tasks without the compiler's help: all tasks of a history run on the one thread
/// that runs the history (the queue in CSimulation sees to that), so nothing is ever touched by two at once.
final class World: @unchecked Sendable {
    let plan: HistoryPlan
    let blueprints: Blueprints
    /// When the next session ends; nil: no alarm is set.
    var nextExpiry: Moment?
    private(set) var now = Moment(nanoseconds: 1_000_000_000_000)
    var events = EventQueue()
    var trace = Trace()
    var statistics = Statistics()
    var violation: Violation?
    /// Delays of the network, of disks and of people.
    var chance: RandomSource
    var network: ModelNetwork
    var store: ModelStore
    var fleet: ModelFleet
    var members: [SimulatedMember]
    var lives: [Life] = []
    var storeTrouble = StoreTrouble()
    var checks: Checks
    /// Called once when the named thing next happens.
    var ambushes: [(on: Happening, action: () -> Void)] = []
    let begin: Moment
    /// Dead agents on their way out.
    private var ghosts: [UnsafeContinuation<Void, Never>] = []
    /// What members have been asked and have not answered yet.
    var questions: [Int: (PeerAnswer?) -> Void] = [:]
    var promises: [Int: (FailsafeReply.Answer) -> Void] = [:]
    var lastQuestion = 0

    init(_ plan: HistoryPlan, blueprints: Blueprints) {
        self.plan = plan
        self.blueprints = blueprints
        begin = now
        var source = RandomSource(seed: plan.seed)
        chance = source.fork()
        network = ModelNetwork(members: plan.members.count)
        store = ModelStore()
        fleet = ModelFleet(
            plan.members.indices.map { index in
                let name = SimulatedMember.name(index)
                return (name, Endpoint(host: name.text, port: 5432))
            })
        members = plan.members.indices.map { SimulatedMember($0, plan.members[$0]) }
        checks = Checks(members: plan.members.count)
    }

    // MARK: running

    /// Runs the history on the calling thread. Nothing of it is left afterwards.
    func run() {
        csimulation_enter()
        defer { csimulation_leave() }
        prepare()
        settle()
        let end = plan.end(from: begin)
        while takeStep(by: end) {}
        if violation == nil { checks.atTheEnd(self) }
        statistics.simulated = now - begin
        for life in lives where !life.isDead { kill(life) }
        drain()
        for life in lives { life.forget() }
        events.removeAll()
        ambushes = []
        storeTrouble.held = []
        questions = [:]
        promises = [:]
        statistics.hash = trace.hash
    }

    /// The next event and what follows from it at once; false: there is none until `end`.
    func takeStep(by end: Moment) -> Bool {
        guard violation == nil, let next = events.next, next <= end, let event = events.take() else { return false }
        now = event.at
        statistics.events += 1
        event.action()
        settle()
        return true
    }

    /// Lets everybody do what there is to do now, then looks whether all is as it should be.
    func settle() {
        drain()
        if violation == nil { checks.afterEvery(self) }
    }

    private func drain() {
        statistics.jobs += csimulation_run()
        while !ghosts.isEmpty {
            let waiting = ghosts
            ghosts = []
            for ghost in waiting { ghost.resume() }
            statistics.jobs += csimulation_run()
        }
    }

    func after(_ delay: Duration, _ action: @escaping () -> Void) { events.add(at: now + delay, action) }
    func at(_ moment: Moment, _ action: @escaping () -> Void) { events.add(at: max(now, moment), action) }

    func violate(_ invariant: Invariant, _ explanation: String) {
        guard violation == nil else { return }
        violation = Violation(seed: plan.seed, at: now - begin, invariant: invariant, explanation: explanation)
        trace.say(now, .world, "VIOLATION of invariant \(invariant.rawValue): \(explanation)")
    }

    /// Something worth an ambush has happened.
    func happened(_ what: Happening) {
        statistics.happenings += 1
        guard !ambushes.isEmpty else { return }
        let due = ambushes.filter { $0.on == what }
        guard !due.isEmpty else { return }
        ambushes.removeAll { $0.on == what }
        // Not in the middle of what an agent is doing, but before it can do anything else.
        for ambush in due { after(.zero, ambush.action) }
    }

    // MARK: agents' waits

    /// Waits for an answer. `begin` gets the number under which ``answer(_:_:_:)`` gives it.
    func wait<Value: Sendable>(_ life: Life, otherwise: Value, begin: (Int) -> Void) async -> Value {
        if life.isDead {
            await haunt(life)
            return otherwise
        }
        let number = life.newNumber()
        return await withUnsafeContinuation { continuation in
            life.issue(number, Ticket(continuation: continuation, otherwise: otherwise))
            begin(number)
        }
    }

    /// The same, but ends at once when the task is cancelled.
    func waitUnlessCancelled<Value: Sendable>(_ life: Life, otherwise: Value, begin: (Int) -> Void) async -> Value {
        if life.isDead || Task.isCancelled {
            await haunt(life)
            return otherwise
        }
        let (number, place) = (life.newNumber(), life.number)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                life.issue(number, Ticket(continuation: continuation, otherwise: otherwise))
                begin(number)
            }
        } onCancel: {
            lives[place].redeem(number)?.giveUp()
        }
    }

    /// Rings unless it is redeemed before.
    func setAlarm(_ life: Life, at moment: Moment, _ ring: @escaping @Sendable () -> Void) -> Int {
        let number = life.newNumber()
        life.issue(number, SimulatedAlarm(ring: ring))
        at(moment) { self.ring(life, number) }
        return number
    }

    private func ring(_ life: Life, _ number: Int) {
        if life.isFrozen { return life.deliver { self.ring(life, number) } }
        life.redeem(number)?.giveUp()
    }

    /// Ends a wait, if it has not ended before.
    func answer<Value: Sendable>(_ life: Life, _ number: Int, _ value: Value) {
        if life.isFrozen { return life.deliver { self.answer(life, number, value) } }
        guard let ticket = life.redeem(number) as? Ticket<Value> else { return }
        ticket.continuation.resume(returning: value)
    }

    /// One step of a dead agent towards its end.
    func haunt(_ life: Life) async {
        life.ghostSteps += 1
        if life.ghostSteps > 20_000 {
            // It waits for something that only a living agent would bring about: it stays where it is.
            statistics.ghostsLeft += 1
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }
        // Task.yield() would leave the thread: it goes past the hook.
        await withUnsafeContinuation { ghosts.append($0) }
    }

    /// The time in between costs the agent nothing but itself.
    func pass(_ life: Life, _ delay: Duration) async {
        await wait(life, otherwise: ()) { number in
            after(delay) { self.answer(life, number, ()) }
        }
    }
}

/// What an ambush can wait for.
enum Happening: Hashable {
    case renewed(Int)
    case acquired(Int)
    case promotionTold(Int)
    case promoted(Int)
    case released(Int)
    case stopOrdered(Int)
    case syncWritten(Int)
    /// A write of `/sync` with a new name in it has landed.
    case syncGrown(Int)
    case namesSet(Int)
    /// Commits wait for fewer than before, or for others.
    case namesLoosened(Int)
    case started(Int)
    case bootstrapped(Int)
}
