// Somebody else leads: stream from the right member, and never be a second primary (HA-034).

enum Following {
    static let table = RuleTable(
        "following", "Another member holds the leader key, and PostgreSQL answers.",
        when: { $0.leader != nil && !$0.holdsLeaderKey && $0.running != nil },
        [
            Rule("paused-primary", "In maintenance mode a second primary is the operator's business (HA-171).") { now in
                now.isPrimary && now.isPaused ? .settled(.leadingWithoutKeyWhilePaused) : nil
            },
            Rule(
                "second-primary",
                "Two primaries are worse than none: stop at once, without waiting for a checkpoint (HA-133)."
            ) { now in
                guard now.isPrimary else { return nil }
                return now.isStandbyCluster
                    ? .act(.begin(.demote(.toStandbyCluster)), because: .cannotBePrimary(holdsKey: false))
                    : .act(.begin(.demote(.immediateWithoutKey)), because: .demotedWithoutKey)
            },
            Rule("step-down", "Another member is the standby leader now; callbacks and clients must hear of it.") {
                now in
                now.memory.role == .standbyLeader ? .act(.announce(.replica), because: .noLongerStandbyLeader) : nil
            },
            Rule(
                "leader-without-address",
                "The leader key names a member that has not said where it is: go on as before (HA-139)."
            ) { now in
                guard let leader = now.leader, target(now) == .member(leader),
                    now.cluster?.leaderMember?.connectionURL == nil
                else { return nil }
                return .settled(now.isStandbyCluster ? .followingOldStandbyLeader : .following(leader: leader))
            },
            Rule("ask-whom", "Are the recovery settings in force the right ones (HA-254)?") { now in
                now.facts.upstream == nil ? .ask(.upstream(target(now))) : nil
            },
        ] + ComparingFirst.rules + [
            Rule(
                "change-upstream",
                "Streaming goes on from somebody else; in maintenance mode nothing is restarted for it (HA-136, HA-256)."
            ) { now in
                guard let state = now.facts.upstream, state != .asWanted, !wasJustTold(now),
                    !ComparingFirst.holdsBack(now)
                else { return nil }
                let job = Job.follow(target(now), restart: state == .needsRestart)
                return now.isPaused && state == .needsRestart
                    ? nil : .act(.begin(job), because: .changingUpstream(target(now)))
            },
            Rule(
                "copy-slots",
                "A consumer of a permanent logical slot must be able to go on here after a failover (HA-271, HA-352)."
            ) { now in
                guard !now.isPaused, !now.isStandbyCluster, let leader = now.cluster?.leaderMember,
                    leader.role == .primary, leader.connectionURL != nil, !now.observation.missingSlots.isEmpty,
                    // Not while it goes on without the store (HA-219).
                    now.promisedTo == nil,
                    isStreamingTheLeadersTimeline(now),
                    !now.isWithin(now.settings.ttl, of: now.memory.slotsCopiedAt)
                else { return nil }
                let names = now.observation.missingSlots
                return .act(.begin(.copySlots(names, from: leader.name)), because: .copyingSlots(names))
            },
            Rule("streams", "A standby that streams the leader's timeline can't have diverged from it.") { now in
                isStreamingTheLeadersTimeline(now) ? followingTheLeader(now) : nil
            },
        ] + Rejoining.rules.filter { !["start", "not-ready", "paused-diverged"].contains($0.name) }.map(whenNotPaused)
            + [
                Rule("no-action", "A standby that follows the leader: all is well (HA-132).") { now in
                    followingTheLeader(now)
                }
            ])

    private static func followingTheLeader(_ now: Situation) -> Decision? {
        now.leader.map { .settled(now.isStandbyCluster ? .followingStandbyLeader($0) : .following(leader: $0)) }
    }

    static func whenNotPaused(_ rule: Rule) -> Rule {
        Rule(rule.name, rule.sentence) { now in now.isPaused ? nil : rule.decide(now) }
    }

    /// Something overrules our settings; saying the same again at once would restart PostgreSQL for ever.
    static func wasJustTold(_ now: Situation) -> Bool {
        now.memory.target == target(now) && now.isWithin(now.settings.loopWait, of: now.memory.retargetedAt)
    }

    /// It runs, and somebody is there to stream from.
    static func shouldStream(_ now: Situation) -> Bool {
        guard now.running?.standby != nil else { return false }
        switch target(now) {
        case .nobody: return false
        case .member: return true
        case .remote: return now.settings.standbyCluster?.hasServer == true
        }
    }

    private static func isStreamingTheLeadersTimeline(_ now: Situation) -> Bool {
        guard now.running?.standby?.replicationState == "streaming", !ComparingFirst.holdsBack(now) else {
            return false
        }
        guard let theirs = now.cluster?.leaderMember?.timeline, let own = now.running?.timeline else { return true }
        return own >= theirs
    }

    /// Whom this member streams from while nobody leads: a leader that lost its key, or its agent, may still have and
    /// send what was acknowledged. A standby that runs keeps its upstream for the same reason.
    static func lastTarget(_ now: Situation) -> FollowTarget {
        guard let last = now.observation.lastClusterWithLeader, let leader = last.leader?.name, leader != now.me,
            !now.observation.tags.isArchiveOnly, last.leaderMember?.connectionURL != nil
        else { return .nobody }
        return .member(leader)
    }

    /// Whom this member streams from (HA-134, HA-135).
    static func target(_ now: Situation) -> FollowTarget {
        if now.observation.tags.isArchiveOnly { return .nobody }
        if now.isStandbyCluster, now.holdsLeaderKey || now.isUnlocked && !now.isPaused { return .remote }
        guard let leader = now.leader, leader != now.me else { return .nobody }
        if let wanted = now.observation.tags.upstream, wanted != now.me,
            now.cluster?.member(wanted)?.connectionURL != nil
        {
            return .member(wanted)
        }
        return .member(leader)
    }
}
