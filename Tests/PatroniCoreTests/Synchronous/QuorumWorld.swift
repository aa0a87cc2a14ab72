// A world for quorum commit: members with real logs, a store that loses answers, agents that crash, races by the rules.

import Testing

@testable import PatroniCore

/// Four members, each with a log of numbered records. Who leads takes the steps of ``SynchronousReplication``; who races
/// is judged by the rules of the leader race.
struct QuorumWorld {
    struct Record: Hashable {
        var number: UInt32
        var timeline: UInt32
    }
    struct Node {
        var log: [Record] = []
        var timeline: UInt32 { log.last?.timeline ?? 1 }
        var isStreaming = false
        var isRunning = true
        var isReachable = true
        var tags = Tags()
    }
    struct LateWrite {
        var state: SyncState
        var ifVersion: KeyVersion?
    }

    var random: SeededRandom
    var settings = ClusterSettings()
    var nodes: [MemberName: Node] = ["alpha": Node(), "beta": Node(), "gamma": Node(), "delta": Node()]
    var leader: MemberName = "alpha"
    var acknowledged: [Record] = []
    private var lastRecord: UInt32 = 0
    /// What stands in the leader's file, and what its processes have read.
    var file = SynchronousNames.nobody
    var inForce = SynchronousNames.nobody
    var stored = SyncState.none
    private var version: Int64 = 0
    private var late: [LateWrite] = []
    private var machine = SynchronousReplication()
    /// What the leader last read of the store; may be old.
    private var read = SyncState.none
    private var moment = Moment.start
    private(set) var failovers = 0
    var trace: [String] = []

    init(seed: UInt64, mode: SynchronousMode = .quorum) {
        random = SeededRandom(seed: seed)
        settings.synchronousMode = mode
        for name in nodes.keys where name != leader { nodes[name]?.isStreaming = true }
    }

    private var standbys: [MemberName] { nodes.keys.filter { $0 != leader }.sorted() }
    private var end: Int { nodes[leader]?.log.count ?? 0 }

    // MARK: the world

    mutating func happen(switchesModes: Bool = false) {
        let name = random.pick(standbys)
        moment = moment + .milliseconds(random.number(0...4000))
        switch random.number(0...17) {
        case 0: disconnect(name)
        case 1, 2: connect(name)
        case 3: nodes[name]?.isRunning.toggle()
        case 4: nodes[name]?.tags.values["nosync"] = .bool(random.chance(30))
        case 5: nodes[name]?.tags.values["nofailover"] = .bool(random.chance(20))
        case 6: settings.synchronousNodeCount = random.number(1...3)
        case 7: settings.isSynchronousModeStrict = random.chance(30)
        case 8, 9: for _ in 0...random.number(0...2) { write() }
        case 10, 11: receive(name)
        case 12: acknowledge()
        case 13: inForce = file
        case 14: land()
        case 15: if random.chance(20) { restartAgent() }
        case 16: nodes[random.pick(nodes.keys.sorted())]?.isReachable = random.chance(70)
        default:
            if switchesModes, random.chance(30) {
                settings.synchronousMode = settings.synchronousMode == .on ? .quorum : .on
                trace.append("  mode \(settings.synchronousMode)")
            }
        }
    }

    private mutating func write() {
        lastRecord += 1
        let timeline = nodes[leader]?.timeline ?? 1
        nodes[leader]?.log.append(Record(number: lastRecord, timeline: timeline))
    }

    private mutating func disconnect(_ name: MemberName) { nodes[name]?.isStreaming = false }

    /// A standby whose log is not the beginning of the leader's is rewound first.
    mutating func connect(_ name: MemberName) {
        guard let source = nodes[leader], var node = nodes[name], node.isRunning else { return }
        let common = zip(node.log, source.log).prefix { $0 == $1 }.count
        node.log = Array(node.log.prefix(common))
        node.isStreaming = true
        nodes[name] = node
    }

