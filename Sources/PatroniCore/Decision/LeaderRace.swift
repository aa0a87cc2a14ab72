// Nobody holds the leader key: may this member take it?

enum LeaderRace {
    static let table = RuleTable(
        "leader-race", "Nobody holds the leader key, and PostgreSQL answers.",
        when: { $0.isUnlocked && $0.running != nil }, outcome + eligibility + RaceOnRequest.rules + comparison)

    /// The store has answered.
    private static let outcome: [Rule] = [
        Rule("won-clear-request", "The operator's request has led to a new leader (HA-121).") { now in
            guard now.facts.acquisition == .held, now.request != nil, !now.did(.clearFailoverRequest) else {
                return nil
            }
            return .act(.clearFailoverRequest, because: .requestFulfilled)
        },
        Rule("won-as-primary", "Already a primary: nothing to promote.") { now in
            now.facts.acquisition == .held && now.isPrimary ? .settled(.acquiredAsPrimary, again: .zero) : nil
        },
        Rule("won", "The key is ours: become what it says (HA-103).") { now in
            now.facts.acquisition == .held ? .act(.begin(.promote), because: .promotedByAcquiring) : nil
        },
        Rule("undecided", "The answer was lost; the next look shows whose the key is.") { now in
            guard case .unknown(let failure)? = now.facts.acquisition else { return nil }
            return .settled(.raceUndecided(failure), again: .milliseconds(200))
        },
        Rule("lost-as-primary", "Somebody else leads now (HA-104).") { now in
            guard case .lostTo? = now.facts.acquisition, now.isPrimary, !now.isPaused else { return nil }
            return .act(.begin(.demote(.immediateWithoutKey)), because: .demotedByLosingRace)
        },
        Rule("lost", "Somebody else leads now; the next turn follows (HA-104).") { now in
            if case .lostTo? = now.facts.acquisition { .settled(.lostRace, again: .zero) } else { nil }
        },
    ]

    /// Without asking anybody: may this member lead at all?
    private static let eligibility: [Rule] = [
        Rule("backing-off", "Our own promotion was just called off; let others have their turn (HA-085).") { now in
            guard let until = now.memory.noRaceUntil, now.observation.now < until, !now.isPrimary else { return nil }
            return .settled(.backingOff, again: until - now.observation.now)
        },
        Rule("paused-standby", "In maintenance mode nobody is promoted on its own (HA-088).") { now in
            guard now.isPaused, !now.isPrimary, now.request?.candidate != now.me else { return nil }
            return .settled(.notHealthiestWhilePaused)
        },
        Rule("paused-foreign-primary", "In maintenance mode only a primary of this cluster may keep leading (HA-088).")
        { now in
            guard now.isPaused, now.isPrimary, let cluster = now.cluster?.initialize.identifier,
                cluster != now.systemIdentifier
            else { return nil }
            return .settled(.leadingWithoutKeyWhilePaused)
        },
        Rule("not-allowed-primary", "A member tagged nofailover never leads, whatever it was (HA-089).") { now in
            guard !now.mayLead, now.isPrimary, !now.isPaused else { return nil }
            return .act(.begin(.demote(.immediateWithoutKey)), because: .demotedNotAllowed)
        },
        Rule("not-allowed", "A member tagged nofailover never leads, whatever it knows (HA-089).") { now in
            now.mayLead ? nil : .settled(.notAllowedToLead, again: .seconds(1))
        },
        Rule("older-primary", "Somebody led a newer timeline: this primary is the past (HA-087).") { now in
            guard now.isPrimary, !now.isPaused, let (own, recorded) = older(now) else { return nil }
            return own == recorded ? nil : .act(.begin(.demote(.immediateWithoutKey)), because: .demotedNotHealthiest)
        },
        Rule("running-primary", "It accepts writes already: any other leader would lose them (HA-087).") { now in
            now.isPrimary ? .act(.acquireLeaderKey, because: .healthiest) : nil
        },
    ]

