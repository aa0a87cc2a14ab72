// What the agent needs of its PostgreSQL. The real one is LocalDatabase; a simulator has its own.

import PatroniConfiguration
import PatroniCore
import PatroniPostgres

/// One member's PostgreSQL: looked at every turn, changed only by jobs.
///
/// Nothing here waits longer than its deadline, except the long tasks, which end at once when their task is cancelled.
package protocol ManagedServer: Sendable {
    /// The state of the data directory and the server. A standby on another timeline than `leaderTimeline` looks twice.
    func look(leaderTimeline: Timeline?, by deadline: Moment) async -> ServerLook
    func walSenders(by deadline: Moment) async -> [WalSender]
    /// Yields when a turn may find something new: a postmaster that we watched has ended, slots were made.
    var exits: AsyncStream<Void> { get }

    // Long tasks; each is the body of a ``Job``.
    func bootstrap(_ settings: BootstrapSettings) async throws(JobFailure)
    /// Moves what a failed bootstrap left out of the way, never deleting it (HA-055).
    func setAsideFailedBootstrap() async
    /// Fills the data directory; without a source only by methods that need none.
    func clone(from source: Member?) async throws(JobFailure)
    /// Fills the data directory from the primary of another cluster (HA-057).
    func clone(from remote: RemoteSource) async throws(JobFailure)
    /// A configured replica method needs nothing but a backup (HA-065).
    func canCloneWithoutLeader() async -> Bool
    func removeDataDirectory() async throws(JobFailure)
    func start(_ start: ServerStart, timeout: Duration) async throws(JobFailure)
    func stop(_ mode: StopMode, by deadline: Moment?) async throws(JobFailure)
    func checkpoint(by deadline: Moment) async throws(JobFailure)
    /// Ends when PostgreSQL accepts writes.
    func promote(
        by deadline: Moment, before leaseEnd: Moment, told: @Sendable () async -> Void
    ) async throws(JobFailure)
    func divergence(from leader: Member) async -> Divergence
    func rewind(from leader: Member) async -> RewindOutcome
    /// The same with the primary of the cluster that this standby cluster follows (HA-229).
    func divergence(from remote: RemoteSource) async -> Divergence
    func rewind(from remote: RemoteSource) async -> RewindOutcome

    /// Does the running standby follow `upstream`?
    func compare(with upstream: Upstream, by deadline: Moment) async -> UpstreamState
    func follow(_ upstream: Upstream, restart: Bool) async throws(JobFailure)
    /// Lets replay go on that PostgreSQL itself has paused, because its settings are lower than the primary's (HA-137).
    func resumeReplay(by deadline: Moment) async
    /// Fills the data directory with a base backup of `leader`, whatever methods are configured (HA-159).
    func cloneByBaseBackup(of leader: Member) async throws(JobFailure)
    /// Makes a sleeping WAL receiver try again now.
    func nudge() async

    /// The end of the log once `pg_control` says that the server is shut down, which is before it has ended; nil until
    /// then (HA-013, HA-320).
    func shutdownCheckpoint(by deadline: Moment) async -> ShutdownCheckpoint?
    /// Takes logical slots over from the primary: stops, puts them in place, starts again (HA-271).
    func copySlots(_ names: [String], from leader: Member, following upstream: Upstream) async throws(JobFailure)
    /// Archiving is on, with a command.
    func isArchiving(by deadline: Moment) async -> Bool
    /// Archives the segment that a clean shutdown has left unfinished (HA-407).
    func archiveShutdownSegment(by deadline: Moment) async throws(JobFailure)
    /// New settings from the file or the store: writes files, reloads, and tells what needs a restart.
    func apply(_ settings: PostgresSettings, cluster: ClusterSettings, force: Bool) async
    /// Creates and drops replication slots for the members of `cluster`.
    func arrangeSlots(_ wanted: SlotWishes, by deadline: Moment) async
    /// What synchronous replication is doing; nil on a standby and when the server doesn't answer.
    func synchronousStatus(by deadline: Moment) async -> SynchronousStatus?
    /// Sets `synchronous_standby_names` and, when the server runs, waits a moment for it to be in force.
    func setSynchronousNames(_ names: SynchronousStandbyNames, by deadline: Moment) async throws(JobFailure)
    /// The history of the current timeline, from the server's own file; nil on timeline 1 or when unreadable.
    func history(of timeline: Timeline, by deadline: Moment) async -> TimelineHistory?
}

