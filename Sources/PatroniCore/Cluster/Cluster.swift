// Everything the store says about one cluster, read at one moment.

/// The leader key: who holds it, and under which session.
public struct Leader: Sendable, Hashable, Codable {
    public var name: MemberName
    public var version: KeyVersion?
    /// The lease or session the key hangs on, in the store's words; nil when the store has none.
    public var session: String?

    public init(name: MemberName, version: KeyVersion? = nil, session: String? = nil) {
        self.name = name
        self.version = version
        self.session = session
    }
}

/// The `initialize` key (DCS-001, DCS-191).
public enum InitializeKey: Sendable, Hashable, Codable {
    /// The cluster has never been initialised: anybody may begin.
    case absent
    /// Somebody is bootstrapping: keep off.
    case inProgress
    case done(SystemIdentifier)
    /// The text is no system identifier.
    case invalid(String)

    public init(stored text: String?) {
        switch text {
        case nil: self = .absent
        case "": self = .inProgress
        case let text?: self = SystemIdentifier(text).map(InitializeKey.done) ?? .invalid(text)
        }
    }

    public var identifier: SystemIdentifier? { if case .done(let value) = self { value } else { nil } }
}

/// The dynamic configuration as stored (`config`, DCS-002), with the version for compare-and-swap.
public struct StoredConfiguration: Sendable, Hashable, Codable {
    public var values: JSONObject
    public var version: KeyVersion

    public init(values: JSONObject, version: KeyVersion) {
        self.values = values
        self.version = version
    }
}

/// One consistent view of a cluster.
public struct Cluster: Sendable, Hashable, Codable {
    public var initialize: InitializeKey = .absent
    /// Nil when the key is missing, empty or no JSON object.
    public var configuration: StoredConfiguration?
    public var leader: Leader?
    public var status = ClusterStatus()
    /// Sorted by name.
    public var members: [Member] = []
    public var failover: FailoverRequest?
    public var sync: SyncState = .none
    public var history: TimelineHistory?
    /// Member → REST address, for failsafe mode; nil when the key is missing or no object.
    public var failsafe: [MemberName: String]?
    /// Problems met while reading, for the log: a malformed value is named, not guessed.
    public var complaints: [String] = []

    public init() {}

    public func member(_ name: MemberName?) -> Member? { members.first { $0.name == name } }
    public var leaderMember: Member? { leader.flatMap { member($0.name) } }
    public var isUnlocked: Bool { leader == nil || leader?.name.text.isEmpty == true }

    /// The timeline the history names; nil when there is none yet.
    public var timeline: Timeline? { history?.current }

    /// Everything is known by name, but no member is there: a cluster that never started.
    public var isEmpty: Bool { initialize == .absent && leader == nil && members.isEmpty && configuration == nil }
}
