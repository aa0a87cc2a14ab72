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

    /// The settings in a stored text; nil when it is no object.
    static func values(of text: String) throws(JSONError) -> JSONObject? { try JSON.parse(text).object }

    /// Does it hold settings? What does not counts as missing, and the leader replaces it.
    public static func isReadable(_ text: String) -> Bool { (try? values(of: text)) != nil }
}

/// One consistent view of a cluster.
public struct Cluster: Sendable, Hashable {
    private struct Keys: Sendable, Hashable, Codable {
        var initialize: InitializeKey = .absent
        var configuration: StoredConfiguration?
        var leader: Leader?
        var status = ClusterStatus()
        var members: [Member] = []
        var failover: FailoverRequest?
        var sync: SyncState = .none
        var history: TimelineHistory?
        var failsafe: [MemberName: String]?
        var complaints: [String] = []
    }

    /// Exactly one: a turn hands its cluster on dozens of times, and an array is copied when somebody changes it, not
    /// before.
    private var keys = [Keys()]

    public init() {}

    public var initialize: InitializeKey {
        get { keys[0].initialize }
        set { keys[0].initialize = newValue }
    }

    /// Nil when the key is missing, empty or no JSON object.
    public var configuration: StoredConfiguration? {
        get { keys[0].configuration }
        set { keys[0].configuration = newValue }
    }

    public var leader: Leader? {
        get { keys[0].leader }
        set { keys[0].leader = newValue }
    }

    public var status: ClusterStatus {
        get { keys[0].status }
        set { keys[0].status = newValue }
    }

    /// Sorted by name.
    public var members: [Member] {
        get { keys[0].members }
        set { keys[0].members = newValue }
    }

    public var failover: FailoverRequest? {
        get { keys[0].failover }
        set { keys[0].failover = newValue }
    }

    public var sync: SyncState {
        get { keys[0].sync }
        set { keys[0].sync = newValue }
    }

    public var history: TimelineHistory? {
        get { keys[0].history }
        set { keys[0].history = newValue }
    }

    /// Member → REST address, for failsafe mode; nil when the key is missing or no object.
    public var failsafe: [MemberName: String]? {
        get { keys[0].failsafe }
        set { keys[0].failsafe = newValue }
    }

    /// Problems met while reading, for the log: a malformed value is named, not guessed.
    public var complaints: [String] {
        get { keys[0].complaints }
        set { keys[0].complaints = newValue }
    }

    public func member(_ name: MemberName?) -> Member? { members.first { $0.name == name } }
    public var leaderMember: Member? { leader.flatMap { member($0.name) } }
    public var isUnlocked: Bool { leader == nil || leader?.name.text.isEmpty == true }

    /// Is there a key of this member's?
    public func hasMember(_ name: MemberName) -> Bool { members.contains { $0.name == name } }

    /// The timeline the history names; nil when there is none yet.
    public var timeline: Timeline? { history?.current }

    /// Everything is known by name, but no member is there: a cluster that never started.
    public var isEmpty: Bool { initialize == .absent && leader == nil && members.isEmpty && configuration == nil }
}

extension Cluster: Codable {
    public init(from decoder: any Decoder) throws { keys = [try Keys(from: decoder)] }
    public func encode(to encoder: any Encoder) throws { try keys[0].encode(to: encoder) }
}
