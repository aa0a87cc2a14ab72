// A long task runs. There is one at a time; the loop keeps the key and waits.

enum JobInProgress {
    static let table = RuleTable(
        "job-in-progress", "A long task is under way.", when: { $0.job != nil },
        [
            Rule(
                "primary-start-timeout",
                "A primary that takes too long to start gives way, if somebody can take over (HA-150)."
            ) { now in
                guard case .start(.primary) = now.job, now.holdsLeaderKey, let job = now.observation.job, !now.isPaused,
                    now.observation.now - job.since > now.settings.primaryStartTimeout
                else { return nil }
                return now.whenFailoverIsPossible(.act(.cancelJob, because: .stoppedStartTimeout))
            },
            Rule("lost-the-key", "Somebody else leads while we promote or start as a primary (HA-162).") { now in
                guard let job = now.job, job == .promote || job == .start(.primary), let leader = now.leader,
                    leader != now.me, now.observation.job?.isPastReturn == false
                else { return nil }
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
}
