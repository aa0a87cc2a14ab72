// This member leads, and has just renewed its key (HA-034).

enum HoldingTheLock {
    static let table = RuleTable(
        "holding-the-lock", "We hold the key, and PostgreSQL answers.",
        when: { !$0.isStandbyCluster && $0.holdsLeaderKey && $0.running != nil && $0.facts.renewal == .held },
        [
            Rule("no-action", "A primary with the key: all is well (HA-125).") { now in
                now.isPrimary ? .settled(.leading) : nil
            },
            Rule(
                "paused-standby",
                "In maintenance mode a standby is not promoted; the key must not promise a primary (HA-124)."
            ) { now in
                guard now.isPaused, now.request?.candidate != now.me else { return nil }
                return now.did(.releaseLeaderKey)
                    ? .settled(.releasedNotPrimary) : .act(.releaseLeaderKey, because: .releasedNotPrimary)
            },
            Rule("not-allowed", "It got the key before it was tagged nofailover, and is no primary: let it go.") {
                now in
                guard !now.mayLead else { return nil }
                return now.did(.releaseLeaderKey)
                    ? .settled(.notAllowedToLead) : .act(.releaseLeaderKey, because: .notAllowedToLead)
            },
            Rule("backing-off", "Our promotion was just called off: somebody else shall try (HA-128).") { now in
                guard let until = now.memory.noRaceUntil, now.observation.now < until else { return nil }
                return now.did(.releaseLeaderKey)
                    ? .settled(.backingOff) : .act(.releaseLeaderKey, because: .backingOff)
            },
            Rule(
                "promised", "We have let another primary go on without the store: until that ends, two would write."
            ) { now in
                guard let promised = now.promisedTo, let until = now.observation.failsafe.promise?.until else {
                    return nil
                }
                return .settled(.promisedToWait(promised), again: min(.seconds(1), until - now.observation.now))
            },
            Rule("older-timeline", "Somebody led a newer timeline: promoting this one would fork history (HA-097).") {
                now in
                guard now.request?.candidate != now.me, let (own, recorded) = LeaderRace.older(now), own != nil else {
                    return nil
                }
                let reason = Reason.olderTimeline(own: own, recorded: recorded)
                return now.did(.releaseLeaderKey) ? .settled(reason) : .act(.releaseLeaderKey, because: reason)
            },
            Rule("promote", "The key says that this member is to be the primary (HA-126).") { _ in
                .act(.begin(.promote), because: .promotedByHolding)
            },
        ])
}
