// What this member knows about itself at one moment: the only thing that health checks look at.

import PatroniCore
import Synchronization

/// An immutable picture, published by the agent after every look and every turn. It says when the looks were taken, so
/// that a hung loop or a hung PostgreSQL turns health checks negative by itself.
public struct StatusSnapshot: Sendable, Hashable {
    public var name: MemberName
    public var scope: String
    /// Our version as text, for `patroni.version` and metrics.
    public var version: String

    // MARK: PostgreSQL

    /// What the agent believes the server is doing.
    public var state: MemberState
    /// Our own idea of the role; what SQL says counts more when it is known (API-055, API-068).
    public var role: MemberRole
    /// What the last look found.
    public var server: ServerStatus
    /// When ``server`` was looked at.
    public var serverSeen: Moment
    /// How old ``server`` may be and still count; nil: `loop_wait` + `retry_timeout`.
    public var maximumAge: Duration?
    public var walSenders: [WalSender]
    public var systemIdentifier: SystemIdentifier?
    public var pendingRestartReason: JSONObject?
    public var scheduledRestart: ScheduledRestart?

    // MARK: the cluster

    /// The last view of the store; nil: there is none, or the store can't be reached (API-046).
    public var cluster: Cluster?
    public var settings: ClusterSettings
    /// Seconds since 1970 (API-081).
    public var dcsLastSeen: Int64
    /// What the last known `failsafe` key says; nil when it holds no map (API-064).
    public var failsafeMembers: [MemberName: String]?
    /// Until then a primary goes on without the store, this one or one that asked us (API-080).
    public var failsafeUntil: Moment?

    // MARK: this member

    /// The effective tags, as published.
    public var tags: Tags
    /// We are the leader until then: ttl after the start of the last successful renewal (API-052).
    public var leaderUntil: Moment?
    /// When the next turn of the loop is due at the latest (API-056).
    public var nextTurn: Moment
    public var hasWatchdogFailed: Bool
    /// Records waiting to be logged; shown when more than two (API-088).
    public var logQueueSize: Int
    public var logRecordsLost: Int

    public init(
        name: MemberName, scope: String, version: String, state: MemberState = .stopped,
        role: MemberRole = .uninitialized, server: ServerStatus = .stopped, serverSeen: Moment,
        maximumAge: Duration? = nil, walSenders: [WalSender] = [], systemIdentifier: SystemIdentifier? = nil,
        pendingRestartReason: JSONObject? = nil, scheduledRestart: ScheduledRestart? = nil, cluster: Cluster? = nil,
        settings: ClusterSettings = ClusterSettings(), dcsLastSeen: Int64 = 0,
        failsafeMembers: [MemberName: String]? = [:], failsafeUntil: Moment? = nil, tags: Tags = Tags(),
        leaderUntil: Moment? = nil, nextTurn: Moment, hasWatchdogFailed: Bool = false, logQueueSize: Int = 0,
        logRecordsLost: Int = 0
    ) {
        self.name = name
        self.scope = scope
        self.version = version
        self.state = state
        self.role = role
        self.server = server
        self.serverSeen = serverSeen
        self.maximumAge = maximumAge
        self.walSenders = walSenders
        self.systemIdentifier = systemIdentifier
        self.pendingRestartReason = pendingRestartReason
        self.scheduledRestart = scheduledRestart
        self.cluster = cluster
        self.settings = settings
        self.dcsLastSeen = dcsLastSeen
        self.failsafeMembers = failsafeMembers
        self.failsafeUntil = failsafeUntil
        self.tags = tags
        self.leaderUntil = leaderUntil
        self.nextTurn = nextTurn
        self.hasWatchdogFailed = hasWatchdogFailed
        self.logQueueSize = logQueueSize
        self.logRecordsLost = logRecordsLost
    }

    public func isFailsafeActive(at now: Moment) -> Bool { failsafeUntil.map { now < $0 } ?? false }
    public func isLeader(at now: Moment) -> Bool { leaderUntil.map { now < $0 } ?? false }
}

/// Where the agent puts its snapshots and the REST API takes them, without waiting for each other.
public final class StatusHolder: Sendable {
    private let value: Mutex<StatusSnapshot>

    public init(_ first: StatusSnapshot) { value = Mutex(first) }

    public var current: StatusSnapshot { value.withLock { $0 } }
    public func publish(_ snapshot: StatusSnapshot) { value.withLock { $0 = snapshot } }
}
