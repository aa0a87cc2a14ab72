// Agents are started, crash, and end.

import Logging
import PatroniCore
import PatroniLoop
import PatroniPorts

extension World {
    func startAgent(_ index: Int) {
        guard members[index].life == nil, members[index].reasonsToBeDown == 0, members[index].isWanted,
            let keeper = keeper(of: index)
        else { return }
        let life = Life(number: lives.count, member: index)
        lives.append(life)
        members[index].life = life
        life.isFrozen = members[index].reasonsToBeFrozen > 0
        life.isPaused = members[index].wasPaused
        let settings = keeper.cluster
        life.session.ttl = settings.ttl
        life.session.loopWait = settings.loopWait
        let time = SimulatedTime(world: self, life: life.number)
        let first = StatusSnapshot(
            name: members[index].name, scope: "model", version: "0", serverSeen: time.now, settings: settings,
            nextTurn: time.now + settings.loopWait)
        var parts = Agent.Parts(
            time: time, store: SimulatedStore(world: self, life: life.number),
            server: SimulatedServer(world: self, life: life.number),
            members: SimulatedPeers(world: self, life: life.number), callbacks: SimulatedCallbacks(),
            logger: logger(index), status: StatusHolder(first),
            surroundings: SimulatedSurroundings(world: self, life: life.number))
        parts.witness = Witness(world: self, life: life.number)
        parts.rules = plan.rules
        if let spoil = plan.spoil {
            parts.store = SpoiledStore(inner: SimulatedStore(world: self, life: life.number), spoil: spoil)
            parts.members = SpoiledPeers(inner: SimulatedPeers(world: self, life: life.number), spoil: spoil)
            parts.server = SpoiledServer(inner: SimulatedServer(world: self, life: life.number), spoil: spoil)
        }
        let agent = Agent(parts: parts, configuration: keeper)
        life.use(agent)
        trace.note(now, .member(index), "agent starts")
        trace.say(now, .member(index), "the agent starts")
        Task { @Sendable [number = life.number] in
            do throws(StartFailure) {
                if try await agent.firstContact() { ended(number, await agent.run()) } else { ended(number, .asked) }
            } catch { ended(number, .halted(error.description)) }
        }
    }

    /// The agent has ended by itself.
    private func ended(_ number: Int, _ end: AgentEnd) {
        let life = lives[number]
        guard !life.isDead else { return }
        trace.note(now, .member(life.member), "agent ended")
        trace.say(now, .member(life.member), "the agent has ended: \(end)")
        if case .halted = end { statistics.halts += 1 }
        life.die(at: world(life))
        members[life.member].life = nil
        // Whoever supervises it starts it again; an operator's stop lasts until the operator says so.
        switch end {
        case .halted: after(.seconds(20)) { self.startAgent(life.member) }
        case .asked: after(.milliseconds(100)) { self.startAgent(life.member) }
        }
    }

    /// SIGKILL: nothing it has begun is ended, nothing it says is heard any more.
    func kill(_ life: Life) {
        guard !life.isDead else { return }
        trace.note(now, .member(life.member), "agent dies")
        trace.say(now, .member(life.member), "the agent dies")
        life.die(at: world(life))
        if members[life.member].life === life { members[life.member].life = nil }
        if let agent = life.agent { Task { @Sendable in await agent.requestShutdown() } }
    }

    private func world(_ life: Life) -> Moment { members[life.member].clock.local(now) }

    /// The operator stops the agent, as systemd does.
    func stopAgent(_ index: Int, startAfter delay: Duration) {
        members[index].isWanted = false
        members[index].life?.isAskedToEnd = true
        if let agent = members[index].life?.agent { Task { @Sendable in await agent.requestShutdown() } }
        after(delay) {
            self.members[index].isWanted = true
            self.startAgent(index)
        }
    }

    private func logger(_ index: Int) -> Logger {
        guard trace.tell != nil else { return Self.silent }
        var logger = Logger(label: "simulation") { _ in StoryLog(world: self, member: index) }
        logger.logLevel = .info
        return logger
    }

    private static let silent: Logger = {
        var logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return logger
    }()
}

/// The agent's own words, as lines of the story.
struct StoryLog: LogHandler {
    let world: World
    let member: Int
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(world: World, member: Int) {
        self.world = world
        self.member = member
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard world.members[member].life != nil else { return }
        world.trace.say(world.now, .member(member), "    log: \(event.message)")
    }
}
