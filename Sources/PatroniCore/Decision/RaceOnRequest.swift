// The leader race after an operator asked for a change, and the old leader has let go: who takes over?

enum RaceOnRequest {
    static let rules: [Rule] = [
        Rule(
            "candidate-needs-votes",
            "With quorum commit a switchover may not lose anything, even if the old leader died on the way (HA-102); a manual failover may (HA-196)."
        ) { now in
            guard isDue(now), now.request?.candidate == now.me, now.request?.isSwitchover == true,
                RaceComparison.countsVotes(now)
            else { return nil }
            if now.facts.peers == nil, !now.others.isEmpty { return .ask(.statusOfPeers) }
            return RaceComparison.tooFewVotes(now)
        },
        Rule(
            "candidate-is-behind",
            "The leader died before it looked at its candidate: a switchover may not fork history, a manual failover may (HA-097)."
        ) { now in
            guard isDue(now), now.request?.candidate == now.me, now.request?.isSwitchover == true,
                let (own, recorded) = LeaderRace.older(now), own != nil
            else { return nil }
            return .settled(.olderTimeline(own: own, recorded: recorded), again: .seconds(1))
        },
        Rule(
            "we-are-the-candidate",
            "The operator chose this member; lag and timelines were looked at when the old leader let go (HA-115)."
        ) { now in
            guard isDue(now), now.request?.candidate == now.me else { return nil }
            return .act(.acquireLeaderKey, because: .healthiest)
        },
        Rule(
            "yield-to-the-candidate",
            "The operator chose another member, and it is able (HA-116); if not, all others race (HA-117)."
        ) { now in
            guard isDue(now), let candidate = now.request?.candidate, isPatient(now),
                let peer = now.facts.peers?.first(where: { $0.name == candidate }), isAble(peer, now)
            else { return nil }
            return .settled(.yieldingTo(candidate), again: .milliseconds(500))
        },
        Rule("former-leader-waits", "Who was told to let go takes the key back only if nobody else can (HA-118).") {
            now in
            guard isDue(now), now.request?.leader == now.me, isPatient(now) else { return nil }
            guard let peers = now.facts.peers else { return now.others.isEmpty ? nil : .ask(.statusOfPeers) }
            let able = peers.first { peer in
                peer.name != now.request?.candidate && now.cluster?.member(peer.name) != nil
                    && now.obstacle(for: peer) == nil
            }
            return able.map { .settled(.yieldingTo($0.name), again: .milliseconds(500)) }
        },
    ]

    /// There is a request whose time has come: a scheduled switchover says nothing about a leader that goes before.
    static func isDue(_ now: Situation) -> Bool {
        guard let request = now.request else { return false }
        return request.scheduledAt.map { $0 <= now.observation.wallTime } ?? true
    }

    /// A member that answers but doesn't come for the key within a ttl can't reach the store: don't wait for ever.
    private static func isPatient(_ now: Situation) -> Bool {
        now.memory.unlockedSince == nil || now.isWithin(now.settings.ttl, of: now.memory.unlockedSince)
    }

    private static func isAble(_ peer: PeerStatus, _ now: Situation) -> Bool {
        FailoverCandidates.permanentObstacle(for: peer, cluster: now.cluster) == nil && peer.answer?.position != nil
    }
}
