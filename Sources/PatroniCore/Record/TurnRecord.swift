// One turn written down: what was seen, what was asked and done, what came of it, and by which rules.

/// Everything the rules were told in one turn, and everything they answered. Fed back, it gives the same decisions.
public struct TurnRecord: Sendable, Hashable, Codable {
    public var observation: Observation
    /// What was remembered before this turn looked.
    public var memory: Memory
    public var steps: [Step]
    public var took: Duration
    /// When the leader key was last seen in somebody's hands.
    public var leaderLastSeen: Moment?

    /// One answer of the rules; a settled one has nothing to learn.
    public struct Step: Sendable, Hashable, Codable {
        public var verdict: Verdict
        public var learned: Learned?
        public var began: Moment
        public var took: Duration

        public init(verdict: Verdict, learned: Learned? = nil, began: Moment, took: Duration = .zero) {
            self.verdict = verdict
            self.learned = learned
            self.began = began
            self.took = took
        }
    }

    public init(
        observation: Observation, memory: Memory, steps: [Step], took: Duration = .zero, leaderLastSeen: Moment? = nil
    ) {
        self.observation = observation
        self.memory = memory
        self.steps = steps
        self.took = took
        self.leaderLastSeen = leaderLastSeen
    }

    /// When the turn had looked.
    public var began: Moment { observation.now }

    /// Wall time of a moment near this turn.
    public func wallTime(of moment: Moment) -> WallTime { observation.wallTime + (moment - observation.now) }

    /// How the turn ended.
    public var end: Verdict? { steps.last?.verdict }

    public var cluster: Cluster? { if case .cluster(let cluster) = observation.store { cluster } else { nil } }

    /// Everything that was done but renewing the key.
    public var deeds: [Action] {
        steps.compactMap { step in
            if case .act(let action, _) = step.verdict.decision, action != .renewLeaderKey { action } else { nil }
        }
    }
}

/// What replaying a record has found.
public struct ReplayDifference: Sendable, Hashable {
    /// From 1.
    public var step: Int
    public var then: Verdict
    public var now: Verdict
}

extension TurnRecord {
    /// Feeds the record to the rules of today. Nil when they decide the same; a rule that only got another name is the
    /// same rule.
    public func replay() -> ReplayDifference? { replay(Rules.tables) }

    /// The same with other rules, for tests.
    func replay(_ tables: [RuleTable]) -> ReplayDifference? {
        var turn = Turn(observation, memory)
        for (index, step) in steps.enumerated() {
            let verdict = turn.next(tables)
            if verdict.decision != step.verdict.decision {
                return ReplayDifference(step: index + 1, then: step.verdict, now: verdict)
            }
            if let learned = step.learned { turn.learn(learned, at: step.began + step.took) }
        }
        return nil
    }
}

extension Reason {
    /// The same without what changes from turn to turn while nothing happens: seconds left, bytes behind, error texts.
    public var gist: Reason {
        switch self {
        case .storeSilent(let failure): .storeSilent(failure.gist)
        case .storeSilentLeaseValid(_, let failure): .storeSilentLeaseValid(left: .zero, failure.gist)
        case .raceUndecided(let failure): .raceUndecided(failure.gist)
        case .initializeUnknown(let failure): .initializeUnknown(failure.gist)
        case .stillStarting: .stillStarting(left: .zero)
        case .tooFarBehind: .tooFarBehind(.zero)
        case .raceBackoff: .raceBackoff(left: .zero)
        case .failsafeNotAccepted(_, let objections): .failsafeNotAccepted(left: .zero, objections)
        case .serverDoesNotAnswer: .serverDoesNotAnswer("")
        case .divergenceUnknown: .divergenceUnknown("")
        default: self
        }
    }
}

extension StoreFailure {
    fileprivate var gist: StoreFailure { StoreFailure(kind, "") }
}

extension Decision {
    /// What the log says of it; nil for a question.
    public var reason: Reason? {
        switch self {
        case .ask: nil
        case .act(_, let reason), .settled(let reason, _), .halt(let reason): reason
        }
    }
}

// MARK: fields that records of older versions lack

extension Memory: HasDefaults { static var blank: Memory { Memory() } }
extension ClusterSettings: HasDefaults { static var blank: ClusterSettings { ClusterSettings() } }
extension Cluster: HasDefaults { static var blank: Cluster { Cluster() } }
extension Member: HasDefaults { static var blank: Member { Member(name: "") } }
extension SyncState: HasDefaults { static var blank: SyncState { .none } }
extension ClusterStatus: HasDefaults { static var blank: ClusterStatus { ClusterStatus() } }
extension PeerAnswer: HasDefaults {
    static var blank: PeerAnswer { PeerAnswer(isInRecovery: true, position: nil, timeline: nil) }
}
extension Observation: HasDefaults {
    static var blank: Observation {
        Observation(
            now: Moment(nanoseconds: 0), wallTime: WallTime(microseconds: 0), me: "",
            store: .silent(StoreFailure(.unreachable, "")), directory: .empty, server: .stopped)
    }
}
extension ShutdownRecord: HasDefaults { static var blank: ShutdownRecord { ShutdownRecord(.blank) } }
