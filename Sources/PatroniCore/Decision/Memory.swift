// What a member remembers from turn to turn: only what can't be seen by looking again.

/// Carried from one turn to the next by the shell, changed only here.
public struct Memory: Sendable, Hashable, Codable {
    /// What this member last was, as it presents itself.
    public var role: MemberRole = .uninitialized
    public var divergence: Divergence = .unchecked
    public var bootstrap: BootstrapProgress = .notOurs
    /// PostgreSQL was seen running and then gone, without us.
    public var crashedAt: Moment?
    public var startFailure: Failure?
    /// Since when PostgreSQL has been stopped.
    public var stoppedSince: Moment?
    /// Since when PostgreSQL has been starting.
    public var startingSince: Moment?
    /// Since when PostgreSQL has been running but not answering.
    public var unresponsiveSince: Moment?
    /// No leader race before this moment: a promotion of ours was just called off (HA-085, HA-399).
    public var noRaceUntil: Moment?
    /// The leader and the timeline we last followed: when one changes, our own log may have diverged.
    public var followed: Followed?
    public var cloneFailure: Failure?
    /// Since when nobody has held the leader key.
    public var unlockedSince: Moment?
    /// Whom the standby was last told to stream from.
    public var target: FollowTarget?
    /// When it was told so while it ran.
    public var retargetedAt: Moment?
    /// When a rewind was last called off.
    public var rewindPostponedAt: Moment?
    /// When the divergence was last looked at.
    public var comparedAt: Moment?
    /// Where this server was at least a loop ago, and the sample that will take its place.
    public var earlierPosition: LSN?
    private var positionSample: PositionSample?
    /// The timeline that this member has begun itself, as long as its log has not become a leader's.
    public var ownTimeline: OwnTimeline?
    /// When permanent logical slots were last copied, or could not be.
    public var slotsCopiedAt: Moment?
    private var wasRunning = false
    private var wasPaused = false

    public init() {}

    /// Something was tried and failed. The same a moment later would fail again.
    public struct Failure: Sendable, Hashable, Codable {
        public var why: String
        public var at: Moment
    }

    private struct PositionSample: Sendable, Hashable, Codable {
        var position: LSN
        var at: Moment
    }

    public struct Followed: Sendable, Hashable, Codable {
        public var leader: MemberName
        public var timeline: Timeline?
    }
}

/// What only its maker knows of a timeline: PostgreSQL tells two promotions of the same number apart by nothing.
public enum OwnTimeline: Sendable, Hashable, Codable {
    /// A promotion was begun; its number shows afterwards.
    case awaited
    case begun(Timeline)
}

/// Is our log a beginning of the leader's (HA-233)?
public enum Divergence: Sendable, Hashable, Codable {
    case unchecked
    case none
    /// We have something the leader never had.
    case diverged
    /// It could not be found out yet.
    case unknown(String)
    /// pg_rewind was tried and failed.
    case rewindFailed(String)
    /// We have another timeline of the same number: following would mix the two, and pg_rewind sees no difference.
    case needsCopy(String)
}

/// How far this member's own attempt to create the cluster is.
public enum BootstrapProgress: Sendable, Hashable, Codable {
    case notOurs
    case running
    /// The database runs; the cluster doesn't know yet.
    case finished
    case failed(String)
}

/// How a job ended.
public enum JobOutcome: Sendable, Hashable, Codable {
    case succeeded
    case failed(String)
    case cancelled
    /// The answer of ``Job/checkDivergence(from:)``.
    case divergence(Divergence)
}

extension Memory {
    /// Takes in what one look shows. Looking twice changes nothing.
    public mutating func look(at now: Observation) {
        if case .cluster(let cluster) = now.store { noteLeader(of: cluster, now) }
        // What the operator did in maintenance mode nobody looked at, even if nothing seems to have changed (HA-021,
        // HA-175, HA-413).
        if wasPaused, !now.settings.isPaused { divergence = .unchecked }
        wasPaused = now.settings.isPaused
        switch now.server {
        case .running(let server):
            samplePosition(server.position, now)
            if ownTimeline == .awaited, server.isPrimary { ownTimeline = server.timeline.map(OwnTimeline.begun) }
            wasRunning = true
            crashedAt = nil
            startFailure = nil
            startingSince = nil
            stoppedSince = nil
            unresponsiveSince = nil
            if now.job == nil || role == .uninitialized {
                // Whether a standby leads its cluster is no matter of looking; the rules say when it ceases to.
                role = server.isPrimary ? .primary : role == .standbyLeader ? .standbyLeader : .replica
            }
        case .starting:
            wasRunning = true
            startingSince = startingSince ?? now.now
            unresponsiveSince = nil
            if now.job == nil { noteDirectory(now) }
        case .unresponsive:
            unresponsiveSince = unresponsiveSince ?? now.now
            wasRunning = true
            if now.job == nil { noteDirectory(now) }
        case .stopped:
            startingSince = nil
            unresponsiveSince = nil
            noteStopped(now)
        }
    }

    private mutating func samplePosition(_ position: LSN, _ now: Observation) {
        if let last = positionSample, now.now - last.at < now.settings.loopWait { return }
        if let last = positionSample { earlierPosition = last.position }
        positionSample = PositionSample(position: position, at: now.now)
    }

