// An operator asks this member for something: accept it, or say why not, in Patroni's words.

/// What `POST /restart` asks for (API-162). Parsing and its errors belong to the REST room.
public struct RestartRequest: Sendable, Hashable, Codable {
    /// Only if this member has this role.
    public var role: MemberRole?
    /// Only if the server is older than this, as in `server_version_num` (HA-411).
    public var olderThan: Int?
    /// Only if a changed setting waits for a restart.
    public var onlyIfPending: Bool
    /// A start that takes longer counts as failed; nil: `primary_start_timeout`.
    public var timeout: Duration?

    public init(
        role: MemberRole? = nil, olderThan: Int? = nil, onlyIfPending: Bool = false, timeout: Duration? = nil
    ) {
        self.role = role
        self.olderThan = olderThan
        self.onlyIfPending = onlyIfPending
        self.timeout = timeout
    }
}

public enum OperatorRequest: Sendable, Hashable, Codable {
    case restart(RestartRequest)
    /// `force` ends a job that is under way; `fromLeader` spares no leader (HA-159).
    case reinitialize(force: Bool, fromLeader: Bool)
}

/// What becomes of an operator's request.
public enum OperatorAnswer: Sendable, Hashable, Codable {
    /// Begin this job; end the other one first, if one is named.
    case begin(Job, cancelling: Job?)
    case refused(Refusal)
}

/// Why a request is refused. `text` is what the operator reads (API-168, API-176).
public enum Refusal: Sendable, Hashable, Codable {
    case restartConditions(RestartCondition)
    case alreadyInProgress(Job)
    case noLeader
    case isLeader
    /// There is a leader, but nothing is known to copy from; the data directory stays.
    case noSource(MemberName)
    case storeSilent(StoreFailure)
    case noDatabase

    public var text: String {
        switch self {
        case .restartConditions: "restart conditions are not satisfied"
        case .alreadyInProgress(let job): "\(job.name) already in progress"
        case .noLeader: "Cluster has no leader, can not reinitialize"
        case .isLeader: "I am the leader, can not reinitialize"
        case .noSource(let leader): "Address of the leader (\(leader)) is not known, can not reinitialize"
        case .storeSilent(let failure): "DCS is not accessible: \(failure)"
        case .noDatabase: "restart failed"
        }
    }
}

/// The filter of a restart request that did not match; `text` is the log line (HA-154).
public enum RestartCondition: String, Sendable, Hashable, Codable {
    case role = "host role mismatch"
    case version = "postgres version mismatch"
    case pending = "pending restart flag is not set"

    public var text: String { "not proceeding with the restart: \(rawValue)" }
}

extension OperatorRequest {
    /// Answers from what is known now. `observation` should be fresh: a reinitialize on an old view could hit a leader.
    public func answer(_ now: Observation, _ memory: Memory, isRestartPending: Bool) -> OperatorAnswer {
        switch self {
        case .restart(let request):
            if let condition = request.unmet(by: now, memory, isRestartPending: isRestartPending) {
                return .refused(.restartConditions(condition))
            }
            if let job = now.job?.job { return .refused(.alreadyInProgress(job)) }
            guard case .holds = now.directory else { return .refused(.noDatabase) }
            return .begin(.restart(startTimeout: request.timeout), cancelling: nil)
        case .reinitialize(let force, let fromLeader):
            return Self.reinitialize(Situation(now, memory), force: force, fromLeader: fromLeader)
        }
    }

    private static func reinitialize(_ now: Situation, force: Bool, fromLeader: Bool) -> OperatorAnswer {
        if case .silent(let failure) = now.observation.store { return .refused(.storeSilent(failure)) }
        guard let leader = now.leader else { return .refused(.noLeader) }
        if leader == now.me { return .refused(.isLeader) }
        if let job = now.job, !force { return .refused(.alreadyInProgress(job)) }
        guard now.cluster?.leaderMember?.connectionURL != nil else { return .refused(.noSource(leader)) }
        if fromLeader { return .begin(.reinitializeFromLeader(leader), cancelling: now.job) }
        let source = EmptyDataDirectory.cloneSource(now, leader: leader)
        return .begin(.reinitialize(from: source), cancelling: now.job)
    }
}

extension RestartRequest {
    /// The first filter that does not match; nil when all do. The last one wins in Patroni, for the log only.
    fileprivate func unmet(by now: Observation, _ memory: Memory, isRestartPending: Bool) -> RestartCondition? {
        if onlyIfPending, !isRestartPending { return .pending }
        if let olderThan, let version = now.server.running?.version, version >= olderThan { return .version }
        if let role, role != memory.role { return .role }
        return nil
    }
}

/// A restart that waits for its time: one a member, in memory only (HA-158).
public struct ScheduledRestart: Sendable, Hashable, Codable {
    public var at: WallTime
    public var request: RestartRequest
    /// When the postmaster had been started that the operator saw.
    public var postmasterStart: WallTime?

    public init(at: WallTime, request: RestartRequest, postmasterStart: WallTime?) {
        self.at = at
        self.request = request
        self.postmasterStart = postmasterStart
    }

    public enum Due: Sendable, Hashable, Codable {
        /// Not yet, or the cluster is paused.
        case later
        /// Forget it: somebody has restarted PostgreSQL since.
        case alreadyRestarted
        /// Forget it: its time passed while nobody could act.
        case stale
        /// Now. Forget it, whatever comes of it.
        case now
    }

    public func due(_ now: Observation) -> Due {
        if now.job != nil { return .later }
        if let seen = now.server.running?.postmasterStart, let postmasterStart, seen != postmasterStart {
            return .alreadyRestarted
        }
        if now.settings.isPaused || at > now.wallTime { return .later }
        return now.wallTime - at > now.settings.loopWait * 3 / 2 ? .stale : .now
    }
}