    private mutating func receive(_ name: MemberName) {
        guard let source = nodes[leader], let node = nodes[name], node.isStreaming, node.log.count < end else { return }
        let count = node.log.count + random.number(1...(end - node.log.count))
        nodes[name]?.log = Array(source.log.prefix(count))
    }

    /// A commit is acknowledged when as many as PostgreSQL waits for have it, by their streams.
    private mutating func acknowledge() {
        guard let log = nodes[leader]?.log else { return }
        var reached = log.count
        if inForce.count > 0 {
            let candidates = inForce.hasAnybody ? standbys : inForce.names.filter { $0 != leader }
            let positions = candidates.compactMap { nodes[$0] }.filter(\.isStreaming).map(\.log.count).sorted(by: >)
            reached = positions.count >= inForce.count ? positions[inForce.count - 1] : 0
        }
        if reached > acknowledged.count { acknowledged = Array(log.prefix(reached)) }
    }

    private mutating func land() {
        guard !late.isEmpty else { return }
        let write = late.remove(at: random.number(0...late.count - 1))
        trace.append("  late \(write.state.standbys) \(write.state.quorum)")
        _ = apply(write.state, write.ifVersion)
    }

    /// A new process knows nothing, and finds what the old one left.
    private mutating func restartAgent() {
        trace.append("  agent restarts")
        machine = SynchronousReplication()
        read = stored
    }

    private mutating func apply(_ state: SyncState, _ ifVersion: KeyVersion?) -> Bool {
        guard ifVersion == stored.version else { return false }
        version += 1
        stored = state
        stored.version = KeyVersion(version)
        return true
    }

    // MARK: the leader's agent

    private var members: [Member] {
        nodes.sorted { $0.key < $1.key }.map { name, node in
            var member = name == leader ? Member.primary(name) : Member.replica(name)
            member.state = node.isRunning ? .running : .stopped
            member.tags = node.tags
            return member
        }
    }

    private var view: SynchronousReplication.View {
        let streams = standbys.filter { nodes[$0]?.isStreaming == true }.map { name in
            let position = LSN(UInt64(nodes[name]?.log.count ?? 0) + 1)
            let word = inForce.method == .any ? "quorum" : inForce.waitsFor(name) ? "sync" : "potential"
            let isListed = inForce.names.contains { $0.matches(name) }
            return StandbyStream(
                name: name, isStreaming: true, syncState: isListed ? word : "async", written: position,
                flushed: position, replayed: position)
        }
        return SynchronousReplication.View(
            me: leader, settings: settings, members: members, sync: read,
            status: SynchronousStatus(
                names: inForce.text ?? "", commitLevel: "on", position: LSN(UInt64(end) + 1), streams: streams),
            now: moment)
    }

    @discardableResult mutating func act() -> SynchronousReplication.Step {
        if random.chance(80) { read = stored }
        let step = machine.step(view)
        trace.append("\(step)")
        switch step {
        case .publish(let state, _):
            switch random.number(0...11) {
            case 0: machine.learned(.unknown(.noAnswer))
            case 1:
                late.append(LateWrite(state: state, ifVersion: read.version))
                machine.learned(.unknown(.noAnswer))
            case 2:
                _ = apply(state, read.version)
                machine.learned(.unknown(.noAnswer))
            case 3:
                // Written, and the agent is gone before it hears of it.
                _ = apply(state, read.version)
                restartAgent()
            default: machine.learned(apply(state, read.version) ? .written(stored.version) : .conflict)
            }
        case .setNames(let names):
            file = names
            if random.chance(5) {
                restartAgent()
            } else {
                machine.namesWereSet(names)
                if random.chance(70) { inForce = file }
            }
        case .useConfigured, .steady, .wait: break
        }
        return step
    }

    // MARK: races

