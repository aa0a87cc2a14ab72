// The store itself: one copy of the truth, changed by one request after the other, with sessions that run out.

import PatroniCore
import PatroniPorts

/// As etcd keeps a cluster's keys, and as PathStore reads and writes them. Values are kept as what they mean, not as text.
struct ModelStore {
    private(set) var cluster = Cluster()
    private(set) var revision: Int64 = 1
    /// Session → when it ends.
    private(set) var sessions: [Int: Session] = [:] {
        didSet { nextExpiry = sessions.values.lazy.map { $0.ends }.min() }
    }
    private(set) var nextExpiry: Moment?
    private var lastSession = 0
    private var leaderSession: Int?
    private var memberSessions: [MemberName: Int] = [:]
    private var memberObjects: [MemberName: JSONObject] = [:]
    /// While it is undecided whose claim it is, the initialize key hangs on the claimant's session.
    private var claim: (session: Int, version: KeyVersion)?
    private var failoverVersion: KeyVersion?
    private var syncVersion: KeyVersion?
    /// What changed since it was last asked.
    private(set) var changed: [StoreNews] = []

    struct Session {
        var ttl: Duration
        var ends: Moment
    }

    enum StoreNews: Hashable {
        case leader(MemberName?)
        /// The first one wakes nobody.
        case configuration(isFirst: Bool)
        case failover, sync, initialize, status, history
        case member(MemberName)
    }

    mutating func takeChanges() -> [StoreNews] {
        defer { changed = [] }
        return changed
    }

    private mutating func bump(_ news: StoreNews) -> KeyVersion {
        revision += 1
        changed.append(news)
        return KeyVersion(revision)
    }

    // MARK: sessions

    mutating func grant(_ ttl: Duration, at now: Moment) -> Int {
        lastSession += 1
        sessions[lastSession] = Session(ttl: ttl, ends: now + ttl)
        return lastSession
    }

    mutating func keepAlive(_ session: Int, at now: Moment) -> Bool {
        guard let ttl = sessions[session]?.ttl else { return false }
        sessions[session]?.ends = now + ttl
        return true
    }

    /// After an outage etcd gives every lease its full time again.
    mutating func extendAll(at now: Moment) {
        sessions = sessions.mapValues { Session(ttl: $0.ttl, ends: now + $0.ttl) }
    }

    mutating func expire(at now: Moment) {
        guard let nextExpiry, nextExpiry <= now else { return }
        let gone = sessions.filter { $0.value.ends <= now }.keys.sorted()
        for session in gone {
            sessions[session] = nil
            if claim?.session == session { _ = cancelInitialize() }
            if leaderSession == session { removeLeader() }
            let names = memberSessions.filter { $0.value == session }.keys.sorted()
            for name in names { removeMember(name) }
        }
    }

    private mutating func removeLeader() {
        cluster.leader = nil
        leaderSession = nil
        _ = bump(.leader(nil))
    }

    // MARK: the leader key

    /// The new holder, or who holds it already; nil: the session is gone.
    mutating func acquire(_ name: MemberName, _ session: Int, _ claim: LeaderClaim = .race) -> LeaderKeyOutcome? {
        guard sessions[session] != nil else { return nil }
        if claim == .renewal, cluster.leader == nil { return .lostTo(nil) }
        if let leader = cluster.leader {
            guard leader.name == name else { return .lostTo(leader.name) }
            if leaderSession == session { return .held }
        }
        leaderSession = session
        let version = bump(.leader(name))
        cluster.leader = Leader(name: name, version: version, session: String(session))
        return .held
    }

    mutating func release(_ name: MemberName, status: ClusterStatus?) -> WriteOutcome {
        guard let leader = cluster.leader else { return .written(nil) }
        guard leader.name == name else { return .conflict }
        if let status { _ = write(status: status) }
        removeLeader()
        return .written(nil)
    }

    // MARK: members

