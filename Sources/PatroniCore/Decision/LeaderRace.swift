// Nobody holds the leader key: may this member take it (HA-033)? One that is still starting never does (HA-086).

enum LeaderRace {
    static let table = RuleTable(
        "leader-race", "Nobody holds the leader key, and PostgreSQL answers.",
        when: { $0.isUnlocked && $0.running != nil },
        outcome + eligibility + RaceUnderFailsafe.rules + RaceOnRequest.rules + RaceComparison.rules)

    /// The store has answered.
    private static let outcome: [Rule] = [
        Rule(
            "won-clear-request",
            "The operator's request has led to a new leader (HA-121); in maintenance mode it stays until the promotion is through (HA-392)."
        ) { now in
            guard now.facts.acquisition == .held, now.request != nil, !now.did(.clearFailoverRequest),
                !now.isPaused || now.isPrimary || now.isStandbyCluster
            else { return nil }
            return .act(.clearFailoverRequest, because: .requestFulfilled)
        },
        Rule("won-as-primary", "Already a primary: nothing to promote.") { now in
            now.facts.acquisition == .held && now.isPrimary ? .settled(.acquiredAsPrimary, again: .zero) : nil
        },
        Rule(
            "won-standby-cluster",
            "The leader of a standby cluster stays a standby; it follows the remote from the next turn on (HA-349)."
        ) { now in
            guard now.facts.acquisition == .held, now.isStandbyCluster else { return nil }
            if now.memory.role != .standbyLeader {
                return .act(.announce(.standbyLeader), because: .standbyLeaderByAcquiring)
            }
            return .settled(.standbyLeaderByAcquiring, again: .zero)
        },
        Rule("won", "The key is ours: become what it says (HA-103).") { now in
            now.facts.acquisition == .held ? .act(.begin(.promote), because: .promotedByAcquiring) : nil
        },
        Rule(
            "undecided-primary",
            "The answer was lost, and no lease protects us any more: somebody else may have won (HA-041)."
        ) { now in
            guard case .unknown? = now.facts.acquisition, now.isPrimary, !now.isPaused, now.leaseLeft == .zero else {
                return nil
            }
            return .act(.begin(.demote(.offline)), because: .demotedStoreGone)
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
            if case .lostTo? = now.facts.acquisition { .settled(.lostRace, again: .milliseconds(100)) } else { nil }
        },
    ]

    /// Without asking anybody: may this member lead at all?
    private static let eligibility: [Rule] = [
        Rule("backing-off", "Our own promotion was just called off; let others have their turn (HA-085).") { now in
            guard let until = now.memory.noRaceUntil, now.observation.now < until, !now.isPrimary else { return nil }
            return .settled(.backingOff, again: until - now.observation.now)
        },
        Rule("paused-standby", "In maintenance mode nobody is promoted on its own (HA-088).") { now in
            guard now.isPaused, !now.isPrimary, now.request?.candidate != now.me || now.request?.scheduledAt != nil
            else { return nil }
            return .settled(.notHealthiestWhilePaused)
        },
        Rule("paused-foreign-primary", "In maintenance mode only a primary of this cluster may keep leading (HA-088).")
        { now in
            guard now.isPaused, now.isPrimary, let cluster = now.cluster?.initialize.identifier,
                cluster != now.systemIdentifier
            else { return nil }
            return .settled(.leadingWithoutKeyWhilePaused)
        },
        Rule(
            "paused-older-primary",
            "In maintenance mode it goes on, but the key would make the past the cluster's future (HA-087)."
        ) { now in
            guard now.isPaused, now.isPrimary, let (own, recorded) = older(now), own != nil else { return nil }
            return .settled(.olderTimeline(own: own, recorded: recorded))
        },
        Rule("older-primary", "Somebody led a newer timeline: this primary is the past (HA-087).") { now in
            guard now.isPrimary, !now.isPaused, let (own, _) = older(now), own != nil else { return nil }
            let reason: Reason = now.mayLead ? .demotedNotHealthiest : .demotedNotAllowed
            return .act(.begin(.demote(.immediateWithoutKey)), because: reason)
        },
        Rule(
            "not-synchronous-primary",
            "Whoever is to be a primary puts itself into /sync first: somebody else has been one since (HA-093)."
        ) { now in
            guard now.isPrimary, !now.isPaused, now.isOutsideSync else { return nil }
            return .act(.begin(.demote(.immediateWithoutKey)), because: .demotedNotHealthiest)
        },
        Rule("running-primary", "It accepts writes already: any other leader would lose them (HA-087).") { now in
            now.isPrimary ? .act(.acquireLeaderKey, because: .healthiest) : nil
        },
        Rule("not-allowed", "A member tagged nofailover is never promoted, whatever it knows (HA-089).") { now in
            now.mayLead ? nil : .settled(.notAllowedToLead, again: .seconds(1))
        },
        Rule(
            "log-still-grows",
            "primary_race_backoff: the old primary has lost the key, not us, and still writes; it may come back (HA-084)."
        ) { now in
            let window = now.settings.primaryRaceBackoff
            guard window > .zero, !now.isPaused, !now.settings.isStandbyCluster, now.request?.candidate == nil,
                let since = now.memory.unlockedSince, let before = now.memory.earlierPosition
            else { return nil }
            let left = since + window - now.observation.now
            let grows = now.running?.standby?.replicationState == "streaming" && now.position > before
            guard left > .zero && grows || left > window - now.settings.loopWait else { return nil }
            return .settled(.raceBackoff(left: left), again: min(left, .seconds(1)))
        },
        Rule("not-synchronous", "Only synchronous standbys are known to have every acknowledged commit (HA-093).") {
            now in
            guard now.isOutsideSync, now.settings.synchronousMode == .on, !isManualFailoverToUs(now) else { return nil }
            return .settled(.notSynchronous, again: .seconds(1))
        },
    ]

    static func isManualFailoverToUs(_ now: Situation) -> Bool {
        now.request?.isSwitchover == false && now.request?.candidate == now.me
    }

    /// Our timeline and the recorded one, when ours is older, unknown, or another one of that number.
    static func older(_ now: Situation) -> (own: Timeline?, recorded: Timeline)? {
        guard let recorded = now.cluster?.timeline, !now.settings.isStandbyCluster else { return nil }
        guard let own = now.timeline else { return (nil, recorded) }
        return own < recorded || now.hasTwinTimeline ? (own, recorded) : nil
    }
}
