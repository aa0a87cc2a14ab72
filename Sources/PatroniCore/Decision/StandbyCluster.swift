// The cluster replicates from another one. This version can't do that yet, and must do no harm meanwhile.

enum StandbyCluster {
    static let table = RuleTable(
        "standby-cluster", "The dynamic configuration names a cluster to replicate from.",
        when: { $0.settings.isStandbyCluster && $0.cluster != nil },
        [
            Rule(
                "hands-off",
                "Its leader must never be promoted, and this version can't follow a remote one: leave all as it is."
            ) { _ in .settled(.standbyClusterUnsupported) }
        ])
}