    mutating func publish(_ name: MemberName, _ object: JSONObject, _ session: Int) -> WriteOutcome? {
        guard sessions[session] != nil else { return nil }
        memberSessions[name] = session
        let version = bump(.member(name))
        if memberObjects[name] == object { return .written(version) }
        memberObjects[name] = object
        let member = Member(name: name, object: object)
        if let index = cluster.members.firstIndex(where: { $0.name == name }) {
            cluster.members[index] = member
        } else {
            cluster.members.append(member)
            cluster.members.sort { $0.name < $1.name }
        }
        return .written(version)
    }

    mutating func removeMember(_ name: MemberName) {
        guard memberObjects[name] != nil else { return }
        memberSessions[name] = nil
        memberObjects[name] = nil
        cluster.members.removeAll { $0.name == name }
        _ = bump(.member(name))
    }

    // MARK: other keys

    mutating func write(status: ClusterStatus) -> WriteOutcome {
        cluster.status = status
        return .written(bump(.status))
    }

    mutating func write(history: TimelineHistory) -> WriteOutcome {
        cluster.history = history
        return .written(bump(.history))
    }

    mutating func write(failsafe: [MemberName: String]) -> WriteOutcome {
        cluster.failsafe = failsafe
        return .written(bump(.status))
    }

    mutating func write(failover request: FailoverRequest?, ifVersion version: KeyVersion?) -> WriteOutcome {
        if let version, version != failoverVersion { return .conflict }
        let new = bump(.failover)
        failoverVersion = new
        cluster.failover = request
        cluster.failover?.version = new
        return .written(new)
    }

    mutating func write(configuration values: JSONObject, ifVersion version: KeyVersion?) -> WriteOutcome {
        if let version, version != cluster.configuration?.version { return .conflict }
        let new = bump(.configuration(isFirst: cluster.configuration == nil))
        cluster.configuration = StoredConfiguration(values: values, version: new)
        return .written(new)
    }

    mutating func restore(configuration values: JSONObject) -> WriteOutcome {
        cluster.configuration == nil ? write(configuration: values, ifVersion: nil) : .conflict
    }

    /// Here nil means "only if it is absent".
    mutating func write(sync state: SyncState, ifVersion version: KeyVersion?) -> WriteOutcome {
        if version != syncVersion { return .conflict }
        let new = bump(.sync)
        syncVersion = new
        cluster.sync = state
        cluster.sync.version = new
        return .written(new)
    }

    /// The version of the claim, or nil when there is a key already.
    mutating func claimInitialize(_ session: Int) -> KeyVersion? {
        guard sessions[session] != nil, cluster.initialize == .absent else { return nil }
        cluster.initialize = .inProgress
        let version = bump(.initialize)
        claim = (session, version)
        return version
    }

    /// From now on the claim stays, whatever becomes of the session.
    mutating func keepClaim(_ version: KeyVersion) -> WriteOutcome {
        guard let claim, claim.version == version else { return .conflict }
        self.claim = nil
        return .written(bump(.initialize))
    }

    mutating func write(initialize identifier: SystemIdentifier) -> WriteOutcome {
        cluster.initialize = .done(identifier)
        claim = nil
        return .written(bump(.initialize))
    }

    mutating func cancelInitialize() -> WriteOutcome {
        claim = nil
        if cluster.initialize == .absent { return .written(nil) }
        cluster.initialize = .absent
        return .written(bump(.initialize))
    }

    // MARK: the end

    /// Everything goes at once; the news are in the order of the keys.
    mutating func deleteAll() -> WriteOutcome {
        var news: [StoreNews] = []
        if cluster.configuration != nil { news.append(.configuration(isFirst: false)) }
        if failoverVersion != nil { news.append(.failover) }
        if cluster.history != nil { news.append(.history) }
        if cluster.initialize != .absent { news.append(.initialize) }
        if cluster.leader != nil { news.append(.leader(nil)) }
        news += cluster.members.map { .member($0.name) }
        if cluster.status != ClusterStatus() { news.append(.status) }
        if syncVersion != nil { news.append(.sync) }
        cluster = Cluster()
        claim = nil
        leaderSession = nil
        memberSessions = [:]
        memberObjects = [:]
        failoverVersion = nil
        syncVersion = nil
        if !news.isEmpty { revision += 1 }
        changed += news
        return .written(nil)
    }
}
