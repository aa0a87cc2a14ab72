// Quorum commit's state machine: which single change of `/sync` or of PostgreSQL comes next, and why none loses a commit.

/// Where quorum commit stands (HA-198), as a value. Names are folded: PostgreSQL does not tell `A` from `a`.
///
/// Two promises meet. PostgreSQL acknowledges a commit when `count` of `names` have it. A race is won with the votes of
/// `quorum + 1` voters, the winner's own among them, none of which is ahead of the winner. Nothing is lost when among
/// any `quorum + 1` voters there is one of any `count` names: then the winner has what that one has. Counting the worst
/// case gives ``isSafe`` (HA-199).
///
/// What `/sync` says is itself knowledge: as long as it was safe, every acknowledged commit is with all voters but
/// `quorum`. So the next step needs no memory, and a crash between two steps leaves nothing unfinished that the next
/// agent could not go on with.
public struct QuorumState: Sendable, Hashable {
    /// `/sync` without its leader.
    public var voters: Set<String>
    public var quorum: Int
    /// How many of `names` every commit waits for.
    public var count: Int
    public var names: Set<String>
    /// Those of `names` that hold everything from before `names` and `count` came into force.
    public var confirmed: Set<String>
    /// Who ought to be synchronous.
    public var active: Set<String>
    /// How many ought to have every commit, the primary not counted.
    public var wanted: Int

    public init(
        voters: Set<String>, quorum: Int, count: Int, names: Set<String>, confirmed: Set<String>,
        active: Set<String>, wanted: Int
    ) {
        self.voters = voters
        self.quorum = quorum
        self.count = min(count, names.count)
        self.names = names
        self.confirmed = confirmed
        self.active = wanted > 0 ? active : []
        self.wanted = wanted
    }

    public enum Transition: Sendable, Hashable {
        /// Write `/sync`.
        case publish(voters: Set<String>, quorum: Int)
        /// `/sync` promises more than PostgreSQL keeps: publish what is sure (HA-200).
        case reset(voters: Set<String>, quorum: Int)
        /// Let commits wait for `count` of these.
        case wait(count: Int, of: Set<String>)
        /// Standbys have yet to catch up; look again (HA-209).
        case restart
        case done
    }

    /// Does any race's winner have every commit that PostgreSQL acknowledges? Nobody wins when more votes are needed
    /// than there are voters; the leader itself needs none.
    public static func isSafe(voters: Set<String>, quorum: Int, count: Int, names: Set<String>) -> Bool {
        quorum >= voters.count || voters.union(names).count <= quorum + count
    }

    public var isSafe: Bool { Self.isSafe(voters: voters, quorum: quorum, count: count, names: names) }

    /// How many commits are to wait for in the end.
    public var goalCount: Int { min(wanted, active.count) }
    /// PostgreSQL waits for whom it should.
    public var hasNamesAsWanted: Bool { names == active && count == goalCount }
    /// How many of `names` are sure to have any acknowledged commit, old or new.
    private var sure: Int { min(count, confirmed.intersection(names).count) }

    /// The next single step. Each leaves a safe state behind if it is carried out, and also if it is not (HA-202 to
    /// HA-208).
    public func next() -> Transition {
        guard isSafe else { return .reset(canonical(names, names.count - sure)) }
        guard hasNamesAsWanted else { return changeNames() }
        if voters == active, quorum == active.count - goalCount { return .done }
        let least = active.count - sure
        // With fewer confirmations more votes are needed: better than a cluster in which nobody could take over.
        let helps = sure > 0 && (voters.isEmpty || voters == active && least < quorum)
        return sure == goalCount || helps ? .publish(canonical(active, least)) : .restart
    }

    /// PostgreSQL first when the present `/sync` allows it; else everybody concerned becomes a voter first, with as
    /// many votes needed as cover what is in force, what comes, and what has been acknowledged before.
    private func changeNames() -> Transition {
        if Self.isSafe(voters: voters, quorum: quorum, count: goalCount, names: active) {
            return .wait(count: goalCount, of: active)
        }
        let everybody = voters.union(active)
        let holders = voters.count - quorum
        let needed = max(
            everybody.count - goalCount, everybody.union(names).count - count, everybody.count - holders)
        return .publish(canonical(everybody, needed))
    }

    /// A quorum that can't be reached is written as what it means: nobody but the leader.
    private func canonical(_ voters: Set<String>, _ quorum: Int) -> (voters: Set<String>, quorum: Int) {
        quorum >= voters.count ? ([], 0) : (voters, quorum)
    }
}

extension QuorumState.Transition {
    fileprivate static func publish(_ pair: (voters: Set<String>, quorum: Int)) -> Self {
        .publish(voters: pair.voters, quorum: pair.quorum)
    }
    fileprivate static func reset(_ pair: (voters: Set<String>, quorum: Int)) -> Self {
        .reset(voters: pair.voters, quorum: pair.quorum)
    }
}
