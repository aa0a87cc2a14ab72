// Whoever holds the leader key renews it before doing anything else (HA-123).

enum KeepingTheLeaderKey {
    static let table = RuleTable(
        "keeping-the-leader-key", "The store says that this member holds the leader key.",
        when: { $0.holdsLeaderKey && !givesUp($0) },
        [
            Rule("just-let-go", "What we have just given away may still look like ours in an old picture of the store.")
            {
                now in
                guard now.facts.renewal == nil, now.memory.role == .demoted, now.leaseLeft == .zero, now.job == nil,
                    now.server == .stopped,
                    now.isWithin(.seconds(2), of: now.memory.stoppedSince)
                else { return nil }
                return .settled(.waitingForSuccessor, again: .milliseconds(200))
            },
            Rule("renew", "Whatever else happens this turn, it happens under a fresh lease.") { now in
                now.facts.renewal == nil ? .act(.renewLeaderKey, because: .leading) : nil
            },
            Rule("silent-but-valid", "A lost answer is not a lost key; until the lease ends nobody else can have it.") {
                now in
                guard case .unknown(let failure)? = now.facts.renewal, now.leaseLeft > now.safetyMargin else {
                    return nil
                }
                return .settled(.storeSilentLeaseValid(left: now.leaseLeft, failure), again: .milliseconds(500))
            },
            Rule(
                "cancel-promotion",
                "The key was lost before PostgreSQL was told to promote: nothing has happened yet (HA-162)."
            ) { now in
                guard lost(now), now.job == .promote, now.observation.job?.isPastReturn == false else { return nil }
                return .act(.cancelJob, because: .promotionLost)
            },
            Rule("paused", "In maintenance mode a primary is never stopped (HA-348).") { now in
                guard lost(now), now.isPaused, now.mayBeWritable else { return nil }
                return .settled(.continuingWhilePaused)
            },
            Rule("cancel-job", "What runs must not delay the stop of a primary that has lost the key.") { now in
                guard lost(now), let job = now.job, !job.isDemotion, now.mayBeWritable || now.willBeWritable else {
                    return nil
                }
                return .act(.cancelJob, because: .jobLost(job))
            },
            Rule("lost-while-starting", "A primary that is still starting must not come up without the key (HA-149).") {
                now in
                guard lost(now), now.job == nil, now.server == .starting, now.mayBeWritable else { return nil }
                return .act(.begin(.demote(demotion(now))), because: .stoppedStartLostKey)
            },
            Rule(
                "gone",
                "Nobody holds it: whether it may be ours again is for the race to say, which looks who has led since."
            ) { now in
                guard case .lostTo(nil)? = now.facts.renewal, now.job == nil, now.isPrimary else { return nil }
                return .settled(.leaderKeyGone, again: .milliseconds(50))
            },
            Rule("demote", "Somebody else leads, or may from now on: two primaries are worse than none (HA-044).") {
                now in
                guard lost(now), now.job == nil, now.mayBeWritable else { return nil }
                return .act(.begin(.demote(demotion(now))), because: .demotedByFailedUpdate)
            },
            Rule("look-again", "What a task that was called off has left behind shows only at the next look.") { now in
                lost(now) && now.did(.cancelJob) ? .settled(.notPromotingFailedUpdate, again: .zero) : nil
            },
            Rule("do-not-promote", "Without the key there is nothing to promote for (HA-044).") { now in
                guard lost(now), now.job?.isDemotion != true else { return nil }
                return .settled(.notPromotingFailedUpdate, again: .seconds(1))
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

    /// A demotion that gives the key away, or has already begun to, must not take it back by a renewal.
    private static func givesUp(_ now: Situation) -> Bool {
        switch now.job {
        case .demote(.graceful), .demote(.toStandbyCluster): now.observation.job?.isPastReturn == true
        case .demote: true
        default: false
        }
    }
}
