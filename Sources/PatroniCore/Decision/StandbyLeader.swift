// This member leads a standby cluster (HA-222): a standby itself, it streams from the remote and the others stream from it.

enum StandbyLeader {
    static let table = RuleTable(
        "standby-leader", "We hold the key of a standby cluster, and PostgreSQL answers.",
        when: { $0.isStandbyCluster && $0.holdsLeaderKey && $0.running != nil && $0.facts.renewal == .held },
        [
            Rule("paused-primary", "In maintenance mode a primary stays one, whatever the cluster has become (HA-171).")
            {
                now in
                now.isPrimary && now.isPaused ? .settled(.leadingWithoutKeyWhilePaused) : nil
            },
            Rule(
                "real-primary",
                "The cluster has become a standby of another one: stop so that the other site has everything (HA-228, HA-350)."
            ) { now in
                now.isPrimary
                    ? .act(.begin(.demote(.toStandbyCluster)), because: .cannotBePrimary(holdsKey: true)) : nil
            },
            Rule("become", "From now on we are the one that the others stream from (HA-231, HA-349, HA-372).") { now in
                guard now.memory.role != .standbyLeader else { return nil }
                return .act(.announce(.standbyLeader), because: .standbyLeaderByHolding)
            },
            Rule("ask-whom", "Do the recovery settings in force name the remote (HA-254)?") { now in
                now.facts.upstream == nil ? .ask(.upstream(Following.target(now))) : nil
            },
            Rule("change-upstream", "The remote has moved, or we streamed from a member until now (HA-131).") { now in
                let target = Following.target(now)
                guard let state = now.facts.upstream, state != .asWanted, !Following.wasJustTold(now),
                    !now.isPaused || state != .needsRestart
                else { return nil }
                return .act(
                    .begin(.follow(target, restart: state == .needsRestart)), because: .changingUpstream(target))
            },
            Rule("streams", "What streams from the remote can't have diverged from it.") { now in
                now.running?.standby?.replicationState == "streaming" ? .settled(reason(now)) : nil
            },
        ]
            + Rejoining.rules.filter { $0.name.hasPrefix("rewind") || $0.name == "compare" }.filter {
                $0.name != "rewind-checkpoint"
            }.map(Following.whenNotPaused) + [
                Rule(
                    "no-action", "Not streaming, from the archive perhaps, or the remote is away: wait for it (HA-131)."
                ) {
                    now in .settled(reason(now))
                }
            ])

    private static func reason(_ now: Situation) -> Reason {
        now.did(.announce(.standbyLeader)) ? .standbyLeaderByHolding : .standbyLeading
    }
}
