// The leader race in a cluster that has failsafe mode: a primary may be going on without the store.

enum RaceUnderFailsafe {
    static let rules: [Rule] = [
        Rule(
            "not-in-failsafe-map",
            "Nobody asks us before going on without the store, so we must not take over (HA-092); an operator may insist."
        ) { now in
            guard now.settings.isFailsafeModeEnabled, let map = now.cluster?.failsafe, !map.isEmpty, map[now.me] == nil,
                !LeaderRace.isManualFailoverToUs(now)
            else { return nil }
            return .settled(.notInFailsafeMap, again: .seconds(1))
        },
        Rule(
            "may-have-promised",
            "An agent that has just started may have let somebody go on whom it can't see now; that ends within a ttl."
        ) { now in
            guard now.settings.isFailsafeModeEnabled, let started = now.observation.failsafe.startedAt,
                now.isWithin(now.settings.ttl, of: started), let map = now.cluster?.failsafe
            else { return nil }
            let others = map.keys.filter { $0 != now.me }.sorted()
            if others.isEmpty { return nil }
            guard let peers = now.facts.peers else { return .ask(.statusOfPeers) }
            let doubtful = others.filter { name in
                peers.first { $0.name == name }?.answer?.isInRecovery != true
            }
            if doubtful.isEmpty { return nil }
            let left = started + now.settings.ttl - now.observation.now
            return .settled(.mayHavePromised(doubtful), again: min(left, .seconds(1)))
        },
    ]
}
