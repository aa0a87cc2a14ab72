// Failsafe mode seen from a standby: the promise not to take over, given to a primary that has lost the store.

/// "Go on; I don't take over before `until`." Forgotten only by time.
public struct FailsafePromise: Sendable, Hashable, Codable {
    public var leader: MemberName
    public var connectionURL: String?
    public var apiURL: String?
    /// Where the leader's replication slots stand (HA-214, HA-217).
    public var slots: [String: LSN]?
    public var until: Moment

    public init(
        leader: MemberName, connectionURL: String? = nil, apiURL: String? = nil, slots: [String: LSN]? = nil,
        until: Moment
    ) {
        self.leader = leader
        self.connectionURL = connectionURL
        self.apiURL = apiURL
        self.slots = slots
        self.until = until
    }

    public func isValid(at now: Moment) -> Bool { now < until }

    /// The cluster with its leader, whom the store has forgotten, and with where its slots are (HA-217).
    public func applied(to cluster: Cluster) -> Cluster {
        var result = cluster
        result.leader = Leader(name: leader)
        if let slots { result.status.slots = slots }
        if !result.members.contains(where: { $0.name == leader }) {
            result.members.append(Member(name: leader))
            result.members.sort { $0.name < $1.name }
        }
        for index in result.members.indices {
            let member = result.members[index]
            if member.name == leader {
                result.members[index].connectionURL = connectionURL ?? member.connectionURL
                result.members[index].apiURL = apiURL ?? member.apiURL
                result.members[index].role = .primary
                result.members[index].state = .running
            } else if member.tags.upstream != nil, let position = slots?[member.name.slotName] {
                // Its slot on the leader stands still, the leader's word is newer than its own key (HA-215).
                result.members[index].position = position
            }
        }
        return result
    }
}

/// Why a member does not agree that another one goes on without the store.
public enum FailsafeRefusal: Sendable, Hashable, Codable {
    /// It leads itself, or is about to (API-203).
    case leadsItself
    /// It knows of another leader, who may still lead.
    case otherLeader(MemberName)

    public var text: String {
        switch self {
        case .leadsItself: "Running as a leader"
        case .otherLeader(let name): "Another leader is known: \(name)"
        }
    }
}

/// What this member knows about failsafe mode at one moment.
public struct FailsafeView: Sendable, Hashable, Codable {
    /// Whom to ask before going on without the store; nil: this member is not in the map, nobody can let it go on.
    public var circle: [MemberName: String]?
    /// What this member has promised to another.
    public var promise: FailsafePromise?
    /// Who held the leader key when the store was last read, and when that was.
    public var lastLeader: Sighting?
    /// Since when the agent runs; what it promised before, it does not know any more.
    public var startedAt: Moment?

    public struct Sighting: Sendable, Hashable, Codable {
        public var name: MemberName
        public var at: Moment

        public init(name: MemberName, at: Moment) {
            self.name = name
            self.at = at
        }
    }

    public init(
        circle: [MemberName: String]? = nil, promise: FailsafePromise? = nil, lastLeader: Sighting? = nil,
        startedAt: Moment? = nil
    ) {
        self.circle = circle
        self.promise = promise
        self.lastLeader = lastLeader
        self.startedAt = startedAt
    }

    /// The store as it is to be looked at: where it names nobody, the one who was promised to leads (HA-019).
    func applied(to store: StoreView, me: MemberName, at now: Moment) -> StoreView {
        guard case .cluster(let cluster) = store, cluster.isUnlocked, let promise, promise.isValid(at: now),
            promise.leader != me
        else { return store }
        return .cluster(promise.applied(to: cluster))
    }
}

extension Situation {
    /// The one to whom this member has promised not to take over.
    public var promisedTo: MemberName? {
        guard let promise = observation.failsafe.promise, promise.isValid(at: observation.now), promise.leader != me
        else { return nil }
        return promise.leader
    }

    /// May `asker` go on without the store? Nil: yes (HA-216). `isTakingTheKey`: a request for the leader key is under
    /// way, and nobody knows yet what comes of it.
    public func failsafeRefusal(to asker: MemberName, isTakingTheKey: Bool) -> FailsafeRefusal? {
        if asker == me || isTakingTheKey || mayBeWritable || willBeWritable { return .leadsItself }
        if leaseLeft > .zero || holdsLeaderKey { return .leadsItself }
        if let promised = promisedTo, promised != asker { return .otherLeader(promised) }
        // Whoever was seen with the key may have renewed it a moment before.
        if let last = observation.failsafe.lastLeader, last.name != asker, isWithin(settings.ttl, of: last.at) {
            return last.name == me ? .leadsItself : .otherLeader(last.name)
        }
        return nil
    }
}
