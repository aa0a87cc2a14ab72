// Long tasks: one at a time, beside the turns, each ending in an outcome for the rules.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import PatroniPostgres

extension Agent {
    /// Starts a job; the rules make sure that none is running, so that never two of them touch PostgreSQL (HA-386).
    func begin(_ job: Job) {
        guard self.job == nil else { return }
        self.job = JobUnderway(job: job, since: now)
        publishStatusBoard()
        jobNumber += 1
        let number = jobNumber
        jobTask = Task {
            let outcome = await self.body(of: job)
            self.ended(job, number, Task.isCancelled && outcome != .succeeded ? .cancelled : outcome)
        }
    }

    /// A job that was given up (``cancelJob()``) has ended before.
    private func ended(_ job: Job, _ number: Int, _ outcome: JobOutcome) {
        guard number == jobNumber, jobTask != nil else { return }
        if case .failed(let why) = outcome { log.error("\(job.name) failed: \(why)") }
        record(.ended(job, outcome, took: now - (self.job?.since ?? now)))
        endedJobs.append((job, outcome))
        switch job {
        case .bootstrap, .bootstrapStandbyLeader, .clone, .reinitialize, .reinitializeFromLeader:
            configuration.forgetCopy()
        default: break
        }
        jobTask = nil
        for waiter in jobWaiters { waiter.resume(returning: outcome) }
        jobWaiters = []
        // HA-165
        wakeUps.wake()
    }

    /// The rules learn of ended jobs at the beginning of a turn, never in the middle of one: what that turn has looked at
    /// may be from before the end.
    func closeEndedJobs() {
        if !endedJobs.isEmpty { job = nil }
        for ended in endedJobs { memory.ended(ended.job, ended.outcome, at: now, settings: settings) }
        endedJobs = []
    }

    /// How long a job that was called off may take to end.
    static let cancelLimit: Duration = .seconds(3)

    /// Ends the running job and waits until nothing of it is left, but not for ever: what comes next may be the stop of
    /// a primary.
    func cancelJob() async {
        if let task = jobTask, let running = job?.job {
            task.cancel()
            let number = jobNumber
            if await abandoning(by: now + Self.cancelLimit, time: parts.time, { await task.value }) == nil {
                log.error("\(running.name) was called off and does not end; going on without waiting for it")
                ended(running, number, .cancelled)
            }
        }
        closeEndedJobs()
    }

    /// Waits for the running job; nil when there is none.
    func outcomeOfJob() async -> JobOutcome? {
        guard jobTask != nil else { return nil }
        return await withCheckedContinuation { jobWaiters.append($0) }
    }

    private func body(of job: Job) async -> JobOutcome {
        do throws(JobFailure) {
            switch job {
            case .bootstrap: try await bootstrap()
            case .bootstrapStandbyLeader: try await bootstrapStandbyLeader()
            case .clone(let source): try await clone(from: source)
            case .start(let mode): try await start(mode)
            case .promote: return try await promote()
            case .demote(let demotion): try await demote(demotion)
            case .restart(let timeout): try await restart(timeout: timeout)
            case .reinitialize(let source):
                try await empty()
                try await clone(from: source)
            case .reinitializeFromLeader(let leader):
                let leader = try member(leader)
                try await empty()
                try await parts.server.cloneByBaseBackup(of: leader)
            case .checkDivergence(let leader): return try await compare(with: leader)
            case .rewind(let leader): return try await rewind(from: leader)
            case .copySlots(let names, let leader): try await copySlots(names, from: leader)
            case .follow(let target, let restart): try await follow(target, restart: restart)
            }
            return .succeeded
        } catch {
            return .failed(error.explanation)
        }
    }

    private func bootstrap() async throws(JobFailure) {
        guard let settings = configuration.local.bootstrap else { throw JobFailure("there is no bootstrap section") }
        try await parts.server.bootstrap(settings)
    }

    private func bootstrapStandbyLeader() async throws(JobFailure) {
        let remote = try remote()
        try await parts.server.clone(from: remote)
        try await parts.server.start(
            .standby(.remote(remote)), timeout: configuration.local.postgres.startTimeout)
    }

    /// The settings may have changed since the rules looked.
    private func remote() throws(JobFailure) -> RemoteSource {
        guard let remote = settings.standbyCluster else {
            throw JobFailure("standby_cluster is not configured any more")
        }
        return remote
    }

