// Real cores, a model store with a lease, model servers, virtual time: whole stories in milliseconds.

@testable import PatroniCore

struct ModelCluster {
    var now = Moment.start
    var store = Cluster()
    var keyExpires = Moment.start
    var members: [ModelMember]
    var random: SeededRandom
    private var writers = 0
    /// What must never happen, and when it did.
    var violations: [String] = []
    /// Somebody outside has broken the promise of a lease; until its holder notices, anything may be seen.
    var promiseBrokenUntil = Moment.start

    static let tick: Duration = .milliseconds(100)

    init(_ names: [MemberName] = ["alpha", "beta", "gamma"], seed: UInt64 = 1) {
        members = names.map { ModelMember(name: $0) }
        random = SeededRandom(seed: seed)
    }

    subscript(name: MemberName) -> ModelMember {
        get { members.first { $0.name == name } ?? ModelMember(name: name) }
        set { for index in members.indices where members[index].name == name { members[index] = newValue } }
    }

    var primaries: [MemberName] { members.filter(\.isWritable).map(\.name) }
    var leader: MemberName? { store.leader?.name }
    var streaming: [MemberName] { members.filter { $0.server == .standby && $0.isStreaming }.map(\.name) }
    var isHealthy: Bool {
        primaries.count == 1 && primaries.first == leader && streaming.count == members.count - 1
    }
    var description: String {
        members.map { member in
            let log = member.log.branches.map { "\($0.timeline).\($0.writer)-\($0.end)" }.joined(separator: " ")
            return "\(member.name): \(member.server), \(member.lastReason.map { "\($0)" } ?? "-"), \(member.upstream), "
                + "\(member.memory.divergence), \(log)"
        }
        .joined(separator: "\n") + "\nleader: \(leader?.text ?? "nobody")"
    }

    // MARK: time

    mutating func run(_ time: Duration, until isDone: (ModelCluster) -> Bool = { _ in false }) {
        let end = now + time
        while now < end, !isDone(self) { step() }
    }

    mutating func step() {
        now = now + Self.tick
        if store.leader != nil, now >= keyExpires { change { $0.leader = nil } }
        for index in members.indices {
            endJob(index)
            if members[index].server == .primary { members[index].log.write(10) }
        }
        stream()
        for index in members.indices where isDue(members[index]) { turn(index) }
        watch()
    }

    private func isDue(_ member: ModelMember) -> Bool {
        member.isAlive && member.halted == nil && member.nextTurn <= now
            && (member.frozenUntil.map { $0 <= now } ?? true)
    }

    /// Changes the store and wakes everybody who watches it.
    mutating func change(_ change: (inout Cluster) -> Void) {
        let before = store
        change(&store)
        if before.leader?.name != store.leader?.name || before.failover != store.failover
            || before.leaderMember?.role != store.leaderMember?.role
        {
            for index in members.indices where members[index].canReachStore {
                let soon = now + .milliseconds(Int64(random.number(10...90)))
                members[index].nextTurn = min(members[index].nextTurn, soon)
            }
        }
    }

