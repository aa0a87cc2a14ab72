// The store gave no answer. That is no answer to "who leads", so a primary goes on until its lease runs out.

enum StoreSilent {
    static let table = RuleTable(
        "store-silent", "The store could not be read this turn.", when: { $0.cluster == nil },
        [
            Rule("paused", "In maintenance mode nothing is stopped on its own, store or no store (HA-416).") { now in
                guard now.isPaused, case .silent(let failure) = now.observation.store else { return nil }
                return .settled(.storeSilent(failure))
            },
            Rule("already-demoting", "The stop is under way; a second one would not be faster.") { now in
                guard case .demote = now.job, let job = now.job else { return nil }
                return .settled(.jobInProgress(job))
            },
            Rule("lease-valid", "Nobody else can have become leader yet: keep the writes running and try again.") {
                now in
                guard isDangerous(now), now.leaseLeft > now.safetyMargin,
                    case .silent(let failure) = now.observation.store
                else { return nil }
                return .settled(
                    .storeSilentLeaseValid(left: now.leaseLeft, failure),
                    again: min(.seconds(1), now.leaseLeft - now.safetyMargin))
            },
            Rule("free-the-hands", "What runs must not delay the stop of the primary.") { now in
                guard isDangerous(now), now.job != nil else { return nil }
                return .act(.cancelJob, because: .demotedStoreGone)
            },
            Rule("lease-ends", "From here on another member may take over: stop accepting writes (HA-041).") { now in
                isDangerous(now) ? .act(.begin(.demote(.offline)), because: .demotedStoreGone) : nil
            },
            Rule("demoted", "A demoted primary still serves readers while everybody waits for the store (HA-140).") {
                now in
                guard now.server == .stopped, now.memory.role == .demoted, now.job == nil,
                    now.memory.startFailure == nil, now.control != nil
                else { return nil }
                return .act(.begin(.start(.standby(.nobody))), because: .startedReadOnly)
            },
            Rule("wait", "Without the store a standby stays what it is (HA-042).") { now in
                guard case .silent(let failure) = now.observation.store else { return nil }
                return .settled(.storeSilent(failure), again: now.did(.cancelJob) ? .zero : .seconds(1))
            },
        ])

    /// Accepting writes now, or about to. Not while we create the cluster: nobody else has its data yet.
    private static func isDangerous(_ now: Situation) -> Bool {
        now.memory.bootstrap == .notOurs && (now.mayBeWritable || now.willBeWritable)
    }
}
