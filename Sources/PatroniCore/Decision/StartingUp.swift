// PostgreSQL starts and does not accept connections yet (HA-025).

enum StartingUp {
    static let table = RuleTable(
        "starting-up", "A postmaster runs that does not accept connections yet.", when: { $0.server == .starting },
        [
            Rule("paused", "In maintenance mode a start is only watched.") { now in
                now.isPaused ? .settled(.starting, again: .seconds(1)) : nil
            },
            Rule(
                "another-leader",
                "A standby may need the leader's log to come up at all, so it must ask the right one (HA-152)."
            ) { now in
                guard !now.holdsLeaderKey, now.leader != nil, now.memory.role != .primary,
                    let target = now.memory.target, target != Following.target(now)
                else { return nil }
                let job = Job.follow(Following.target(now), restart: true)
                return .act(.begin(job), because: .changingUpstream(Following.target(now)))
            },
            Rule("follower", "A standby may take its time; crash recovery of a large one is slow (HA-152).") { now in
                now.holdsLeaderKey ? nil : now.memory.role == .primary ? nil : .settled(.starting, again: .seconds(1))
            },
            Rule("primary-without-key", "Somebody else leads: this one must not come up as a primary (HA-149).") {
                now in
                guard !now.holdsLeaderKey, now.leader != nil else { return nil }
                return .act(.begin(.demote(.immediateWithoutKey)), because: .stoppedStartLostKey)
            },
            Rule("in-time", "Crash recovery is usually quicker than a failover (HA-148).") { now in
                let left = timeLeft(now)
                return left > .zero ? .settled(.stillStarting(left: left), again: min(left, .seconds(1))) : nil
            },
            Rule("give-way", "Too slow, and somebody can take over (HA-150).") { now in
                guard now.holdsLeaderKey else { return .settled(.starting, again: .seconds(1)) }
                return now.whenFailoverIsPossible(.act(.begin(.demote(.immediate)), because: .stoppedStartTimeout))
            },
            Rule("nobody-else", "Too slow, but the only one (HA-353).") { _ in
                .settled(.startTimeoutNoFailover, again: .seconds(1))
            },
        ])

    private static func timeLeft(_ now: Situation) -> Duration {
        now.settings.primaryStartTimeout - (now.observation.now - (now.memory.startingSince ?? now.observation.now))
    }
}
