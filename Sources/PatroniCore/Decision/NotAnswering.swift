// A postmaster runs, but no query came back in time.

enum NotAnswering {
    static let table = RuleTable(
        "not-answering", "A postmaster runs that did not answer within its deadline.",
        when: { if case .unresponsive = $0.server { true } else { false } },
        [
            Rule(
                "give-way",
                "A primary that hasn't answered for a whole ttl serves nobody; another member can (STACK: hung server)."
            ) { now in
                guard now.holdsLeaderKey, !now.isPaused, let since = now.memory.unresponsiveSince,
                    now.observation.now - since > now.settings.ttl
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
