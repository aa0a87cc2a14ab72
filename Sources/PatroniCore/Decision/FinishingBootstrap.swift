// This member has created the database of a new cluster, or has failed to (HA-026).

enum FinishingBootstrap {
    static let table = RuleTable(
        "finishing-bootstrap", "Our own attempt to create the cluster has ended.",
        when: { $0.memory.bootstrap != .notOurs && $0.job == nil },
        [
            Rule("failed", "Others may try; this member stops so that somebody looks at it (HA-055).") { now in
                guard case .failed(let why) = now.memory.bootstrap else { return nil }
                let isOurs = now.cluster?.initialize == .inProgress
                if isOurs, !now.did(.cancelInitialize) {
                    return .act(.cancelInitialize, because: .bootstrapFailed(why))
                }
                return .halt(.bootstrapFailed(why))
            },
            Rule(
                "another-cluster",
                "Somebody else's data has become the cluster while we created ours: theirs counts (HA-030)."
            ) { now in
                guard let own = now.systemIdentifier, let cluster = now.cluster?.initialize.identifier, own != cluster
                else { return nil }
                return .halt(.foreignSystemIdentifier(own: own, cluster: cluster))
            },
            Rule("identify", "The cluster's identity comes first: from now on nobody else initialises it (HA-054).") {
                now in
                guard now.memory.bootstrap == .finished, let own = now.systemIdentifier,
                    now.cluster?.initialize.identifier != own, !now.did(.writeInitialize(own))
                else { return nil }
                return .act(.writeInitialize(own), because: .finishingBootstrap)
            },
            Rule("configure", "Members that come later find their settings in the store.") { now in
                guard now.memory.bootstrap == .finished, now.cluster?.configuration == nil,
                    !now.did(.restoreConfiguration)
                else { return nil }
                return .act(.restoreConfiguration, because: .finishingBootstrap)
            },
            Rule("lead", "The key is taken only at the very end (HA-058).") { now in
                guard now.memory.bootstrap == .finished, !now.holdsLeaderKey, now.facts.acquisition == nil else {
                    return nil
                }
                return .act(.acquireLeaderKey, because: .finishingBootstrap)
            },
            Rule("unknown", "Whether the key is ours shows at the next turn.") { now in
                guard now.memory.bootstrap == .finished, case .unknown(let failure)? = now.facts.acquisition else {
                    return nil
                }
                return .settled(.raceUndecided(failure), again: .milliseconds(200))
            },
            Rule("lost", "Somebody else leads the cluster: our database must not accept writes beside theirs.") { now in
                guard now.memory.bootstrap == .finished, case .lostTo? = now.facts.acquisition else { return nil }
                return .act(.begin(.demote(.immediateWithoutKey)), because: .demotedByLosingRace)
            },
            Rule("announce", "A primary from now on, or a standby leader.") { now in
                let role: MemberRole = now.isStandbyCluster ? .standbyLeader : .primary
                guard now.memory.bootstrap == .finished, !now.did(.announce(role)) else { return nil }
                return .act(.announce(role), because: .initializedCluster)
            },
            Rule("done", "The cluster exists.") { now in
                now.memory.bootstrap == .finished ? .settled(.initializedCluster, again: .zero) : nil
            },
        ])
}
