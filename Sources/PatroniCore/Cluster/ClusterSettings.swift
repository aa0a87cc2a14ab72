// The dynamic settings the rules depend on, checked and typed.

/// What the cluster has agreed on in its `config` key, defaults filled in, ranges enforced.
public struct ClusterSettings: Sendable, Hashable, Codable {
    /// How long the leader key lives without renewal. Default 30 s, at least 20 s.
    public var ttl: Duration = .seconds(30)
    /// The longest pause between two turns. Default 10 s, at least 1 s.
    public var loopWait: Duration = .seconds(10)
    /// How long one operation on the store or on PostgreSQL may take, retries included. Default 10 s, at least 3 s.
    public var retryTimeout: Duration = .seconds(10)
    /// A member this far behind does not take over. Default 1 MiB.
    public var maximumLagOnFailover = ByteCount(1_048_576)
    /// Members on an older timeline do not take over.
    public var checkTimeline = false
    /// How long a primary may take to start before somebody else takes over; zero: at once. Default 300 s.
    public var primaryStartTimeout: Duration = .seconds(300)
    /// How long a stop may take before it becomes immediate, synchronous mode only; nil: no limit.
    public var primaryStopTimeout: Duration?
    /// Maintenance mode: nothing is promoted, demoted, started or stopped on its own (HA-166).
    public var isPaused = false
    public var synchronousMode: SynchronousMode = .off
    public var isSynchronousModeStrict = false
    public var synchronousNodeCount = 1
    /// A standby further behind is not synchronous; nil: however far.
    public var maximumLagOnSyncNode: ByteCount?
    public var isFailsafeModeEnabled = false
    /// How long a standby that still receives log holds back when the leader key is gone; zero: not at all.
    public var primaryRaceBackoff: Duration = .zero
    /// Where the standby cluster replicates from; nil: an ordinary cluster.
    public var standbyCluster: RemoteSource?
    /// How many rows of history are kept; 0: all.
    public var maximumHistoryRows = 0
    /// How long slots of absent members are kept. Default 1800 s.
    public var memberSlotsTTL: Duration = .seconds(1800)
    public var useSlots = true
    public var usePgRewind = false
    public var removeDataDirectoryOnRewindFailure = false
    public var removeDataDirectoryOnDivergedTimelines = false

    public init() {}

    /// How long before the end of its lease a primary begins to stop.
    public var safetyMargin: Duration { min(.seconds(5), ttl / 4) }
    public var isStandbyCluster: Bool { standbyCluster != nil }
    /// Synchronous replication is ignored in a standby cluster (HA-193).
    public var isSynchronous: Bool { synchronousMode != .off && !isStandbyCluster }
    /// The leader chooses the synchronous standbys.
    public var managesSynchronousStandbys: Bool { isSynchronous }
}

/// `synchronous_mode` (CFG-214).
public enum SynchronousMode: String, Sendable, Hashable, Codable {
    case off
    case on
    case quorum
}