/// A server with one way to be copied, whose replay nobody pauses.
extension ManagedServer {
    package func resumeReplay(by deadline: Moment) async {}
    package func cloneByBaseBackup(of leader: Member) async throws(JobFailure) { try await clone(from: leader) }
}

/// A server that knows of no other cluster.
extension ManagedServer {
    package func clone(from remote: RemoteSource) async throws(JobFailure) {
        throw JobFailure("there is no remote cluster")
    }
    package func canCloneWithoutLeader() async -> Bool { false }
    package func divergence(from remote: RemoteSource) async -> Divergence { .unknown("there is no remote cluster") }
    package func rewind(from remote: RemoteSource) async -> RewindOutcome { .notNow("there is no remote cluster") }
    package func copySlots(
        _ names: [String], from leader: Member, following upstream: Upstream
    ) async throws(JobFailure) { throw JobFailure("logical slots can't be copied here") }
    package func isArchiving(by deadline: Moment) async -> Bool { false }
    package func archiveShutdownSegment(by deadline: Moment) async throws(JobFailure) {}
}

/// What one look found.
package struct ServerLook: Sendable {
    package var directory: DataDirectory
    package var status: ServerStatus
    /// Positions of this server's slots, for the status key.
    package var slots: [String: LSN]
    /// Logical slots that this standby has yet to copy.
    package var missingSlots: [String]
    /// GUC → {old_value, new_value} of settings that wait for a restart (CFG-277).
    package var pendingRestart: JSONObject
    /// Where the running server's timeline began, by its own history file; nil on timeline 1 and when it can't be read.
    package var beginning: TimelineHistory.Row?

    package init(
        directory: DataDirectory, status: ServerStatus, slots: [String: LSN] = [:],
        missingSlots: [String] = [],
        pendingRestart: JSONObject = JSONObject(), beginning: TimelineHistory.Row? = nil
    ) {
        self.directory = directory
        self.status = status
        self.beginning = beginning
        self.slots = slots
        self.missingSlots = missingSlots
        self.pendingRestart = pendingRestart
    }

    /// It is a primary, or doesn't answer and was one by its files.
    package var mayBeWritable: Bool {
        guard case .unresponsive = status, case .holds(let control) = directory else { return status.isPrimary }
        return control.state.wasPrimary
    }

    /// It has been promoted, and its latest checkpoint is from before.
    package var awaitsCheckpoint: Bool {
        guard case .holds(let control) = directory, let running = status.running, running.isPrimary,
            let timeline = running.timeline, let checkpointed = control.timeline
        else { return false }
        return checkpointed < timeline
    }
}

/// How to come up.
package enum ServerStart: Sendable {
    case primary
    case standby(Upstream)
}

/// Whom to stream from, with the address.
package enum Upstream: Sendable, Equatable {
    case nobody
    case member(Member)
    case remote(RemoteSource)

    package init(member: Member?) { self = member.map(Upstream.member) ?? .nobody }
    package var member: Member? { if case .member(let member) = self { member } else { nil } }
}

/// Which slots ought to be there.
package struct SlotWishes: Sendable {
    package var cluster: Cluster
    package var me: MemberName
    package var tags: Tags
    package var settings: ClusterSettings
    package var isLeader: Bool
    /// There is a leader, and if it is this member, it has been promoted (HA-280).
    package var mayCleanHorizons: Bool
}

/// A long task failed; one line for the operator.
package struct JobFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package var explanation: String
    package init(_ explanation: String) { self.explanation = explanation }
    package var description: String { explanation }
}