    /// Compared with the others: is anybody better?
    private static let comparison: [Rule] = [
        Rule(
            "older-timeline",
            "The recorded timeline was led by somebody; leading an older one would fork history (HA-097)."
        ) { now in
            guard now.settings.checkTimeline, let (own, recorded) = older(now) else { return nil }
            return .settled(.olderTimeline(own: own, recorded: recorded), again: .seconds(1))
        },
        Rule(
            "too-far-behind",
            "More than maximum_lag_on_failover is missing: losing that much is the operator's choice (HA-096)."
        ) { now in
            let lag = now.position.lag(behind: now.cluster?.status.position ?? .zero)
            guard lag > now.settings.maximumLagOnFailover, !isSwitchover(now) else { return nil }
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
            counted(now).first { $0.answer?.isInRecovery == false && $0.answer?.position != nil }
                .map { .settled(.primaryStillAlive($0.name), again: .seconds(1)) }
        },
        Rule("peer-is-ahead", "A reachable member has more; it will take the key when its turn comes (HA-099).") {
            now in
            counted(now).first { ($0.answer?.position ?? .zero) > now.position }
                .map { .settled(.peerIsAhead($0.name), again: .seconds(1)) }
        },
        Rule("peer-has-priority", "Equally far, and the operator prefers the other one (HA-100).") { now in
            let ours = now.observation.tags.failoverPriority
            let former = now.observation.lastClusterWithLeader?.leader?.name
            let better = counted(now).first {
                $0.name != former && $0.answer?.position == now.position && priority($0, now) > ours
            }
            return better.map {
                .settled(.peerHasPriority($0.name, theirs: priority($0, now), ours: ours), again: .seconds(1))
            }
        },
        Rule("healthiest", "Nobody we can reach is ahead of us (HA-103).") { _ in
            .act(.acquireLeaderKey, because: .healthiest)
        },
    ]

    /// Peers whose word counts: reachable, allowed to lead, watchdog in order (HA-101).
    private static func counted(_ now: Situation) -> [PeerStatus] {
        (now.facts.peers ?? []).filter { peer in
            guard let answer = peer.answer else { return false }
            return (now.cluster?.member(peer.name)?.tags ?? answer.tags).mayLead && !answer.hasWatchdogFailed
        }
    }

    private static func priority(_ peer: PeerStatus, _ now: Situation) -> Int {
        (now.cluster?.member(peer.name)?.tags ?? peer.answer?.tags ?? Tags()).failoverPriority
    }

    private static func isSwitchover(_ now: Situation) -> Bool { now.request?.isSwitchover == true }

    /// Our timeline and the recorded one, when ours is older or unknown.
    private static func older(_ now: Situation) -> (own: Timeline?, recorded: Timeline)? {
        guard let recorded = now.cluster?.timeline, !now.settings.isStandbyCluster else { return nil }
        guard let own = now.timeline else { return (nil, recorded) }
        return own < recorded ? (own, recorded) : nil
    }
}

/// An operator asked for a change, and the old leader has let go: who takes over?
enum RaceOnRequest {
    static let rules: [Rule] = [
        Rule(
            "we-are-the-candidate",
            "The operator chose this member; lag and timelines were looked at when the old leader let go (HA-115)."
        ) { now in
            guard now.request?.candidate == now.me, !isTooEarly(now) else { return nil }
            return .act(.acquireLeaderKey, because: .healthiest)
        },
        Rule("ask-for-the-candidate", "Is the chosen member able to?") { now in
            guard let candidate = now.request?.candidate, candidate != now.me, now.facts.peers == nil,
                now.others.contains(where: { $0.name == candidate })
            else { return nil }
            return .ask(.statusOfPeers)
        },
        Rule("yield-to-the-candidate", "The operator chose another member, and it is able (HA-116).") { now in
            guard let candidate = now.request?.candidate, candidate != now.me, !isTooEarly(now),
                let peer = now.facts.peers?.first(where: { $0.name == candidate }), isAble(peer, now)
            else { return nil }
            return .settled(.yieldingTo(candidate), again: .milliseconds(500))
        },
        Rule("former-leader-waits", "Who was told to let go takes the key back only if nobody else can (HA-118).") {
            now in
            guard now.request?.leader == now.me else { return nil }
            guard let peers = now.facts.peers else { return now.others.isEmpty ? nil : .ask(.statusOfPeers) }
            guard let peer = peers.first(where: { isAble($0, now) }) else { return nil }
            return .settled(.yieldingTo(peer.name), again: .milliseconds(500))
        },
    ]

    /// A scheduled switchover says nothing about a leader that goes away before its time.
    private static func isTooEarly(_ now: Situation) -> Bool {
        now.request?.scheduledAt.map { $0 > now.observation.wallTime } ?? false
    }

    private static func isAble(_ peer: PeerStatus, _ now: Situation) -> Bool {
        guard let answer = peer.answer, answer.position != nil else { return false }
        return (now.cluster?.member(peer.name)?.tags ?? answer.tags).mayLead && !answer.hasWatchdogFailed
    }
}
