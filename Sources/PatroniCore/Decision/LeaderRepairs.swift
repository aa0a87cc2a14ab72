// The leader puts back what the store has lost.

enum LeaderRepairs {
    static let table = RuleTable(
        "leader-repairs", "We hold the key, and PostgreSQL runs as what the leader ought to be.",
        when: { $0.holdsLeaderKey && ($0.isPrimary || $0.isStandbyLeader) && $0.facts.renewal == .held },
        [
            Rule(
                "initialize",
                "Without the cluster's identity a stranger could start a second cluster under its name (HA-023)."
            ) { now in
                guard let own = now.systemIdentifier, now.cluster?.initialize != .done(own),
                    !now.did(.writeInitialize(own)),
                    !now.isPaused || now.cluster?.initialize.identifier == nil
                else { return nil }
                return .act(.writeInitialize(own), because: .writingInitialize)
            },
            Rule("configuration", "Without it every member would fall back to its own defaults (HA-023, CFG-287).") {
                now in
                guard now.cluster?.configuration == nil, !now.did(.restoreConfiguration) else { return nil }
                return .act(.restoreConfiguration, because: .restoringConfiguration)
            },
            Rule("history", "Members that come back compare themselves with it (HA-328).") { now in
                guard now.isPrimary, let timeline = now.running?.timeline, needsHistory(now, timeline),
                    !now.did(.recordHistory)
                else {
                    return nil
                }
                return .act(.recordHistory, because: .recordingHistory)
            },
        ])

    private static func needsHistory(_ now: Situation, _ timeline: Timeline) -> Bool {
        guard let history = now.cluster?.history else { return timeline > Timeline(1) }
        // A cluster that begins anew has no history (HA-327).
        if timeline == Timeline(1) { return !history.rows.isEmpty }
        // An operator may have chosen another timeline of that number: this one counts from now on.
        return history.current != timeline || now.hasTwinTimeline
    }
}
