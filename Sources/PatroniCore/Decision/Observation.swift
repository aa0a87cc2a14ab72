// Everything this member knows at one moment. Built by the shell, read by the rules, nothing else goes in.

/// One look at the world, before anything is decided.
public struct Observation: Sendable, Hashable, Codable {
    public var now: Moment
    public var wallTime: WallTime
    public var me: MemberName
    public var tags: Tags
    public var settings: ClusterSettings
    public var store: StoreView
    /// The last view that had a leader: member keys expire together with the leader key, and a race among the members
    /// that happen to be left would forget somebody (HA-383).
    public var lastClusterWithLeader: Cluster?
    public var directory: DataDirectory
    public var server: ServerStatus
    /// Where the running server's timeline began, by its own history file; nil on timeline 1 and when it can't be read.
    public var ownBeginning: TimelineHistory.Row?
    /// The long task that is under way, if any. There is never more than one.
    public var job: JobUnderway?
    public var lease: Lease
    /// This member has a `bootstrap` section and may create the cluster (CFG-122).
    public var mayBootstrap: Bool
    /// A configured replica method needs no running member, only a backup (HA-065).
    public var mayCloneWithoutLeader: Bool
    /// Permanent logical slots that this standby has yet to copy from the primary (HA-273).
    public var missingSlots: [String]
    /// The operating system asked the agent to end.
    public var isShuttingDown: Bool
    public var failsafe: FailsafeView

    public init(
        now: Moment, wallTime: WallTime, me: MemberName, tags: Tags = Tags(),
        settings: ClusterSettings = ClusterSettings(), store: StoreView, lastClusterWithLeader: Cluster? = nil,
        directory: DataDirectory, server: ServerStatus, ownBeginning: TimelineHistory.Row? = nil,
        job: JobUnderway? = nil,
        lease: Lease = .none,
        mayBootstrap: Bool = true, mayCloneWithoutLeader: Bool = false, missingSlots: [String] = [],
        isShuttingDown: Bool = false, failsafe: FailsafeView = FailsafeView()
    ) {
        self.now = now
        self.wallTime = wallTime
        self.me = me
        self.tags = tags
        self.settings = settings
        self.store = store
        self.lastClusterWithLeader = lastClusterWithLeader
        self.directory = directory
        self.server = server
        self.ownBeginning = ownBeginning
        self.job = job
        self.lease = lease
        self.mayBootstrap = mayBootstrap
        self.mayCloneWithoutLeader = mayCloneWithoutLeader
        self.missingSlots = missingSlots
        self.isShuttingDown = isShuttingDown
        self.failsafe = failsafe
    }
}

/// What the store said this turn.
public enum StoreView: Sendable, Hashable, Codable {
    /// Indirect: a turn hands its observation on dozens of times, and a whole cluster is a lot to copy.
    indirect case cluster(Cluster)
    /// It gave no answer; that says nothing about who leads.
    case silent(StoreFailure)
}

/// Until when this member may believe that it holds the leader key. Counted from before the renewal was sent, so it
/// always ends before the store's own count does (HA-382).
public enum Lease: Sendable, Hashable, Codable {
    case none
    case held(until: Moment)

    public func isValid(at now: Moment) -> Bool {
        if case .held(let until) = self { now < until } else { false }
    }
}

/// A long task that runs beside the turns.
public struct JobUnderway: Sendable, Hashable, Codable {
    public var job: Job
    public var since: Moment
    /// What it does can't be taken back any more (a promotion that PostgreSQL has been told of).
    public var isPastReturn: Bool

    public init(job: Job, since: Moment, isPastReturn: Bool = false) {
        self.job = job
        self.since = since
        self.isPastReturn = isPastReturn
    }
}

/// What was found out or done in this turn, on the rules' demand.
public struct Facts: Sendable, Hashable, Codable {
    /// The members' own words about where they are.
    public var peers: [PeerStatus]?
    /// Whether the running standby follows whom it should.
    public var upstream: UpstreamState?
    public var renewal: LeaderKeyOutcome?
    public var acquisition: LeaderKeyOutcome?
    /// Whether the others agree that we go on without the store.
    public var failsafe: FailsafeAnswers?
    /// Whether the initialize key became ours.
    public var claim: WriteOutcome?
    /// What was done this turn, in order.
    public var performed: [Action] = []

    public init() {}
}

/// How the recovery settings of the running standby compare with what they should be.
public enum UpstreamState: String, Sendable, Hashable, Codable {
    case asWanted
    /// A reload brings them in force.
    case needsReload
    case needsRestart
}
