// One model server: its files, its process, whom it streams from and who streams from it.

import PatroniCore

/// A server's place in its fleet.
public struct ServerID: Sendable, Hashable, CustomStringConvertible {
    public let index: Int
    public init(_ index: Int) { self.index = index }
    public var description: String { "server \(index)" }
}

/// What the model assumes of PostgreSQL, the network and the application.
public struct ModelSettings: Sendable {
    /// Bytes a second that the application writes to whatever server accepts writes.
    public var writeRate: UInt64 = 4096
    /// How far writers run ahead of confirmations: each waits for its own commit, and there are only so many.
    public var window: UInt64 = 64 * 1024
    /// Bytes a second a standby catches up with.
    public var bandwidth: UInt64 = 50_000_000
    /// wal_retrieve_retry_interval.
    public var retryInterval: Duration = .seconds(5)
    /// wal_sender_timeout and wal_receiver_timeout.
    public var silenceLimit: Duration = .seconds(60)
    /// wal_keep_size.
    public var keptLog: UInt64 = 128 << 20
    /// A standby streams only through a slot of its name.
    public var needsSlots = false
    /// wal_log_hints or checksums are on.
    public var allowsRewind = true
    public var version = 150_018

    public init() {}
}

/// The data directory's content, as far as decisions depend on it.
public struct ModelFiles: Sendable, Hashable {
    public var identifier: SystemIdentifier
    public var state: ControlState
    /// The latest checkpoint: where it begins, and its timeline.
    public var checkpoint: LSN
    public var checkpointTimeline: Timeline
    /// Before this is replayed a standby is not consistent.
    public var minimumRecoveryEnd = LSN.zero
    public var minimumRecoveryTimeline: Timeline?
    public var log: ModelLog
    public var replayed: LSN
    /// The highest timeline there is a history file of.
    public var knownTimeline: Timeline
    /// Only an ordinary start knows where such a copy has to begin.
    public var hasBackupLabel = false
}

public enum ServerRole: Sendable, Hashable {
    case primary
    case standby(of: ServerID?)
}

/// What the process is doing.
public enum ServerPhase: Sendable, Hashable {
    case stopped
    /// Crash recovery, or just the time a start takes.
    case starting(asPrimary: Bool, until: Int64)
    /// A standby that lacks what makes it consistent: it streams, and lets nobody in.
    case recovering
    case standby
    case promoting(until: Int64)
    case primary
    /// Nobody gets in any more; `wasPrimary` writes a checkpoint first.
    case stopping(wasPrimary: Bool, until: Int64)
    /// The shutdown checkpoint is written and wants to be received by everybody who streams.
    case waitingForSenders

    /// Connections are let in.
    public var isOpen: Bool {
        switch self {
        case .standby, .promoting, .primary: true
        case .stopped, .starting, .recovering, .stopping, .waitingForSenders: false
        }
    }

    var hasSenders: Bool {
        switch self {
        case .standby, .promoting, .primary, .waitingForSenders: true
        case .stopping(let wasPrimary, _): wasPrimary
        case .stopped, .starting, .recovering: false
        }
    }

    var hasReceiver: Bool {
        switch self {
        case .standby, .recovering: true
        case .stopped, .starting, .promoting, .primary, .stopping, .waitingForSenders: false
        }
    }
}

/// A standby's end of a connection.
struct ModelReceiver: Sendable {
    enum State: Sendable, Equatable {
        /// Tries at this moment and then at regular intervals.
        case idle(firstTry: Int64)
        case connected(number: Int, lastHeard: Int64)
    }
    var state = State.idle(firstTry: 0)
    /// What has arrived while the server stood still: it is there as soon as somebody reads it.
    var unread: ModelLog?
    /// Received anything since the server's start.
    var hasReceived = false

    var connection: Int? { if case .connected(let number, _) = state { number } else { nil } }
}

/// The upstream's end of it: a row of pg_stat_replication.
struct ModelSender: Sendable {
    var standby: Int
    var number: Int
    var flushed: LSN
    var replayed: LSN
    var lastReply: Int64
    /// `streaming` rather than `catchup`.
    var isStreaming: Bool

    /// A reply of the standby.
    mutating func hear(_ heard: LSN, _ replayed: LSN, at now: Int64) {
        lastReply = now
        flushed = max(flushed, heard)
        self.replayed = max(self.replayed, min(replayed, heard))
    }
}

struct ModelSlot: Sendable {
    var name: String
    /// The server that streams through it.
    var owner: Int?
    var restart: LSN
}

public struct ModelServer: Sendable {
    public let name: MemberName
    public let endpoint: Endpoint
    public internal(set) var files: ModelFiles?
    /// A copy that was not finished lies there.
    public internal(set) var hasDebris = false
    public internal(set) var phase = ServerPhase.stopped
    /// SIGSTOP, or a machine that stands still: nothing moves, nothing answers.
    public internal(set) var isFrozen = false
    /// Nothing gets written any more.
    public internal(set) var isDiskStalled = false
    public internal(set) var upstream: ServerID?
    /// A stop that is obeyed as soon as the server moves again.
    var ordered: StopMode?
    /// The branch that this server itself writes when it is a primary; nil: its log is somebody else's.
    var ownWriter: LogWriter?
    /// When the postmaster was started.
    public internal(set) var started: Int64 = 0
    /// Grows with every start, so that whoever watches one knows it from the next.
    public internal(set) var starts = 0

    /// What is configured, and what reports say is in force; the rule itself follows a moment later.
    var names: String?
    var rule = ModelSyncRule.nobody
    var coming: (rule: ModelSyncRule, at: Int64)?

    /// The cluster's synchronous leader, now or before: what it acknowledges is promised.
    var isSynchronous = false

    var receiver = ModelReceiver()
    var senders: [ModelSender] = []
    var slots: [ModelSlot] = []
    var keptFrom = LSN.zero
    var track: ModelTrack

    init(name: MemberName, endpoint: Endpoint) {
        self.name = name
        self.endpoint = endpoint
        track = ModelTrack(at: 0, .zero)
    }

    public var end: LSN { files?.log.end ?? .zero }
    public var hasPostmaster: Bool { phase != .stopped }
    /// Things on disk move.
    var isWorking: Bool { !isFrozen && !isDiskStalled }

    // Where a server stands is: logs move with every step, and a server is a lot to copy.

    mutating func append(upTo end: LSN, at now: Int64) {
        files?.log.extend(to: end)
        track.note(at: now, end)
    }

    mutating func take(_ log: ModelLog, upTo end: LSN) {
        files?.log.take(log, upTo: end)
        receiver.hasReceived = true
    }

    /// False when nothing can be.
    mutating func replay() -> Bool {
        guard isWorking, let replayed = files?.replayed else { return false }
        let end = end
        guard end >= replayed else { return false }
        files?.replayed = end
        return true
    }
}

/// An operation that PostgreSQL would refuse.
public struct ModelFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public var explanation: String
    init(_ explanation: String) { self.explanation = explanation }
    public var description: String { explanation }
}
