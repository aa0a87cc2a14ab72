// A standby is to stream from somebody else, who may be on another timeline of the same number.

/// Streaming asks for a timeline by its number and writes what comes over what is here. Of a newer timeline the leader's
/// history tells where it left ours, and PostgreSQL looks; nothing tells it two promotions of the same number apart.
enum ComparingFirst {
    static let rules: [Rule] = [
        Rule(
            "not-ready-yet",
            "Our timeline is not older than the leader's: what this one is shows when it is a primary."
        ) { now in
            guard isNeeded(now), Rejoining.needsComparison(now), !Rejoining.isReady(now), let leader = now.leader else {
                return nil
            }
            return .settled(.waitingForLeaderToPromote(leader), again: .seconds(1))
        },
        Rule(
            "compare-first",
            "A timeline of the leader's number may be another one, which streaming would write over ours: ask before."
        ) { now in
            guard isNeeded(now), let leader = now.leader, Rejoining.isReady(now), Rejoining.needsComparison(now) else {
                return nil
            }
            return .act(.begin(.checkDivergence(from: .member(leader))), because: .comparing(with: .member(leader)))
        },
        Rule("not-compared", "The leader did not answer: it has nothing to stream for us either.") { now in
            guard isNeeded(now), case .unknown(let why) = now.memory.divergence,
                Following.target(now) == now.leader.map(FollowTarget.member)
            else { return nil }
            return .settled(.divergenceUnknown(why))
        },
    ]

    /// What is here must not be written over: go on with what we have until it is rewound or copied.
    static func holdsBack(_ now: Situation) -> Bool {
        guard isNeeded(now) else { return false }
        return switch now.memory.divergence {
        case .diverged, .rewindFailed, .needsCopy: true
        case .unchecked, .none, .unknown: false
        }
    }

    /// The first timeline was begun by no promotion.
    private static func isNeeded(_ now: Situation) -> Bool {
        guard !now.isStandbyCluster, let state = now.facts.upstream, state != .asWanted,
            let own = now.running?.timeline, own > Timeline(1), Following.target(now) != .nobody,
            let leader = now.cluster?.leaderMember
        else { return false }
        guard let theirs = leader.timeline, !now.hasTwinTimeline else { return true }
        return own > theirs || own == theirs && leader.role == .primary
    }
}
