// Is the database here a part of the cluster in the store?

enum Identity {
    static let table = RuleTable(
        "identity", "There is a database, and the cluster has an identity or none.",
        when: { $0.systemIdentifier != nil && $0.memory.bootstrap == .notOurs },
        [
            Rule(
                "foreign-paused-leader",
                "In maintenance mode the data may be exchanged, but not led under the old name (HA-173)."
            ) { now in
                guard mismatch(now) != nil, now.isPaused, now.holdsLeaderKey else { return nil }
                return now.did(.releaseLeaderKey)
                    ? .settled(.releasedForeignIdentifier)
                    : .act(.releaseLeaderKey, because: .releasedForeignIdentifier)
            },
            Rule("foreign-paused", "In maintenance mode a mismatch is only told.") { now in
                guard let (own, cluster) = mismatch(now), now.isPaused, now.server == .stopped else { return nil }
                return .settled(.foreignWhilePaused(own: own, cluster: cluster))
            },
            Rule("foreign", "Replicating between different databases would destroy one of them (HA-030).") { now in
                guard let (own, cluster) = mismatch(now), !now.isPaused else { return nil }
                return .halt(.foreignSystemIdentifier(own: own, cluster: cluster))
            },
            Rule(
                "replica-without-cluster",
                "A replica can't tell what cluster this is to be; starting one from it may lose data (HA-031)."
            ) { now in
                guard now.isUnlocked, !now.isPaused, now.cluster?.initialize == .absent, now.running?.standby != nil,
                    now.cluster?.lastKnownLeader(now.observation.lastClusterWithLeader) == nil
                else { return nil }
                return .halt(.replicaWithoutCluster)
            },
            Rule("name-the-cluster", "A database without a cluster becomes the cluster's first (HA-031).") { now in
                guard now.isUnlocked, !now.isPaused, now.cluster?.initialize == .absent, let own = now.systemIdentifier,
                    !now.did(.writeInitialize(own))
                else { return nil }
                return .act(.writeInitialize(own), because: .writingInitialize)
            },
        ])

    private static func mismatch(_ now: Situation) -> (own: SystemIdentifier, cluster: SystemIdentifier)? {
        guard let own = now.systemIdentifier, let cluster = now.cluster?.initialize.identifier, own != cluster else {
            return nil
        }
        return (own, cluster)
    }
}

extension Cluster {
    /// Who led when last seen; tells "never had a leader" from "has lost its keys".
    fileprivate func lastKnownLeader(_ last: Cluster?) -> MemberName? { leader?.name ?? last?.leader?.name }
}
