// Whoever holds the leader key renews it before doing anything else (HA-123).

enum KeepingTheLeaderKey {
    static let table = RuleTable(
        "keeping-the-leader-key", "The store says that this member holds the leader key.",
        when: { $0.holdsLeaderKey && !givesUp($0) },
        [
            Rule("renew", "Whatever else happens this turn, it happens under a fresh lease.") { now in
                now.facts.renewal == nil ? .act(.renewLeaderKey, because: .leading) : nil
            },
            Rule("silent-but-valid", "A lost answer is not a lost key; until the lease ends nobody else can have it.") {
                now in
                guard case .unknown(let failure)? = now.facts.renewal, now.isPaused || now.leaseLeft > now.safetyMargin
                else { return nil }
                return .settled(.storeSilentLeaseValid(left: now.leaseLeft, failure), again: .milliseconds(500))
            },
            Rule("paused", "In maintenance mode a primary is never stopped (HA-348).") { now in
                guard lost(now), now.isPaused, now.isPrimary else { return nil }
                return .settled(.continuingWhilePaused)
            },
            Rule(
                "cancel-promotion",
                "The key was lost before PostgreSQL was told to promote: nothing has happened yet (HA-162)."
            ) { now in
                guard lost(now), now.job == .promote, now.observation.job?.isPastReturn == false else { return nil }
                return .act(.cancelJob, because: .promotionLost)
            },
            Rule("cancel-job", "What runs must not delay the stop of a primary that has lost the key.") { now in
                guard lost(now), now.isPrimary, let job = now.job, !isDemotion(job) else { return nil }
                return .act(.cancelJob, because: .jobLost(job))
            },
            Rule("demote", "Somebody else leads, or may from now on: two primaries are worse than none (HA-044).") {
                now in
                guard lost(now), now.isPrimary, now.job == nil else { return nil }
                return .act(.begin(.demote(demotion(now))), because: .demotedByFailedUpdate)
            },
            Rule("lost-while-starting", "A primary that is still starting must not come up without the key (HA-149).") {
                now in
                guard lost(now), now.server == .starting, now.memory.role == .primary else { return nil }
                if now.job != nil { return .act(.cancelJob, because: .stoppedStartLostKey) }
                return .act(.begin(.demote(demotion(now))), because: .stoppedStartLostKey)
            },
            Rule("do-not-promote", "Without the key there is nothing to promote for.") { now in
                lost(now) ? .settled(.notPromotingFailedUpdate, again: .seconds(1)) : nil
            },
        ])

    private static func lost(_ now: Situation) -> Bool {
        switch now.facts.renewal {
        case .lostTo, .unknown: true
        case .held, nil: false
        }
    }

    private static func demotion(_ now: Situation) -> Demotion {
        if case .unknown? = now.facts.renewal { .offline } else { .immediateWithoutKey }
    }

    private static func isDemotion(_ job: Job) -> Bool { if case .demote = job { true } else { false } }

    /// A demotion that hands the key over releases it by itself; renewing at the same time could take it back.
    private static func givesUp(_ now: Situation) -> Bool {
        switch now.job {
        case .demote(.immediate), .demote(.immediateWithoutKey), .demote(.offline): true
        default: false
        }
    }
}