    private mutating func stream() {
        let logs = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0) })
        for index in members.indices {
            let member = members[index]
            guard member.server == .standby, case .member(let name) = member.upstream, let source = logs[name],
                source.server == .primary || source.server == .standby, member.log.isPart(of: source.log)
            else {
                members[index].isStreaming = false
                continue
            }
            members[index].log = source.log
            members[index].isStreaming = true
        }
    }

    private mutating func watch() {
        if now < promiseBrokenUntil { return }
        if members.filter({ $0.isWritable && $0.lease.isValid(at: now) }).count > 1 {
            violations.append("two primaries with a lease at \(now - .start)")
        }
        let writable = members.filter { $0.isWritable && $0.isSupervised(at: now) && !isBeingStopped($0) }
        if writable.count > 1, !members.contains(where: { $0.settings.isPaused }) {
            violations.append("two primaries, \(writable.map(\.name)), at \(now - .start)")
        }
    }

    private func isBeingStopped(_ member: ModelMember) -> Bool { member.job?.job.isDemotion ?? false }

    // MARK: turns

    private mutating func turn(_ index: Int) {
        let member = members[index]
        if member.canReachStore { readStore(index) }
        var turn = Turn(observation(index), member.memory)
        var again: Duration?
        deciding: while true {
            let verdict = turn.next()
            members[index].rules.append(verdict.rule)
            members[index].memory = turn.memory
            switch verdict.decision {
            case .ask(.statusOfPeers):
                turn.learn(
                    .peers(
                        Situation.others(
                            cluster: store, last: member.lastClusterWithLeader, me: member.name,
                            isFailsafe: member.settings.isFailsafeModeEnabled
                        )
                        .map { PeerStatus(name: $0.name, answer: self[$0.name].answer(at: now)) }))
            case .ask(.failsafe(let circle, by: _)): turn.learn(askFailsafe(circle, index))
            case .ask(.upstream(let target)):
                turn.learn(.upstream(members[index].upstream == target ? .asWanted : .needsReload))
            case .act(let action, _): turn.learn(perform(action, index))
            case .settled(let reason, let pause):
                members[index].lastReason = reason
                if reason == .tooManySteps { violations.append("\(member.name): a turn without an end") }
                again = pause
                break deciding
            case .halt(let reason):
                members[index].halted = reason
                break deciding
            }
        }
        members[index].memory = turn.memory
        publish(index)
        let pause = max(Self.tick, min(again ?? member.settings.loopWait, member.settings.loopWait))
        members[index].nextTurn = now + pause
    }

    private mutating func publish(_ index: Int) {
        guard members[index].canReachStore else { return }
        publishFailsafeMap(index)
        let member = members[index]
        change { store in
            store.members.removeAll { $0.name == member.name }
            store.members.append(member.published)
            store.members.sort { $0.name < $1.name }
            if store.leader?.name == member.name, member.server == .primary {
                store.status.position = LSN(member.log.position)
            }
        }
    }

    private mutating func perform(_ action: Action, _ index: Int) -> Learned {
        let member = members[index]
        guard member.canReachStore || !action.needsStore else {
            switch action {
            case .renewLeaderKey, .acquireLeaderKey: return .leaderKey(action, .unknown(.noAnswer), member.lease)
            default: return .written(action, .unknown(.noAnswer))
            }
        }
        switch action {
        case .renewLeaderKey, .acquireLeaderKey: return leaderKey(action, index)
        case .claimInitialize:
            guard store.initialize == .absent else { return .written(action, .conflict) }
            store.initialize = .inProgress
            return .written(action, .written(nil))
        case .begin(let job):
            begin(job, index)
            return .done(action)
        case .cancelJob:
            members[index].job = nil
            if case .starting = members[index].server { members[index].server = .stopped }
            members[index].nextTurn = now
            return .done(action)
        case .announce, .recordHistory, .resumeReplay:
            if action == .recordHistory { recordHistory(member) }
            return .done(action)
        case .releaseLeaderKey:
            release(index)
            return .written(action, .written(nil))
        case .clearFailoverRequest: change { $0.failover = nil }
        case .writeInitialize(let identifier): store.initialize = .done(identifier)
        case .cancelInitialize: store.initialize = .absent
        case .restoreConfiguration:
            store.configuration = StoredConfiguration(values: ["ttl": 30], version: KeyVersion(1))
        }
        return .written(action, .written(nil))
    }

    private mutating func leaderKey(_ action: Action, _ index: Int) -> Learned {
        let name = members[index].name
        let isFree = store.isUnlocked && action == .acquireLeaderKey
        guard isFree || store.leader?.name == name else {
            members[index].lease = .none
            return .leaderKey(action, .lostTo(store.leader?.name), .none)
        }
        members[index].failsafe.promise = nil
        keyExpires = now + members[index].settings.ttl
        members[index].lease = .held(until: keyExpires)
        change { $0.leader = Leader(name: name) }
        return .leaderKey(action, .held, members[index].lease)
    }

    mutating func release(_ index: Int) {
        members[index].lease = .none
        if store.leader?.name == members[index].name { change { $0.leader = nil } }
    }

    private mutating func recordHistory(_ member: ModelMember) {
        let rows = member.log.branches.dropLast().map {
            TimelineHistory.Row(timeline: Timeline($0.timeline), switchpoint: LSN($0.end), reason: "promoted")
        }
        store.history = TimelineHistory(rows: Array(rows))
    }

    mutating func newWriter() -> Int {
        writers += 1
        return writers
    }
}

extension Action {
    fileprivate var needsStore: Bool {
        switch self {
        case .begin, .cancelJob, .announce, .recordHistory: false
        default: true
        }
    }
}