    private func clone(from source: CloneSource) async throws(JobFailure) {
        switch source {
        case .noLeader: try await parts.server.clone(from: nil)
        case .remote: try await parts.server.clone(from: try remote())
        case .leader(let name), .replica(let name):
            let member = try member(name)
            try await parts.server.clone(from: member)
        }
    }

    private func start(_ mode: StartMode) async throws(JobFailure) {
        let wasDemoted = memory.role == .demoted || memory.role == .primary || memory.role == .standbyLeader
        switch mode {
        case .primary:
            await prepareSynchronousNames()
            try await parts.server.start(.primary, timeout: settings.primaryStartTimeout)
            synchronousGrace = now + settings.loopWait
            await parts.callbacks.started(as: .primary)
        case .standby(let target):
            try await parts.server.start(.standby(upstream(target)), timeout: configuration.local.postgres.startTimeout)
            nudgesLeft = Self.nudges
            if wasDemoted {
                await parts.callbacks.roleChanged(to: .replica)
            } else {
                await parts.callbacks.started(as: .replica)
            }
        case .standbyLeader:
            let isNews = hasAnnouncedStart && memory.role != .standbyLeader
            try await parts.server.start(
                .standby(.remote(try remote())), timeout: configuration.local.postgres.startTimeout)
            nudgesLeft = Self.nudges
            if isNews {
                await parts.callbacks.roleChanged(to: .standbyLeader)
            } else {
                await parts.callbacks.started(as: .standbyLeader)
            }
        }
        hasAnnouncedStart = true
    }

    private func promote() async throws(JobFailure) -> JobOutcome {
        if let failure = await parts.callbacks.runPrePromote() {
            await releaseKey(position: nil)
            throw JobFailure("Promotion cancelled because the pre-promote script failed: \(failure)")
        }
        if Task.isCancelled || !lease.isValid(at: now) { throw JobFailure("the leader key was lost") }
        guard await nobodyHasLedSince(), await settleSynchronousBeforePromotion() else { return .cancelled }
        // The script, the store or the whole machine may have slept longer than the lease.
        guard !Task.isCancelled, case .held(let leaseEnd) = lease, now < leaseEnd else {
            throw JobFailure("the leader key was lost")
        }
        job?.isPastReturn = true
        isPromotionTold = false
        do throws(JobFailure) {
            try await parts.server.promote(by: now + .seconds(60), before: leaseEnd) { await self.promotionIsTold() }
        } catch {
            if isPromotionTold, !Task.isCancelled { await takeBackPromotion() }
            throw error
        }
        synchronousGrace = now + settings.loopWait
        return .succeeded
    }

    private func promotionIsTold() async {
        isPromotionTold = true
        await parts.callbacks.roleChanged(to: .promoted)
    }

    /// A promotion that was told can't be called off, only ended with the server: it might be through at any moment, also
    /// when somebody else leads.
    private func takeBackPromotion() async {
        do throws(JobFailure) { try await endAndLetGo() } catch {
            log.error("PostgreSQL was not promoted in time, and could not be stopped: \(error)")
        }
    }

    /// This machine may have stood still between the look and the key, long enough for somebody else to win, promote and
    /// die. Nobody can lead now that the key is ours, so what the store says stays so.
    private func nobodyHasLedSince() async -> Bool {
        guard let raced = racedView else { return true }
        let read: Cluster
        do throws(StoreFailure) { read = try await parts.store.readCluster(by: storeDeadline()) } catch {
            log.warning("Postponing promotion because the store does not say whether somebody has led since: \(error)")
            await parts.time.sleep(until: now + .milliseconds(200))
            return false
        }
        racedView = nil
        guard let change = raced.change(in: read) else { return true }
        log.warning("Postponing promotion because somebody has led since the members were asked: \(change)")
        await releaseKey(position: nil)
        return false
    }

    /// pg_rewind on the others reads our timeline from the checkpoint (HA-130). Whoever gave the order to promote may be
    /// gone, so it is the server that tells whether one is missing.
    func checkpointIfPromoted() {
        guard look.awaitsCheckpoint, !isCheckpointUnderway, lease.isValid(at: now) else { return }
        isCheckpointUnderway = true
        Task {
            while look.awaitsCheckpoint, !hasEnded {
                do throws(JobFailure) {
                    try await parts.server.checkpoint(by: now + .seconds(600))
                    break
                } catch {
                    log.warning("checkpoint after promotion failed: \(error)")
                    await parts.time.sleep(until: now + .seconds(1))
                }
            }
            isCheckpointUnderway = false
            wakeUps.wake()
        }
    }

