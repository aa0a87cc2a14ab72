// What must hold after every step.

import PatroniCore

/// Looks at the whole cluster from outside, with eyes that no member has.
struct Checks {
    private var seenPromotions = 0
    private var seenMixings = 0
    /// The last promotion of which the cluster's history tells.
    private var recorded: LogWriter?
    private var manualFailover: ManualFailover?
    private var identifier: SystemIdentifier?
    private var healedAt: Moment?
    private var convergedAt: Moment?

    /// By member: when its agent last told it to promote.
    private var orders: [Int: Moment] = [:]
    private var exposure: Exposure
    private var standstill = Standstill()

    /// It may lose what the candidate does not have; that is the operator's choice.
    private struct ManualFailover {
        var member: Int
        /// Nil while the request stands; then time enough for the promotion.
        var until: Moment?
    }

    init(members: Int) { exposure = Exposure(members: members) }

    // MARK: after every step

    mutating func afterEvery(_ world: World) {
        oneWriter(world)
        promotions(world)
        if let leader = standstill.look(world) {
            world.violate(.givesWay, "\(leader) keeps the leader key though its PostgreSQL answers nobody")
        }
    }

    /// Invariant 1.
    private mutating func oneWriter(_ world: World) {
        let exposed = exposure.look(world)
        var believers = 0
        var writers = 0
        var isSpared = false
        for index in world.members.indices where world.fleet.acceptsWrites(on: ServerID(index)) {
            let member = world.members[index]
            if !member.isPutDown { writers += 1 }
            if member.isSpared { isSpared = true }
            // No agent lets anybody write in the last moments of a lease: clocks drift by up to one part in a hundred.
            if let life = member.life,
                life.lease.isValid(at: member.clock.local(world.now) + life.session.ttl / 50)
            {
                believers += 1
            }
        }
        guard writers > 1 else { return }
        if let idle = exposed.first {
            world.violate(
                .oneWriter, "\(world.members[idle].name) goes on accepting writes beside another primary")
        }
        if believers > 1 {
            world.violate(.oneWriter, "\(believers) members accept writes and believe that they hold the leader key")
        } else if world.plan.hasFencer, !isSpared, !isPausedForSome(world) {
            let names = world.members.filter { world.fleet.acceptsWrites(on: ServerID($0.index)) }.map(\.name.text)
            world.violate(.oneWriter, "\(names) accept writes at the same time, in spite of the fencer")
        }
    }

    /// Members learn of the end of maintenance mode one after the other.
    private func isPausedForSome(_ world: World) -> Bool {
        world.store.cluster.configuration?.values["pause"] == true
            || world.members.contains { $0.life?.isPaused ?? $0.wasPaused }
    }

    /// Invariants 2 and 3.
    private mutating func promotions(_ world: World) {
        while seenPromotions < world.fleet.promotions.count {
            let promotion = world.fleet.promotions[seenPromotions]
            seenPromotions += 1
            world.statistics.promotions += 1
            judge(promotion, world)
        }
        if seenMixings < world.fleet.mixings.count {
            seenMixings = world.fleet.mixings.count
            world.statistics.mixings += 1
            world.trace.say(world.now, .world, "a standby met a log that only looks like the continuation of its own")
        }
    }

    private mutating func judge(_ promotion: ModelPromotion, _ world: World) {
        let name = world.members[promotion.server.index].name
        world.trace.say(
            world.now, .member(promotion.server.index),
            "is a primary on timeline \(promotion.timeline) from \(promotion.position) on")
        // It was told when it might lead, and stood still until another led: to stop it now is invariant 1's.
        let ordered = orders.removeValue(forKey: promotion.server.index)
        let isOvertaken = world.fleet.promotions.contains { other in
            guard let ordered, other.server != promotion.server else { return false }
            return other.at > ordered && other.at < promotion.at
        }
        if isOvertaken { return }
        let isManual =
            manualFailover.map { manual in
                manual.member == promotion.server.index && manual.until.map { world.now < $0 } ?? true
            } ?? false
        if isManual {
            world.fleet.giveUpWhatIsMissing(on: promotion.server)
            // The operator has chosen which history counts. One of the recorded number is not recorded anew.
            if promotion.timeline == world.store.cluster.timeline { recorded = nil }
        } else if !promotion.lost.isEmpty {
            world.violate(.noLostCommits, "\(name) leads without acknowledged commits: \(promotion.lost)")
        }
        if let recorded, let log = world.fleet[promotion.server].files?.log, !log.holds(recorded), !isManual {
            world.violate(.noForks, "\(name) leads on a log that does not contain the recorded history")
        }
    }

    // MARK: the store

    mutating func storeChanged(_ world: World, _ news: ModelStore.StoreNews) {
        let cluster = world.store.cluster
        switch news {
        case .sync: syncChanged(world, cluster.sync)
        case .configuration: modeChanged(world, cluster)
        case .history: historyChanged(world, cluster)
        case .initialize: initializeChanged(world, cluster.initialize)
        case .failover: requestChanged(world, cluster.failover)
        default: break
        }
    }

    /// Commits are promised to survive as long as the sync key names a leader.
    private func syncChanged(_ world: World, _ sync: SyncState) {
        world.fleet.advance(to: world.now)
        isPromised(world, sync, world.store.cluster.configuration)
        if let leader = sync.leader, sync.hasStandby(leader) {
            world.violate(.keys, "the sync key names \(leader) as leader and as standby")
        }
        if Set(sync.standbys).count != sync.standbys.count {
            world.violate(.keys, "the sync key names a standby twice")
        }
        if sync.quorum < 0 || sync.quorum > sync.standbys.count {
            world.violate(.keys, "the sync key wants \(sync.quorum) of \(sync.standbys.count) standbys")
        }
    }

