// Nobody leads: what stands against each member, as one of them sees it.

/// Everybody who could lead, with what stands in the way.
public struct Standoff: Sendable, Hashable, Codable {
    public struct Candidate: Sendable, Hashable, Codable {
        public var name: MemberName
        /// Nil: nothing; the key is this member's to take.
        public var obstacle: Obstacle?

        public init(_ name: MemberName, _ obstacle: Obstacle?) {
            self.name = name
            self.obstacle = obstacle
        }

        public var text: String { "\(name) \(obstacle?.description ?? "is free to take the leader key")" }
    }

    public var me: MemberName
    public var formerLeader: MemberName?
    /// Sorted by name, this member among them.
    public var candidates: [Candidate]

    public init(me: MemberName, formerLeader: MemberName? = nil, candidates: [Candidate]) {
        self.me = me
        self.formerLeader = formerLeader
        self.candidates = candidates.sorted { $0.name < $1.name }
    }

    public subscript(name: MemberName) -> Obstacle? { candidates.first { $0.name == name }?.obstacle }

    /// The log line.
    public var text: String {
        "nobody leads" + (formerLeader.map { " (it was \($0))" } ?? "") + ": "
            + candidates.map { $0.name == me ? "\($0.text) (this member)" : $0.text }.joined(separator: "; ")
    }

    /// Without numbers that change while nothing happens.
    var gist: [MemberName: String] {
        Dictionary(candidates.map { ($0.name, $0.obstacle?.word ?? "") }, uniquingKeysWith: { first, _ in first })
    }
}

extension Standoff {
    /// Nil when somebody leads, or is about to: then there is nothing to explain. Before the cluster exists there is
    /// nobody to promote.
    public init?(_ now: Situation, end: Reason, peers: [PeerStatus]? = nil) {
        guard let cluster = now.cluster, cluster.isUnlocked, case .done = cluster.initialize,
            now.facts.acquisition != .held
        else { return nil }
        let answers = peers ?? now.facts.peers
        let others = now.everybodyElse.map { member in
            Candidate(member.name, now.obstacle(for: member, among: answers))
        }
        self.init(
            me: now.me, formerLeader: now.observation.lastClusterWithLeader?.leader?.name,
            candidates: others + [Candidate(now.me, end.obstacle(now))])
    }
}

extension Situation {
    /// Members of the current view and of the last one with a leader, asked or not.
    fileprivate var everybodyElse: [Member] {
        var known: [MemberName: Member] = [:]
        for member in (observation.lastClusterWithLeader?.members ?? []) + (cluster?.members ?? [])
        where member.name != me { known[member.name] = member }
        return known.values.sorted { $0.name < $1.name }
    }

    /// What would keep `member` from leading, by its own rules, as far as it can be seen from here.
    func obstacle(for member: Member, among answers: [PeerStatus]?) -> Obstacle? {
        guard let peer = answers?.first(where: { $0.name == member.name }) else {
            return standing(of: member) ?? general(for: member.name, member.tags) ?? .notAsked
        }
        guard let answer = peer.answer else { return standing(of: member) ?? .unreachable }
        let tags = cluster?.member(member.name)?.tags ?? answer.tags
        if !answer.isInRecovery, answer.position != nil { return tags.mayLead ? .primaryWithoutKey : .notAllowed }
        if let obstacle = general(for: member.name, tags) ?? obstacle(for: peer) { return obstacle }
        return rivals(of: peer, answers ?? [])
    }

    /// What its own entry in the store says about its server, when that explains a silence.
    private func standing(of member: Member) -> Obstacle? {
        switch cluster?.member(member.name)?.state {
        case .starting, .restarting, .startingAfterCustomBootstrap: .starting
        case .initializing, .creatingReplica, .runningCustomBootstrap: .withoutData
        case .stopped, .crashed, .startFailed, .restartFailed, .stopFailed, .stopping: .notRunning
        case .running, .initdbFailed, .customBootstrapFailed, nil: nil
        }
    }

    /// What can be said without asking.
    private func general(for name: MemberName, _ tags: Tags) -> Obstacle? {
        if !tags.mayLead { return .notAllowed }
        if isPaused { return request?.candidate == name ? nil : .paused }
        if let candidate = request?.candidate, candidate != name, RaceOnRequest.isDue(self) {
            return .notChosen(candidate)
        }
        if settings.isSynchronous, let sync = cluster?.sync, !sync.isEmpty, !sync.contains(name),
            !(request?.isSwitchover == false && request?.candidate == name)
        {
            return .notSynchronous
        }
        return nil
    }

    /// Somebody who answers has more, or the same and a higher priority.
    private func rivals(of peer: PeerStatus, _ answers: [PeerStatus]) -> Obstacle? {
        guard let position = peer.answer?.position else { return .notRunning }
        var rivals = answers.compactMap { other in
            other.name == peer.name ? nil : other.answer.flatMap { answer in rival(other.name, answer) }
        }
        if mayLead, let running { rivals.append((me, running.position, observation.tags.failoverPriority)) }
        if let ahead = rivals.filter({ $0.position > position }).max(by: { $0.position < $1.position }) {
            return .behind(ahead.name, position.lag(behind: ahead.position))
        }
        let ours = (cluster?.member(peer.name)?.tags ?? peer.answer?.tags ?? Tags()).failoverPriority
        if let better = rivals.first(where: { $0.position == position && $0.priority > ours }) {
            return .lowerPriority(than: better.name, theirs: better.priority, ours: ours)
        }
        return nil
    }

    private typealias Rival = (name: MemberName, position: LSN, priority: Int)

    private func rival(_ name: MemberName, _ answer: PeerAnswer) -> Rival? {
        let tags = cluster?.member(name)?.tags ?? answer.tags
        guard tags.mayLead, !answer.hasWatchdogFailed, let position = answer.position else { return nil }
        return (name, position, tags.failoverPriority)
    }
}
