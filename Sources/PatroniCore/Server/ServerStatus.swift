// What this member's own PostgreSQL is doing, as one look found it.

/// The data directory before anything is started.
public enum DataDirectory: Sendable, Hashable, Codable {
    /// Missing or without anything in it: a place for a new cluster or a new replica.
    case empty
    /// It can't be looked into: never the same as empty (HA-391).
    case inaccessible(String)
    /// There are files, but no system identifier could be read (HA-029).
    case unreadable(String)
    case holds(ControlData)
}

/// What `pg_controldata` says.
public struct ControlData: Sendable, Hashable, Codable {
    public var systemIdentifier: SystemIdentifier
    public var state: ControlState
    /// Timeline of the latest checkpoint.
    public var timeline: Timeline?
    public var checkpoint: LSN?
    public var minimumRecoveryEnd: LSN?
    public var minimumRecoveryTimeline: Timeline?
    /// wal_log_hints or data checksums are on: pg_rewind can work.
    public var allowsRewind: Bool

    public init(
        systemIdentifier: SystemIdentifier, state: ControlState, timeline: Timeline? = nil, checkpoint: LSN? = nil,
        minimumRecoveryEnd: LSN? = nil, minimumRecoveryTimeline: Timeline? = nil, allowsRewind: Bool = false
    ) {
        self.systemIdentifier = systemIdentifier
        self.state = state
        self.timeline = timeline
        self.checkpoint = checkpoint
        self.minimumRecoveryEnd = minimumRecoveryEnd
        self.minimumRecoveryTimeline = minimumRecoveryTimeline
        self.allowsRewind = allowsRewind
    }
}

extension ControlData {
    /// A promotion shows in the checkpoint's timeline only after its first checkpoint, but at once in the other one.
    public var newestTimeline: Timeline? { [timeline, minimumRecoveryTimeline].compactMap { $0 }.max() }
}

/// "Database cluster state" in pg_control.
public enum ControlState: String, Sendable, Hashable, Codable {
    case startingUp = "starting up"
    case shutDown = "shut down"
    case shutDownInRecovery = "shut down in recovery"
    case shuttingDown = "shutting down"
    case inCrashRecovery = "in crash recovery"
    case inArchiveRecovery = "in archive recovery"
    case inProduction = "in production"

    /// Stopped without a checkpoint at the end: it did not go down on its own will.
    public var isUnclean: Bool { self != .shutDown && self != .shutDownInRecovery }
    /// It last ran as a primary, cleanly stopped or not.
    public var wasPrimary: Bool {
        switch self {
        case .shutDown, .shuttingDown, .inProduction, .inCrashRecovery: true
        case .startingUp, .shutDownInRecovery, .inArchiveRecovery: false
        }
    }
}

/// The server process and what it answers.
public enum ServerStatus: Sendable, Hashable, Codable {
    /// No postmaster.
    case stopped
    /// A postmaster that does not accept connections yet.
    case starting
    /// A postmaster that accepts connections and answered.
    case running(RunningServer)
    /// A postmaster that did not answer within its deadline: busy, hung or its disk is gone.
    case unresponsive(String)

    public var running: RunningServer? { if case .running(let server) = self { server } else { nil } }
    public var hasPostmaster: Bool { self != .stopped }
    public var isPrimary: Bool { running?.isPrimary ?? false }
}

/// An answering server.
public struct RunningServer: Sendable, Hashable, Codable {
    public enum Recovery: Sendable, Hashable, Codable {
        /// Not in recovery: a primary that accepts writes up to `position`.
        case primary(position: LSN)
        case standby(StandbyProgress)
    }

    public var recovery: Recovery
    public var timeline: Timeline?
    /// As in `server_version_num`, e.g. 150018.
    public var version: Int
    public var postmasterStart: WallTime?

    public init(recovery: Recovery, timeline: Timeline?, version: Int, postmasterStart: WallTime? = nil) {
        self.recovery = recovery
        self.timeline = timeline
        self.version = version
        self.postmasterStart = postmasterStart
    }

    public var isPrimary: Bool { if case .primary = recovery { true } else { false } }
    public var standby: StandbyProgress? { if case .standby(let progress) = recovery { progress } else { nil } }

    /// The position that counts in a leader race: written, or the larger of received and replayed.
    public var position: LSN {
        switch recovery {
        case .primary(let position): position
        case .standby(let progress): progress.position
        }
    }
}

/// How far a standby is.
public struct StandbyProgress: Sendable, Hashable, Codable {
    public var received: LSN?
    public var replayed: LSN
    /// `streaming`, `in archive recovery`, or nil when neither.
    public var replicationState: String?
    /// Where the running server streams from, `host:port`; nil when it doesn't stream.
    public var upstream: Endpoint?
    public var isReplayPaused: Bool
    public var replayedTimestamp: WallTime?
    /// The newest position of the upstream the receiver heard of.
    public var latestUpstreamEnd: LSN?

    public init(
        received: LSN?, replayed: LSN, replicationState: String? = nil, upstream: Endpoint? = nil,
        isReplayPaused: Bool = false, replayedTimestamp: WallTime? = nil, latestUpstreamEnd: LSN? = nil
    ) {
        self.received = received
        self.replayed = replayed
        self.replicationState = replicationState
        self.upstream = upstream
        self.isReplayPaused = isReplayPaused
        self.replayedTimestamp = replayedTimestamp
        self.latestUpstreamEnd = latestUpstreamEnd
    }

    public var position: LSN { max(received ?? .zero, replayed) }
}

/// How PostgreSQL is stopped.
public enum StopMode: String, Sendable, Hashable, Codable {
    case smart
    case fast
    /// Without a checkpoint: crash recovery follows.
    case immediate
}
