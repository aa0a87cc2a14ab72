// The leader race, second half: compared with the others, is anybody better?

enum RaceComparison {
    static let rules: [Rule] = [
        Rule(
            "older-timeline",
            "The recorded timeline was led by somebody; a second one of its number could never be told from it (HA-097)."
        ) { now in
            guard let (own, recorded) = LeaderRace.older(now), own != nil || now.settings.checkTimeline else {
                return nil
            }
            return .settled(.olderTimeline(own: own, recorded: recorded), again: .seconds(1))
        },
        Rule(
            "too-far-behind",
            "More than maximum_lag_on_failover is missing: losing that much is the operator's choice (HA-096, HA-119)."
        ) { now in
            let lag = now.position.lag(behind: now.cluster?.status.position ?? .zero)
            guard lag > now.settings.maximumLagOnFailover, !RaceOnRequest.isDue(now) else { return nil }
            return .settled(.tooFarBehind(lag), again: .seconds(1))
        },
        Rule(
            "ask-the-others",
            "Positions in the store are a loop old; only the members themselves know where they are (HA-095)."
        ) { now in
            now.facts.peers == nil && !now.others.isEmpty ? .ask(.statusOfPeers) : nil
        },
        Rule("primary-alive", "It lost the key but goes on writing; promoting now would fork history (HA-098).") {
            now in
            counted(now).first { $0.answer?.isInRecovery == false }
                .map { .settled(.primaryStillAlive($0.name), again: .seconds(1)) }
        },
        Rule("peer-is-ahead", "A reachable member has more; it will take the key when its turn comes (HA-099).") {
            now in
            counted(now).first { isAhead($0, now) && !isFormerSyncLeader($0, now) }
                .map { .settled(.peerIsAhead($0.name), again: .seconds(1)) }
        },
        Rule(
            "peer-has-priority",
            "Equally far, and the operator prefers the other one; the former leader's wish counts for nothing (HA-100, HA-405)."
        ) { now in
            let ours = now.observation.tags.failoverPriority
            let former = isSynchronous(now) ? now.cluster?.sync.leader : lastLeader(now)
            let better = counted(now).first {
                $0.name != former && $0.answer?.position == now.position && priority($0, now) > ours
                    && (!countsVotes(now) || isVoter($0, now))
            }
            return better.map {
                .settled(.peerHasPriority($0.name, theirs: priority($0, now), ours: ours), again: .seconds(1))
            }
        },
        Rule(
            "too-few-votes",
            "With quorum commit, only enough voters that are not ahead prove that no commit is missing (HA-102)."
        ) { now in
            tooFewVotes(now)
        },
        Rule("healthiest", "Nobody we can reach is ahead of us (HA-103).") { _ in
            .act(.acquireLeaderKey, because: .healthiest)
        },
    ]

    /// Peers whose word counts: reachable, allowed to lead, watchdog in order (HA-101, HA-384). The leader whom an operator told
    /// to let go does not: it is ahead of everybody, and does not want the key (HA-118).
    private static func counted(_ now: Situation) -> [PeerStatus] {
        (now.facts.peers ?? []).filter { peer in
            guard let answer = peer.answer, !answer.hasWatchdogFailed else { return false }
            if RaceOnRequest.isDue(now), now.request?.leader == peer.name { return false }
            // However long the log of an older timeline is, it is not the cluster's, and its owner does not race.
            if answer.isInRecovery, let recorded = now.cluster?.timeline, !now.settings.isStandbyCluster,
                let theirs = answer.timeline, theirs < recorded
            {
                return false
            }
            if isSynchronous(now), let sync = now.cluster?.sync, !sync.contains(peer.name) {
                if now.settings.synchronousMode == .on { return false }
                // The leader of the set has every commit that was promised since it is that: no standby outside has more.
                if sync.leader?.matches(now.me) == true, answer.isInRecovery { return false }
            }
            return tags(peer, answer, now).mayLead || isVoter(peer, now)
        }
    }

    private static func tags(_ peer: PeerStatus, _ answer: PeerAnswer, _ now: Situation) -> Tags {
        now.cluster?.member(peer.name)?.tags ?? answer.tags
    }

    private static func priority(_ peer: PeerStatus, _ now: Situation) -> Int {
        peer.answer.map { tags(peer, $0, now).failoverPriority } ?? 0
    }

    private static func lastLeader(_ now: Situation) -> MemberName? {
        now.observation.lastClusterWithLeader?.leader?.name
    }

    /// Nil when nobody's commit can be missing. The quorum stands in `/sync` and holds until the leader has changed it
    /// there, even when the mode has been switched since.
    static func tooFewVotes(_ now: Situation) -> Decision? {
        guard countsVotes(now), let sync = now.cluster?.sync, sync.leader?.matches(now.me) != true else { return nil }
        let votes = votes(now)
        return votes >= sync.quorum ? nil : .settled(.tooFewVotes(votes, quorum: sync.quorum), again: .seconds(1))
    }

    static func countsVotes(_ now: Situation) -> Bool {
        isSynchronous(now) && (now.settings.synchronousMode == .quorum || now.cluster?.sync.quorum != 0)
    }

    /// Where commits must not get lost, a later timeline is further, however long the older one's log: a voter that was
    /// away during the last failover may hold more than anybody acknowledged.
    private static func isAhead(_ peer: PeerStatus, _ now: Situation) -> Bool {
        guard let position = peer.answer?.position else { return false }
        if isSynchronous(now), let theirs = peer.answer?.timeline, let own = now.timeline, theirs != own {
            return theirs > own
        }
        return position > now.position
    }

    private static func isSynchronous(_ now: Situation) -> Bool {
        now.settings.isSynchronous && now.cluster?.sync.isEmpty == false
    }

    /// It may have more than anybody acknowledged; that is no commit anybody was promised (HA-099).
    private static func isFormerSyncLeader(_ peer: PeerStatus, _ now: Situation) -> Bool {
        isSynchronous(now) && now.cluster?.sync.leader?.matches(peer.name) == true
    }

    private static func isVoter(_ peer: PeerStatus, _ now: Situation) -> Bool {
        countsVotes(now) && now.cluster?.sync.contains(peer.name) == true
    }

    /// Voters that are not ahead; ourselves among them, else the first is needed in our place.
    private static func votes(_ now: Situation) -> Int {
        let others = counted(now).filter {
            isVoter($0, now) && ($0.answer?.position ?? .zero) > .zero && !isAhead($0, now)
                // On an older timeline, and yet further: nobody can say that we have everything it has.
                && ($0.answer?.position ?? .zero) <= now.position
        }
        return others.count - (now.cluster?.sync.contains(now.me) == true ? 0 : 1)
    }
}
