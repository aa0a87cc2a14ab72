// What a member says about its PostgreSQL, in the words that stand in the store.

/// `state` of a member (DCS-014). The order is that of `patroni_postgres_state` (API-126).
public enum MemberState: String, Sendable, Hashable, Codable, CaseIterable {
    case initializing = "initializing new cluster"
    case initdbFailed = "initdb failed"
    case runningCustomBootstrap = "running custom bootstrap script"
    case customBootstrapFailed = "custom bootstrap failed"
    case creatingReplica = "creating replica"
    case running
    case starting
    case startingAfterCustomBootstrap = "starting after custom bootstrap"
    case startFailed = "start failed"
    case restarting
    case restartFailed = "restart failed"
    case stopping
    case stopped
    case stopFailed = "stop failed"
    case crashed
}

/// `role` of a member (DCS-015).
public enum MemberRole: String, Sendable, Hashable, Codable, CaseIterable {
    case primary
    case standbyLeader = "standby_leader"
    case replica
    case demoted
    case uninitialized
    /// Promotion was ordered and has not come through yet; shown to callbacks as `primary`.
    case promoted

    /// Reads the word of any version; members older than 4.0 say `master` (DCS-015).
    public init?(word: String) {
        if word == "master" { self = .primary } else { self.init(rawValue: word) }
    }

    /// The role that callbacks are told (HA-302, HA-415).
    public var callbackName: String { self == .promoted ? MemberRole.primary.rawValue : rawValue }
}