    private mutating func noteStopped(_ now: Observation) {
        stoppedSince = stoppedSince ?? now.now
        if wasRunning, now.job == nil {
            crashedAt = crashedAt ?? now.now
            // What stopped without us may have stopped anywhere in its log.
            divergence = .unchecked
        }
        wasRunning = false
        if now.directory == .empty { role = .uninitialized } else { noteDirectory(now) }
    }

    /// An agent that has just started, and whose server says nothing, knows from `pg_control` alone what that server is.
    private mutating func noteDirectory(_ now: Observation) {
        guard role == .uninitialized, case .holds(let control) = now.directory else { return }
        role = control.state.wasPrimary ? .primary : .replica
    }

    private mutating func noteLeader(of cluster: Cluster, _ now: Observation) {
        unlockedSince = cluster.isUnlocked ? unlockedSince ?? now.now : nil
        guard let leader = cluster.leader, leader.name != now.me else { return }
        let seen = Followed(leader: leader.name, timeline: cluster.timeline)
        // Another leader, or the same one on a newer timeline (HA-138).
        if let followed, followed != seen { divergence = .unchecked }
        followed = seen
    }

    /// Takes in the beginning of a job.
    public mutating func began(_ job: Job, at now: Moment) {
        switch job {
        case .bootstrap, .bootstrapStandbyLeader: bootstrap = .running
        case .demote: bootstrap = .notOurs
        case .start(.standby(let upstream)):
            target = upstream
            // What it was once does not matter any more, or its own start would be taken for a second primary's.
            if role == .primary || role == .standbyLeader { role = .demoted }
        case .start(.standbyLeader):
            target = .remote
            if role == .primary { role = .demoted }
        case .follow(let upstream, restart: _):
            target = upstream
            retargetedAt = now
        case .start(.primary): target = nil
        case .promote:
            target = nil
            ownTimeline = .awaited
        case .clone, .reinitialize, .reinitializeFromLeader, .restart, .checkDivergence, .rewind, .copySlots: break
        }
    }

    /// Takes in the end of a job.
    public mutating func ended(_ job: Job, _ outcome: JobOutcome, at now: Moment, settings: ClusterSettings) {
        let failure: String? = if case .failed(let why) = outcome { why } else { nil }
        let setback = failure.map { Failure(why: $0, at: now) }
        switch job {
        case .bootstrap:
            bootstrap = outcome == .succeeded ? .finished : .failed(failure ?? "it was called off")
        case .bootstrapStandbyLeader:
            bootstrap = outcome == .succeeded ? .finished : .failed(failure ?? "it was called off")
            divergence = .none
            if outcome == .succeeded { role = .standbyLeader }
        case .clone, .reinitialize, .reinitializeFromLeader:
            cloneFailure = setback
            divergence = outcome == .succeeded ? .none : .unchecked
            ownTimeline = nil
            wasRunning = false
            crashedAt = nil
            role = outcome == .succeeded ? .replica : role
        case .start, .restart:
            startFailure = setback
            wasRunning = false
            if job == .start(.standbyLeader), outcome == .succeeded { role = .standbyLeader }
        case .promote:
            if failure != nil { noRaceUntil = now + settings.ttl }
            if outcome == .succeeded { role = .primary }
        case .demote:
            // One that could not be stopped is what it was, and has to be stopped again.
            if failure != nil { break }
            // It may hold what no standby has received (HA-145).
            role = .demoted
            stoppedSince = now
            divergence = .unchecked
            wasRunning = false
            crashedAt = nil
        case .checkDivergence:
            if case .divergence(let found) = outcome { divergence = found }
            if let failure { divergence = .unknown(failure) }
            if divergence == .none { ownTimeline = nil }
            comparedAt = now
        case .copySlots:
            slotsCopiedAt = now
            wasRunning = false
        case .rewind:
            wasRunning = false
            // Called off is not failed: it is tried again, but not at once (HA-246).
            divergence = failure.map(Divergence.rewindFailed) ?? (outcome == .succeeded ? .none : .diverged)
            if divergence == .none { ownTimeline = nil }
            rewindPostponedAt = outcome == .cancelled ? now : nil
        case .follow:
            // A standby that moves to another upstream may hold more than that one (HA-234).
            if outcome == .succeeded { divergence = .unchecked }
        }
    }

    /// The recorded beginning of a timeline, when ours of the same number is another one and so not the cluster's: our
    /// own history file says that it began elsewhere, or we have begun it ourselves without knowing of the recorded one.
    public func twin(of cluster: Cluster?, me: MemberName, ownBeginning: TimelineHistory.Row?) -> TimelineHistory.Row? {
        guard let row = cluster?.history?.rows.last else { return nil }
        if let own = ownBeginning, own.timeline == row.timeline, own.switchpoint != row.switchpoint {
            return row
        }
        guard case .begun(let own) = ownTimeline, row.timeline.next == own, let maker = row.newLeader, maker != me
        else { return nil }
        return row
    }

    /// Takes in an announcement.
    public mutating func announced(_ role: MemberRole) { self.role = role }
    /// The bootstrap is over, for good or ill.
    public mutating func bootstrapClosed() { bootstrap = .notOurs }
}
