// One turn of the loop: observe → decide → (ask or act → learn)* → settled.

/// The tables in the order in which they are asked. The order is part of the meaning: first who may act at all, then
/// what state PostgreSQL is in, then who leads.
public enum Rules {
    public static let tables: [RuleTable] = [
        Failsafe.table,
        StoreSilent.table,
        KeepingTheLeaderKey.table,
        JobInProgress.table,
        FinishingBootstrap.table,
        EmptyDataDirectory.table,
        Identity.table,
        LeaderRepairs.table,
        SwitchingOver.table,
        StartingUp.table,
        Recovery.table,
        NotAnswering.table,
        PausedReplay.table,
        LeaderRace.table,
        HoldingTheLock.table,
        StandbyLeader.table,
        Following.table,
    ]

    /// The first rule that matches, in the first table that applies.
    public static func verdict(_ situation: Situation, _ tables: [RuleTable] = tables) -> Verdict? {
        for place in tables.indices {
            if let verdict = tables[place].verdict(situation) { return verdict }
        }
        return nil
    }
}

/// Something the shell found out or did, given back to the turn.
public enum Learned: Sendable, Hashable, Codable {
    case peers([PeerStatus])
    case upstream(UpstreamState)
    /// The members' answers in failsafe mode, with the lease that follows from them.
    case failsafe(FailsafeAnswers, Lease)
    /// Outcome of renewing or acquiring the leader key, with the lease that follows from it.
    case leaderKey(Action, LeaderKeyOutcome, Lease)
    case written(Action, WriteOutcome)
    case done(Action)
}

/// The state of one turn. A value: copying it and asking again gives the same answer.
public struct Turn: Sendable, Hashable, Codable {
    public private(set) var observation: Observation
    public private(set) var memory: Memory
    public private(set) var facts = Facts()
    private var steps = 0

    /// More steps than any turn needs; a turn that takes more has met a rule that does not see its own effect.
    public static let maximumSteps = 40

    public init(_ observation: Observation, _ memory: Memory) {
        self.observation = observation
        self.observation.store = observation.failsafe.applied(
            to: observation.store, me: observation.me, at: observation.now)
        self.memory = memory
        self.memory.look(at: self.observation)
    }

    /// What to do now.
    public mutating func next() -> Verdict { next(Rules.tables) }

    /// The same with other tables, for tests and simulations that take rules away.
    public mutating func next(_ tables: [RuleTable]) -> Verdict {
        steps += 1
        if steps > Self.maximumSteps { return Verdict(decision: .settled(.tooManySteps), rule: "turn/too-many-steps") }
        let verdict =
            Rules.verdict(Situation(observation, memory, facts), tables)
            ?? Verdict(decision: .settled(.followingNobody), rule: "turn/nothing-applies")
        if verdict.decision == .settled(.initializedCluster, again: .zero) { memory.bootstrapClosed() }
        return verdict
    }

    /// What came of it, and what time it is now: the lease goes on running out while something is found out or done.
    public mutating func learn(_ learned: Learned, at now: Moment? = nil) {
        if let now { observation.now = max(now, observation.now) }
        switch learned {
        case .peers(let peers): facts.peers = peers
        case .upstream(let state): facts.upstream = state
        case .failsafe(let answers, let lease):
            facts.failsafe = answers
            observation.lease = lease
        case .leaderKey(let action, let outcome, let lease):
            facts.performed.append(action)
            observation.lease = lease
            if action == .acquireLeaderKey { facts.acquisition = outcome } else { facts.renewal = outcome }
        case .written(let action, let outcome):
            facts.performed.append(action)
            if action == .claimInitialize { facts.claim = outcome }
            // Ours or not, from the moment of giving it up on we don't believe in it any more.
            if action == .releaseLeaderKey { observation.lease = .none }
        case .done(let action):
            facts.performed.append(action)
            if case .announce(let role) = action { memory.announced(role) }
            if case .begin(let job) = action {
                memory.began(job, at: observation.now)
                observation.job = JobUnderway(job: job, since: observation.now)
            }
            if action == .cancelJob, let job = observation.job?.job {
                memory.ended(job, .cancelled, at: observation.now, settings: observation.settings)
                observation.job = nil
            }
        }
    }
}

/// Decides from scratch: one observation, nothing found out yet.
public func decide(_ observation: Observation, _ memory: inout Memory) -> Decision {
    var turn = Turn(observation, memory)
    let verdict = turn.next()
    memory = turn.memory
    return verdict.decision
}
