// A postmaster runs, but no query came back in time.

enum NotAnswering {
    static let table = RuleTable(
        "not-answering", "A postmaster runs that did not answer within its deadline.",
        when: { if case .unresponsive = $0.server { true } else { false } },
        [
            Rule(
                "give-way",
                "A primary that hasn't answered for half a ttl serves nobody: kill it, so that it can't thaw beside the next one, and let that lead."
            ) { now in
                guard now.holdsLeaderKey, !now.isPaused, now.memory.role == .primary,
                    let since = now.memory.unresponsiveSince, now.observation.now - since >= now.settings.ttl / 2
                else { return nil }
                return now.whenFailoverIsPossible(.act(.begin(.demote(.immediate)), because: .stoppedUnresponsive))
            },
            Rule("primary-without-key", "Somebody else leads or may, and this one may still accept writes (HA-133).") {
                now in
                guard !now.holdsLeaderKey, now.leader != nil || now.leaseLeft == .zero, now.memory.role == .primary,
                    !now.isPaused
                else { return nil }
                return .act(.begin(.demote(.immediateWithoutKey)), because: .demotedWithoutKey)
            },
            Rule("wait", "Busy, or its disk is; the next look tells (HA-037).") { now in
                guard case .unresponsive(let why) = now.server else { return nil }
                return .settled(.serverDoesNotAnswer(why), again: .seconds(1))
            },
        ])
}
