// Properties that hold in every situation, however absurd.

import Testing

@testable import PatroniCore

@Suite("Random turns") struct RandomTurnTests {
    struct Case {
        var seed: UInt64
        var now: Observation
        var memory: Memory
        var world: World
        var seen: Transcript

        init(_ seed: UInt64) {
            var random = SeededRandom(seed: seed)
            self.seed = seed
            now = random.observation()
            memory = random.memory()
            // A bootstrap that runs has been begun by this member.
            if now.job?.job == .bootstrap { memory.bootstrap = .running }
            world = random.world()
            seen = .of(now, memory, world)
        }

        var hasKey: Bool {
            seen.turn.facts.renewal == .held || seen.turn.facts.acquisition == .held
        }
        var isPaused: Bool { now.settings.isPaused }
        var cluster: Cluster? { if case .cluster(let cluster) = now.store { cluster } else { nil } }
        var told: String { "seed \(seed): \(seen.path.joined(separator: ", ")) in \(now), \(memory)" }
    }

    /// Runs `check` on many seeds; a failing one says which.
    static func always(_ what: Comment, _ count: UInt64 = 4000, _ check: (Case) -> Bool?) {
        for seed in 1...count {
            let one = Case(seed)
            if check(one) == false {
                Issue.record("\(what): \(one.told)")
                return
            }
        }
    }

    @Test func `every turn ends, by a rule`() {
        Self.always("a turn must end by a rule", 20_000) { one in
            one.seen.path.count < Turn.maximumSteps && one.seen.end != nil
                && !one.seen.path.contains { $0.hasPrefix("turn/") }
        }
    }

    @Test func `the same facts give the same decisions`() {
        Self.always("decisions must be repeatable", 1000) { $0.seen.decisions == Case($0.seed).seen.decisions }
    }

    @Test func `nobody is promoted without the key, confirmed this turn`() {
        Self.always("promoted without the key") { $0.seen.jobs.contains(.promote) ? $0.hasKey : nil }
    }

    @Test func `nobody is promoted who may not lead`() {
        Self.always("promoted though nofailover") { $0.seen.jobs.contains(.promote) ? $0.now.tags.mayLead : nil }
    }

    @Test func `nobody is promoted whose lease is over`() {
        Self.always("promoted without a lease") {
            $0.seen.jobs.contains(.promote) ? $0.seen.turn.observation.lease.isValid(at: $0.now.now) : nil
        }
    }

    @Test func `a primary is started only under a key renewed this turn`() {
        Self.always("started as primary without the key") {
            $0.seen.jobs.contains(.start(.primary)) ? $0.seen.turn.facts.renewal == .held : nil
        }
    }

    @Test func `a cluster is created only by whom the store has chosen`() {
        Self.always("bootstrap without a claim") { one in
            guard one.seen.jobs.contains(.bootstrap) else { return nil }
            return one.seen.turn.facts.claim?.isWritten == true && one.cluster?.initialize == .absent
        }
    }

    @Test func `data is never overwritten that nobody allowed to throw away`() {
        Self.always("data overwritten") { one in
            for job in one.seen.jobs {
                switch job {
                case .bootstrap, .bootstrapStandbyLeader, .clone:
                    if one.now.directory != .empty || one.now.server != .stopped { return false }
                case .reinitialize:
                    let may =
                        one.now.settings.removeDataDirectoryOnDivergedTimelines
                        || one.now.settings.removeDataDirectoryOnRewindFailure
                    if !may || one.isPaused && one.memory.role != .demoted { return false }
                default: break
                }
            }
            return true
        }
    }

    @Test func `one job at a time`() {
        Self.always("two jobs at a time") { one in
            guard one.seen.jobs.count <= 1 else { return false }
            let mayBegin = one.now.job == nil || one.seen.deeds.contains(.cancelJob)
            return one.seen.jobs.isEmpty || mayBegin
        }
    }

    @Test func `a primary beside another leader is stopped`() {
        Self.always("a second primary goes on") { one in
            guard one.now.server.isPrimary, !one.isPaused, one.memory.bootstrap == .notOurs,
                let leader = one.cluster?.leader, leader.name != one.now.me
            else { return nil }
            if case .demote? = one.now.job?.job { return nil }
            if case .halts = one.seen.end { return nil }
            if case .begins(.demote) = one.seen.end { return true }
            return false
        }
    }

    @Test func `a primary without store and lease is stopped`() {
        Self.always("a primary goes on without store and lease") { one in
            guard one.now.server.isPrimary, !one.isPaused, one.memory.bootstrap == .notOurs, one.cluster == nil,
                !one.now.lease.isValid(at: one.now.now)
            else { return nil }
            if case .demote? = one.now.job?.job { return nil }
            return one.seen.end == .begins(.demote(.offline))
        }
    }

    @Test func `a standby cluster gets no primary of its own`() {
        Self.always("a primary in a standby cluster", 12_000) { one in
            guard one.now.settings.isStandbyCluster else { return nil }
            return one.seen.jobs.allSatisfy { job in
                switch job {
                case .bootstrap, .promote: false
                // Crashed as the primary it still was: it is shut down properly before it becomes a standby.
                case .start(.primary): one.seen.turn.memory.crashedAt != nil && one.memory.role == .primary
                default: true
                }
            }
        }
    }

    @Test func `only a standby cluster follows a remote`() {
        Self.always("a remote without a standby cluster", 12_000) { one in
            guard !one.now.settings.isStandbyCluster else { return nil }
            return one.seen.jobs.allSatisfy { job in
                switch job {
                case .bootstrapStandbyLeader, .start(.standbyLeader), .start(.standby(.remote)),
                    .demote(.toStandbyCluster),
                    .checkDivergence(from: .remote), .rewind(from: .remote), .follow(.remote, restart: _),
                    .clone(from: .remote), .reinitialize(from: .remote):
                    false
                default: true
                }
            }
        }
    }

    @Test func `the key is never given away under a running primary, except in maintenance mode`() {
        Self.always("the key was given away under a running primary") { one in
            guard one.seen.deeds.contains(.releaseLeaderKey), !one.isPaused else { return nil }
            return !one.now.server.isPrimary && one.now.server != .starting
        }
    }

    @Test func `paused means hands off`() {
        Self.always("not hands off", 12_000) { one in
            guard one.isPaused, one.memory.bootstrap == .notOurs else { return nil }
            let request = one.cluster?.failover
            return one.seen.jobs.allSatisfy { job in
                switch job {
                case .promote: request?.candidate == one.now.me && one.hasKey
                case .demote(.graceful): request?.candidate != nil && one.hasKey
                case .follow(_, restart: false): true
                // Of a running standby it only reads.
                case .checkDivergence: one.now.server.running?.standby != nil || one.memory.role == .demoted
                case .start(.standby), .start(.standbyLeader), .rewind: one.memory.role == .demoted
                default: false
                }
            }
        }
    }

    @Test func `a decision survives being written down and read again`() {
        Self.always("a turn is a value", 500) { one in
            var copy = Turn(one.now, one.memory)
            var again = copy
            return copy.next() == again.next() && copy.hashValue == again.hashValue
        }
    }
}
