// A standby has stopped replaying, and nobody asked it to.

enum PausedReplay {
    static let table = RuleTable(
        "paused-replay", "A standby of PostgreSQL 14 or later receives but does not replay.",
        when: { now in
            now.running?.standby?.isReplayPaused == true && now.running.map { $0.version >= 140_000 } ?? false
                && !now.did(.resumeReplay)
        },
        [
            Rule(
                "resume",
                "The primary's settings have grown beyond ours, and PostgreSQL waits; resumed it ends, and starts again with enough (HA-137)."
            ) { now in now.isPaused ? nil : .act(.resumeReplay, because: .resumingReplay) }
        ])
}