    private func restart(timeout: Duration?) async throws(JobFailure) {
        let situation = Situation(observation(of: cluster, job: job), memory)
        let wasPrimary = situation.restartsAsPrimary
        if !wasPrimary, look.status == .stopped { try await compareBeforeStart() }
        if !wasPrimary { await askForRelease() }
        defer { asksForRelease = false }
        let role: MemberRole = wasPrimary ? .primary : memory.role == .standbyLeader ? .standbyLeader : .replica
        let upstream = wasPrimary ? nil : upstream(situation.followTarget)
        try await parts.server.stop(.fast, by: nil)
        if wasPrimary, !settings.isPaused, !lease.isValid(at: now) { throw JobFailure("the leader key was lost") }
        try await parts.server.start(
            upstream.map(ServerStart.standby) ?? .primary, timeout: timeout ?? settings.primaryStartTimeout)
        if wasPrimary { synchronousGrace = now + settings.loopWait }
        nudgesLeft = Self.nudges
        await parts.callbacks.restarted(as: role)
    }

    /// What has been a primary may hold what the leader never had. In maintenance mode, where this happens, nobody has
    /// looked, and nothing is rewound.
    private func compareBeforeStart() async throws(JobFailure) {
        guard memory.role == .primary || memory.role == .demoted, let leader = cluster?.leaderMember, leader.name != me
        else { return }
        switch await parts.server.divergence(from: leader) {
        // What can't be found out, as of a copy that was never started, streaming sorts out.
        case .none, .unknown: return
        case .unchecked, .diverged, .rewindFailed, .needsCopy:
            throw JobFailure(
                "\(leader.name) leads and has another history: end maintenance mode, then this member is rewound or copied"
            )
        }
    }

    private func copySlots(_ names: [String], from leader: MemberName) async throws(JobFailure) {
        guard let member = cluster?.member(leader) else { throw JobFailure("\(leader) is not in the store any more") }
        let upstream = upstream(Situation(observation(of: cluster, job: job), memory).followTarget)
        await askForRelease()
        defer { asksForRelease = false }
        try await parts.server.copySlots(names, from: member, following: upstream)
        nudgesLeft = Self.nudges
        await parts.callbacks.restarted(as: .replica)
    }

    /// The role stays, so callbacks hear of a reload or a restart (HA-305, HA-306).
    private func follow(_ target: FollowTarget, restart: Bool) async throws(JobFailure) {
        try await parts.server.follow(upstream(target), restart: restart)
        if restart {
            await parts.callbacks.restarted(as: memory.role)
        } else {
            await parts.callbacks.reloaded(as: memory.role)
        }
    }

    /// What does not stop in time is killed (HA-412).
    private func empty() async throws(JobFailure) {
        await askForRelease()
        defer { asksForRelease = false }
        try await parts.server.stop(.immediate, by: now + settings.retryTimeout)
        try await parts.server.removeDataDirectory()
    }

    private func member(_ name: MemberName) throws(JobFailure) -> Member {
        guard let member = knownMember(name) else {
            throw JobFailure("\(name) is not in the store any more")
        }
        return member
    }

    private func compare(with source: HistorySource) async throws(JobFailure) -> JobOutcome {
        guard case .member(let leader) = source else {
            return .divergence(await parts.server.divergence(from: try remote()))
        }
        let member = try member(leader)
        return .divergence(await parts.server.divergence(from: member))
    }

    private func rewind(from source: HistorySource) async throws(JobFailure) -> JobOutcome {
        let upstream = upstream(source.member.map(FollowTarget.member) ?? .remote)
        if upstream == .nobody {
            log.warning("pg_rewind will be tried again: \(source) is not in the store just now")
            return .cancelled
        }
        do throws(JobFailure) { try await parts.server.stop(.fast, by: now + .seconds(60)) } catch {
            // No failure of pg_rewind: that could cost the data directory (HA-245).
            log.warning("no pg_rewind yet: \(error)")
            return .cancelled
        }
        switch await rewind(from: upstream) {
        case .rewound: return .succeeded
        case .failed(let why, isFinal: true): throw JobFailure(why)
        case .failed(let why, isFinal: false), .notNow(let why):
            log.warning("pg_rewind will be tried again: \(why)")
            return .cancelled
        case .cancelled: return .cancelled
        }
    }

    private func rewind(from upstream: Upstream) async -> RewindOutcome {
        switch upstream {
        case .nobody: .cancelled
        case .member(let member): await parts.server.rewind(from: member)
        case .remote(let remote): await parts.server.rewind(from: remote)
        }
    }
}
