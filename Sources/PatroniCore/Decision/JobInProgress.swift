// A long task runs. There is one at a time (HA-160); the loop keeps the key and waits (HA-024).

enum JobInProgress {
    static let table = RuleTable(
        "job-in-progress", "A long task is under way, or was called off this turn.",
        when: { $0.job != nil || $0.did(.cancelJob) },
        [
            Rule("start-called-off", "The start took too long: stop what there is of it and let somebody else lead.") {
                now in
                guard now.job == nil, now.facts.renewal == .held else { return nil }
                return .act(.begin(.demote(.immediate)), because: .stoppedStartTimeout)
            },
            Rule("look-again", "What a task that was called off has left behind shows only at the next look.") { now in
                now.job == nil && !now.mayBeWritable ? .settled(.lookingAgain, again: .zero) : nil
            },
            Rule(
                "primary-start-timeout",
                "A primary that takes too long to start gives way, if somebody can take over (HA-150, HA-151)."
            ) { now in
                guard now.holdsLeaderKey, !now.isPaused, let limit = startLimit(now), startingFor(now) > limit else {
                    return nil
                }
                return now.whenFailoverIsPossible(.act(.cancelJob, because: .stoppedStartTimeout))
            },
            Rule("lost-the-key", "Somebody else leads, or may, while this one writes or is about to (HA-162).") { now in
                guard let job = now.job, !job.isDemotion, now.memory.bootstrap == .notOurs, hasLostTheKey(now) else {
                    return nil
                }
                if now.isPaused, job != .promote || now.observation.job?.isPastReturn == true { return nil }
                guard now.mayBeWritable || now.willBeWritable else { return nil }
                return .act(.cancelJob, because: job == .promote ? .promotionLost : .jobLost(job))
            },
            Rule("keep-the-key", "The key was renewed; the task goes on (HA-161).") { now in
                guard let job = now.job, now.facts.renewal == .held else { return nil }
                return .settled(.keepingTheKey(during: job))
            },
            Rule("wait", "Everything else waits for its end (HA-163).") { now in
                now.job.map { .settled(.jobInProgress($0)) }
            },
        ])

    /// How long the start that is under way may take; nil when the job does not start a primary.
    private static func startLimit(_ now: Situation) -> Duration? {
        switch now.job {
        case .start(.primary): now.settings.primaryStartTimeout
        case .restart(let limit) where now.memory.role == .primary: limit ?? now.settings.primaryStartTimeout
        default: nil
        }
    }

    /// A restart stops first, which may take its time; only the start counts.
    private static func startingFor(_ now: Situation) -> Duration {
        let began = now.job == .start(.primary) ? now.observation.job?.since : now.memory.startingSince
        return now.observation.now - (began ?? now.observation.now)
    }

    private static func hasLostTheKey(_ now: Situation) -> Bool {
        if let leader = now.leader { return leader != now.me }
        return now.isUnlocked && now.facts.acquisition != .held && now.leaseLeft == .zero
    }
}
