// PostgreSQL is stopped though it should run.

enum Recovery {
    static let table = RuleTable(
        "recovery", "There is a database, and no postmaster.", when: { $0.server == .stopped && $0.control != nil },
        [
            Rule(
                "paused-leader",
                "In maintenance mode the operator stopped it; the key must not promise a primary (HA-032, HA-174)."
            ) { now in
                guard now.isPaused, now.holdsLeaderKey, !now.did(.releaseLeaderKey) else { return nil }
                return .act(.releaseLeaderKey, because: .releasedNotRunning)
            },
            Rule(
                "paused",
                "In maintenance mode nothing is started, except what an operator's failover stopped (HA-032, HA-167, HA-250)."
            ) { now in
                now.isPaused && now.memory.role != .demoted
                    ? .settled(now.did(.releaseLeaderKey) ? .releasedNotRunning : .notRunningWhilePaused) : nil
            },
            Rule(
                "leader-failed-to-start",
                "The start failed, also that of a restart; somebody else shall lead (HA-027, HA-156)."
            ) { now in
                guard now.holdsLeaderKey, now.memory.startFailure != nil else { return nil }
                if now.memory.role != .demoted { return .act(.announce(.demoted), because: .releasedAfterFailedStart) }
                if !now.did(.releaseLeaderKey) { return .act(.releaseLeaderKey, because: .releasedAfterFailedStart) }
                return .settled(.releasedAfterFailedStart, again: .seconds(1))
            },
            Rule(
                "fail-over-at-once",
                "primary_start_timeout is 0: the operator prefers a failover to a restart (HA-075, HA-387)."
            ) { now in
                guard wasLeadingPrimary(now) || hasCrashedAsStandbyLeader(now),
                    now.settings.primaryStartTimeout == .zero
                else { return nil }
                return now.whenFailoverIsPossible(.act(.begin(.demote(.immediate)), because: .stoppedToFailOver))
            },
            Rule(
                "behind-history",
                "Somebody led a newer timeline than ours: the key is not for this member, however it came by it (HA-087)."
            ) { now in
                guard now.holdsLeaderKey, !now.isPaused, !now.did(.releaseLeaderKey), now.isBehindHistory,
                    let recorded = now.cluster?.timeline
                else { return nil }
                return .act(
                    .releaseLeaderKey, because: .olderTimeline(own: now.control?.newestTimeline, recorded: recorded))
            },
            Rule(
                "restart-the-primary",
                "We lead and were a primary: the same timeline goes on, standbys need not move (HA-076)."
            ) { now in
                guard wasLeadingPrimary(now), !now.isBehindHistory else { return nil }
                return .act(.begin(.start(.primary)), because: .startingPrimary)
            },
            Rule("leader-starts-as-standby", "We lead but were no primary: start, then promote (HA-078).") { now in
                guard now.holdsLeaderKey, !now.isStandbyCluster else { return nil }
                return .act(.begin(.start(.standby(.nobody))), because: .startingWithKey)
            },
            Rule("start-failed", "It failed a moment ago; the same at once would fail again (HA-027).") { now in
                guard let failure = now.memory.startFailure, let left = now.backoff(failure) else { return nil }
                return .settled(.startFailed(failure.why), again: left)
            },
        ] + Rejoining.rules + [
            Rule(
                "hand-over",
                "We have just stopped to hand over: give the successor a moment before coming back (HA-118)."
            ) { now in
                guard now.isUnlocked, now.memory.role == .demoted,
                    now.isWithin(now.settings.loopWait, of: now.memory.stoppedSince)
                else { return nil }
                return .settled(.waitingForSuccessor, again: .milliseconds(200))
            },
            Rule("start-as-standby-leader", "We lead a standby cluster: stream from its remote (HA-079).") { now in
                guard now.holdsLeaderKey, now.isStandbyCluster else { return nil }
                return .act(.begin(.start(.standbyLeader)), because: .startingAsStandbyLeader)
            },
            Rule(
                "follow-the-remote",
                "Nobody leads the standby cluster: what comes from the remote is right (HA-080, HA-351)."
            ) {
                now in
                guard now.isStandbyCluster else { return nil }
                return .act(.begin(.start(.standby(target(now)))), because: .followingRemoteMember)
            },
            Rule(
                "start-as-secondary",
                "Nobody leads: come up readable, with what the last leader can still send; the race follows (HA-081)."
            ) { now in
                .act(.begin(.start(.standby(Following.lastTarget(now)))), because: .startingAsSecondary)
            },
        ])

    private static func wasLeadingPrimary(_ now: Situation) -> Bool {
        guard now.holdsLeaderKey, now.control?.state.wasPrimary == true, now.memory.role != .demoted else {
            return false
        }
        // A standby cluster has no primary; one that has crashed while it still was one is shut down properly first.
        return !now.isStandbyCluster || now.memory.crashedAt != nil && now.memory.role == .primary
    }

    private static func hasCrashedAsStandbyLeader(_ now: Situation) -> Bool {
        now.holdsLeaderKey && now.isStandbyCluster && now.memory.crashedAt != nil && now.memory.role == .standbyLeader
    }

    /// Nobody leads, so in maintenance mode too the remote is the only one to stream from.
    private static func target(_ now: Situation) -> FollowTarget {
        now.observation.tags.isArchiveOnly ? .nobody : .remote
    }
}