    /// An operator who switches synchronous replication off gives up its promise, however long the key stays.
    private func modeChanged(_ world: World, _ cluster: Cluster) {
        world.fleet.advance(to: world.now)
        isPromised(world, cluster.sync, cluster.configuration)
    }

    private func isPromised(_ world: World, _ sync: SyncState, _ configuration: StoredConfiguration?) {
        let mode = configuration?.values["synchronous_mode"]
        world.fleet.isPromising = !sync.isEmpty && mode != nil && mode != false && mode != .null
        if !world.fleet.isPromising { world.fleet.forgetPromises() }
        if let leader = sync.leader, let server = world.fleet.server(named: leader) {
            world.fleet.markSynchronous(server)
        }
    }

    private mutating func historyChanged(_ world: World, _ cluster: Cluster) {
        guard let history = cluster.history else { return }
        let timelines = history.rows.map(\.timeline)
        if timelines != timelines.sorted() || Set(timelines).count != timelines.count {
            world.violate(.keys, "the history is out of order: \(history.json.text())")
        }
        guard let leader = cluster.leader?.name, let server = world.fleet.server(named: leader) else { return }
        if let made = world.fleet.promotions.last(where: { $0.server == server && $0.timeline == history.current }) {
            recorded = made.writer
        }
    }

    private mutating func initializeChanged(_ world: World, _ key: InitializeKey) {
        guard let found = key.identifier else { return }
        if let identifier, identifier != found {
            world.violate(.keys, "the cluster has changed its identity from \(identifier) to \(found)")
        }
        identifier = found
    }

    mutating func operatorFailsOver(to member: Int) { manualFailover = ManualFailover(member: member) }

    private mutating func requestChanged(_ world: World, _ request: FailoverRequest?) {
        guard let manual = manualFailover, manual.until == nil else { return }
        let stands = request?.isSwitchover == false && request?.candidate == world.members[manual.member].name
        if !stands { manualFailover?.until = world.now + .seconds(300) }
    }

    // MARK: pause

    /// Invariant 5: what an agent begins by itself in maintenance mode.
    func decided(_ world: World, _ life: Life, _ verdict: Verdict, _ turn: Turn) {
        guard turn.observation.settings.isPaused, case .act(.begin(let job), _) = verdict.decision else { return }
        let request: FailoverRequest? =
            if case .cluster(let cluster) = turn.observation.store { cluster.failover } else { nil }
        let isAllowed =
            switch job {
            case .promote: request?.candidate == turn.observation.me
            case .demote(.graceful): true
            // A switchover that was asked for ends with the old primary as a standby, rewound if need be (HA-032).
            case .start(.standby), .rewind: turn.memory.role == .demoted
            case .follow(_, restart: false), .checkDivergence: true
            default: false
            }
        if !isAllowed {
            world.violate(.pause, "\(turn.observation.me) begins \"\(job.name)\" in maintenance mode [\(verdict.rule)]")
        }
    }

    func agentStops(_ world: World, _ life: Life) {}
    mutating func agentPromotes(_ world: World, _ life: Life) { orders[life.member] = world.now }
    func reinitialized(_ world: World, _ life: Life) {}

    // MARK: healing

    mutating func healed(_ world: World) {
        healedAt = world.now
        watch(world)
    }

    private func watch(_ world: World) {
        world.after(.seconds(5)) {
            world.checks.look(world)
            world.checks.watch(world)
        }
    }

    private mutating func look(_ world: World) {
        let problem = Self.problem(world)
        if problem == nil {
            if convergedAt == nil, let healedAt {
                convergedAt = world.now
                world.statistics.longestHealing = max(world.statistics.longestHealing, world.now - healedAt)
            }
        } else {
            convergedAt = nil
        }
    }

    /// Invariant 4.
    func atTheEnd(_ world: World) {
        guard convergedAt == nil, let problem = Self.problem(world) else { return }
        world.violate(.healing, problem)
    }

    /// One leads, all follow; else what is missing.
    static func problem(_ world: World) -> String? {
        world.fleet.advance(to: world.now)
        guard let leader = world.store.cluster.leader?.name, let primary = world.fleet.server(named: leader) else {
            return "nobody holds the leader key"
        }
        guard world.fleet.acceptsWrites(on: primary) else { return "\(leader) leads, but accepts no writes" }
        guard world.fleet.canCommit(on: primary) else { return "commits on \(leader) are never acknowledged" }
        for member in world.members where ServerID(member.index) != primary {
            guard member.life != nil else { return "\(member.name)'s agent has ended" }
            guard case .running(let server) = world.fleet.status(of: ServerID(member.index)),
                let standby = server.standby
            else { return "\(member.name) is no running standby: \(world.fleet[ServerID(member.index)].phase)" }
            guard standby.replicationState == "streaming" else {
                return "\(member.name) does not stream: \(server.timeline.map { "timeline \($0)" } ?? "")"
            }
            guard server.timeline == world.fleet[primary].files?.log.timeline else {
                return "\(member.name) is on another timeline than \(leader)"
            }
        }
        return nil
    }
}