    /// What `name` would decide if the leader were gone and it reached those who are reachable, and no others.
    func wins(_ name: MemberName, reaching peers: Set<MemberName>) -> Bool {
        guard let node = nodes[name], node.isRunning else { return false }
        var cluster = Cluster.healthy
        cluster.leader = nil
        cluster.members = members
        cluster.sync = stored
        cluster.status = ClusterStatus(position: .zero)
        var now = Observation.standby.with { $0.me = name }
        now.store = .cluster(cluster)
        now.lastClusterWithLeader = cluster
        now.settings = settings
        now.tags = node.tags
        now.server = .standby(at: UInt64(node.log.count) + 1, timeline: node.timeline)
        var world = World()
        world.peers = nodes.keys.filter { $0 != name }.sorted().map { peer in
            guard peers.contains(peer), let other = nodes[peer], other.isRunning else { return .silent(peer) }
            return .standby(peer, at: UInt64(other.log.count) + 1, timeline: other.timeline)
                .with { $0.tags = other.tags }
        }
        return Transcript.of(now, Memory(), world).decisions.contains(.act(.acquireLeaderKey, because: .healthiest))
    }

    private func lacksCommits(_ name: MemberName) -> Bool {
        !(nodes[name]?.log.starts(with: acknowledged) ?? false)
    }

    /// What must be true at every moment: whoever would win a race now, with whomever it reaches, has every commit.
    mutating func violation() -> String? {
        // Not switched on yet: nothing is promised.
        if stored.isEmpty { return nil }
        let voters = stored.standbys.filter { $0 != leader }
        let lacking = voters.filter { lacksCommits($0) }
        if !voters.isEmpty, lacking.count > stored.quorum {
            return "voters \(lacking) lack a commit, and a quorum of \(stored.quorum) would elect one of them"
        }
        if random.chance(85) { return nil }
        let reachable = Set(nodes.keys.filter { _ in random.chance(60) })
        for name in nodes.keys.sorted() where wins(name, reaching: reachable) {
            if lacksCommits(name) { return "\(name) would win among \(reachable) and lacks a commit" }
        }
        return nil
    }

    /// The leader dies, and somebody takes over by the rules, or nobody can and it comes back.
    mutating func failOver() {
        if stored.isEmpty { return }
        let others = Set(nodes.keys.filter { $0 != leader && nodes[$0]?.isReachable == true })
        let old = leader
        let returned: Set<MemberName> = random.chance(30) ? [old] : []
        let racers = others.union(returned).sorted().shuffled(using: &random)
        guard let winner = racers.first(where: { wins($0, reaching: others.union(returned)) }) else { return }
        let seen = stored
        // The old leader's last write may land before the new one's.
        if random.chance(10) { land() }
        let takeover =
            settings.synchronousMode == .quorum
            ? QuorumTakeover(seen, me: winner)
            : QuorumTakeover(SyncState(leader: winner, standbys: []), me: winner)
        guard apply(takeover.sync, seen.version) else { return }
        failovers += 1
        trace.append("  \(winner) leads, \(takeover.sync.standbys) \(takeover.sync.quorum)")
        for name in nodes.keys { nodes[name]?.isStreaming = false }
        leader = winner
        // The end of recovery is the first record of the new timeline.
        lastRecord += 1
        let timeline = nodes[winner]?.timeline ?? 1
        nodes[winner]?.log.append(Record(number: lastRecord, timeline: timeline + 1))
        file = takeover.count == 0 ? .nobody : .any(takeover.count, of: takeover.names)
        inForce = file
        machine = SynchronousReplication()
        read = stored
        if random.chance(30) { write() }
    }

    // MARK: an end

    /// Nothing breaks any more, and everybody gets everything.
    mutating func calmDown() {
        settings.synchronousNodeCount = 2
        settings.isSynchronousModeStrict = false
        late = []
        for name in standbys {
            nodes[name]?.isRunning = true
            nodes[name]?.isReachable = true
            nodes[name]?.tags = Tags()
            connect(name)
        }
    }

    mutating func flow() {
        inForce = file
        let log = nodes[leader]?.log ?? []
        for name in standbys { nodes[name]?.log = log }
    }
}
