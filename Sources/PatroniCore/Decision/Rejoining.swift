// Another member leads. May this one simply follow, or does its log hold something the leader never had?

/// The ladder that ends in following: compare, rewind, clone anew; never start before it is through (HA-146). Used stopped (Recovery) and running (Following).
enum Rejoining {
    static let rules: [Rule] = [
        Rule("not-ready", "A leader that is still promoting can't be compared with; it takes a moment (HA-236).") {
            now in
            guard let leader = leaderToCompare(now)?.member, !isReady(now),
                now.isWithin(now.settings.loopWait, of: now.memory.stoppedSince)
            else { return nil }
            return .settled(.waitingForLeaderToPromote(leader), again: .milliseconds(200))
        },
        Rule("compare", "Before following anybody, know whether we hold more than the leader (HA-234).") { now in
            guard let leader = leaderToCompare(now), isReady(now), needsComparison(now) else { return nil }
            return .act(.begin(.checkDivergence(from: leader)), because: .comparing(with: leader))
        },
        Rule(
            "rewind-checkpoint",
            "pg_rewind reads the leader's timeline from its checkpoint, which must come first (HA-239)."
        ) { now in
            guard now.memory.divergence == .diverged, canRewind(now), !now.isStandbyCluster,
                let leader = now.cluster?.leaderMember, leader.awaitsCheckpoint
            else { return nil }
            return .settled(.waitingForCheckpoint(leader.name), again: .milliseconds(500))
        },
        Rule("rewind-later", "The last attempt could not begin or was called off: not again at once (HA-246).") { now in
            guard now.memory.divergence == .diverged, canRewind(now), let leader = leaderToCompare(now),
                now.isWithin(now.settings.loopWait, of: now.memory.rewindPostponedAt)
            else { return nil }
            return .settled(.rewindPostponed(leader), again: .seconds(1))
        },
        Rule("rewind", "What the leader never had is cut off and replaced (HA-238).") { now in
            guard now.memory.divergence == .diverged, canRewind(now), let leader = leaderToCompare(now) else {
                return nil
            }
            return .act(.begin(.rewind(from: leader)), because: .rewinding(leader))
        },
        Rule(
            "paused-diverged",
            "In maintenance mode nothing is thrown away: what a switchover has left diverged waits for its end (HA-167)."
        ) { now in
            guard now.isPaused, now.server == .stopped, leaderToCompare(now) != nil, needsCloning(now) else {
                return nil
            }
            return .settled(.notRunningWhilePaused)
        },
        Rule("clone-after-failed-rewind", "The operator allows throwing the data away when a rewind fails (HA-245).") {
            now in
            guard case .rewindFailed = now.memory.divergence, leaderToCompare(now) != nil,
                now.settings.removeDataDirectoryOnRewindFailure || now.settings.removeDataDirectoryOnDivergedTimelines
            else { return nil }
            return .act(.begin(.reinitialize(from: source(now))), because: .reinitializingDiverged)
        },
        Rule("clone-diverged", "Nothing to rewind with, but the operator allows throwing the data away (HA-247).") {
            now in
            guard now.memory.divergence == .diverged && !canRewind(now) || isForked(now) != nil,
                leaderToCompare(now)?.member != nil, now.settings.removeDataDirectoryOnDivergedTimelines
            else { return nil }
            return .act(.begin(.reinitialize(from: source(now))), because: .reinitializingDiverged)
        },
        Rule(
            "needs-copy",
            "Two timelines of the same number must never mix: neither started nor rewound, the operator must decide."
        ) { now in
            guard let why = isForked(now), leaderToCompare(now) != nil else { return nil }
            return .settled(.needsCopy(why))
        },
        Rule("start", "Everything else is sorted out by streaming.") { now in
            guard now.server == .stopped, now.leader != nil, !now.holdsLeaderKey else { return nil }
            return .act(.begin(.start(.standby(Following.target(now)))), because: .startingAsSecondary)
        },
    ]

    /// Nil when nobody else leads. All of a standby cluster compare with its remote, its leader too (HA-229).
    private static func leaderToCompare(_ now: Situation) -> HistorySource? {
        if let remote = now.settings.standbyCluster { return remote.hasServer ? .remote : nil }
        guard let leader = now.leader, leader != now.me else { return nil }
        return .member(leader)
    }

    /// Where to copy from, instead of what is thrown away.
    private static func source(_ now: Situation) -> CloneSource {
        guard let leader = now.leader, leader != now.me else { return .remote }
        return EmptyDataDirectory.cloneSource(now, leader: leader)
    }

    /// What could not be found out is tried again, but not at once. A standby that still does not stream after a ttl
    /// may have been compared with another life of the same leader.
    static func needsComparison(_ now: Situation) -> Bool {
        switch now.memory.divergence {
        case .unchecked: true
        case .unknown: !now.isWithin(patience(now), of: now.memory.comparedAt)
        // Another leader may have the same history as we.
        case .needsCopy: !now.isWithin(now.settings.ttl, of: now.memory.comparedAt)
        case .none: Following.shouldStream(now) && !now.isWithin(now.settings.ttl, of: now.memory.comparedAt)
        case .diverged, .rewindFailed: false
        }
    }

    /// A remote that is away may be away for long, and a running standby of it misses nothing by waiting.
    private static func patience(_ now: Situation) -> Duration {
        now.isStandbyCluster && now.running != nil ? now.settings.ttl : now.settings.loopWait
    }

    /// The leader says of itself that it is a running primary. A remote one is asked.
    static func isReady(_ now: Situation) -> Bool {
        if now.isStandbyCluster { return true }
        guard let leader = now.cluster?.leaderMember else { return false }
        return leader.role == .primary && leader.connectionURL != nil
    }

    /// No other way leads back to the leader's history.
    private static func needsCloning(_ now: Situation) -> Bool {
        if case .rewindFailed = now.memory.divergence { return true }
        return now.memory.divergence == .diverged && !canRewind(now) || isForked(now) != nil
    }

    private static func isForked(_ now: Situation) -> String? {
        if case .needsCopy(let why) = now.memory.divergence { why } else { nil }
    }

    private static func canRewind(_ now: Situation) -> Bool {
        now.settings.usePgRewind && now.control?.allowsRewind == true
    }
}
