// One turn: look at everything at once, let the rules decide, do what they say, publish the outcome.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts

enum TurnEnd: Sendable {
    case settled(again: Duration?)
    case halt(Reason)
}

extension Agent {
    /// How long one look at PostgreSQL may take; a hung server must not hold up the lease.
    static let lookLimit: Duration = .seconds(2)

    func turn() async -> TurnEnd {
        closeEndedJobs()
        let observation = await observe()
        var turn = Turn(observation, memory)
        var notes = TurnRecord(observation: observation, memory: memory, steps: [])
        while true {
            let verdict = turn.next(parts.rules)
            parts.witness?.decided(verdict, in: turn)
            let began = now
            var learned: Learned?
            switch verdict.decision {
            case .ask(let question): learned = await answer(question)
            case .act(.begin(let job), _) where self.job != nil && self.job?.job != job && turn.observation.job == nil:
                // Cannot happen while jobs begin only here and between turns; a turn must not believe what is not so.
                log.error("\(job.name) can't begin beside another task")
                memory = turn.memory
                return .settled(again: .zero)
            case .act(let action, let reason): learned = await perform(action, because: reason)
            case .settled(let reason, let again):
                memory = turn.memory
                report(reason)
                notes.steps.append(TurnRecord.Step(verdict: verdict, began: began))
                record(notes, turn, reason)
                await publish()
                await rememberDynamicConfiguration()
                let soon = await keepSynchronous()
                return .settled(again: again.map { min($0, soon ?? $0) } ?? soon)
            case .halt(let reason):
                memory = turn.memory
                let text = reason.text(me)
                log.critical("\(text)")
                notes.steps.append(TurnRecord.Step(verdict: verdict, began: began))
                record(notes, turn, reason)
                return .halt(reason)
            }
            let ended = now
            notes.steps.append(TurnRecord.Step(verdict: verdict, learned: learned, began: began, took: ended - began))
            if let learned { turn.learn(learned, at: ended) }
            memory = turn.memory
        }
    }

    /// The store (HA-019) and the server are looked at side by side, each with its own deadline.
    private func observe() async -> Observation {
        let began = now
        async let looked = lookInTime(since: began)
        let view: StoreView
        do throws(StoreFailure) {
            let read = try await parts.store.readCluster(by: storeDeadline())
            await noteCluster(read)
            view = .cluster(read)
        } catch {
            view = .silent(error)
            cluster = nil
        }
        let wasStreaming = look.status.running?.standby?.replicationState == "streaming"
        look = await looked
        if look.directory == .empty { mayCloneWithoutLeader = await parts.server.canCloneWithoutLeader() }
        lookedAt = began
        if wasStreaming, look.status.running?.standby?.replicationState != "streaming" { nudgesLeft = Self.nudges }
        if !hasAnnouncedStart, job == nil, memory.bootstrap == .notOurs, let running = look.status.running {
            // Found running: callbacks hear of it once (HA-303).
            hasAnnouncedStart = true
            let standby: MemberRole = memory.role == .standbyLeader ? .standbyLeader : .replica
            await parts.callbacks.started(as: running.isPrimary ? .primary : standby)
        }
        return observation(view, job: job)
    }

    /// What keeps its deadline as a rule may still hang on a dead disk or behind other work.
    static let lookGrace: Duration = .milliseconds(500)

    func lookInTime(since began: Moment) async -> ServerLook {
        let deadline = began + Self.lookLimit
        let silence = ServerLook(
            directory: look.directory, status: .unresponsive("PostgreSQL could not be looked at in time"),
            slots: look.slots, pendingRestart: look.pendingRestart)
        // What the last one brings is from before this turn.
        if let last = lookUnderway, await last.value(by: deadline, time: parts.time) == nil { return silence }
        let timeline = cluster?.leaderMember?.timeline
        let looking = PendingAnswer<ServerLook>()
        Task { [server = parts.server] in
            looking.give(await server.look(leaderTimeline: timeline, by: deadline))
        }
        lookUnderway = looking
        guard let found = await looking.value(by: deadline + Self.lookGrace, time: parts.time) else { return silence }
        lookUnderway = nil
        return found
    }

    /// What we know, as the rules want to see it.
    func observation(of cluster: Cluster?, job: JobUnderway?) -> Observation {
        let silence = StoreFailure(.unreachable, "the store has not been read yet")
        return observation(cluster.map(StoreView.cluster) ?? .silent(silence), job: job)
    }

    private func observation(_ view: StoreView, job: JobUnderway?) -> Observation {
        Observation(
            now: now, wallTime: parts.time.wallTime, me: me, tags: configuration.local.tags, settings: settings,
            store: view, lastClusterWithLeader: lastClusterWithLeader, directory: look.directory, server: look.status,
            ownBeginning: look.beginning, job: job, lease: lease, mayBootstrap: configuration.local.bootstrap != nil,
            mayCloneWithoutLeader: mayCloneWithoutLeader, missingSlots: look.missingSlots,
            isShuttingDown: isShuttingDown, failsafe: failsafe.view(of: me))
    }

    /// While we believe to lead, the store must answer in time for a stop before the lease ends.
    func storeDeadline() -> Moment {
        let patient = now + settings.retryTimeout
        guard case .held(let until) = lease else { return patient }
        // Slept through the end of the lease: somebody else may lead by now.
        if until <= now { return look.status.isPrimary && !settings.isPaused ? now + .seconds(1) : patient }
        // In failsafe mode there must be time left to ask the others.
        let reserve: Duration = settings.isFailsafeModeEnabled ? min(.seconds(3), settings.ttl / 6) : .zero
        return min(patient, max(until - settings.safetyMargin - reserve, now + .milliseconds(500)))
    }

    private func noteCluster(_ read: Cluster) async {
        if read.complaints != cluster?.complaints {
            for complaint in read.complaints { log.warning("In the store: \(complaint)") }
        }
        cluster = read
        storeLastSeen = parts.time.wallTime
        if !read.isUnlocked { lastClusterWithLeader = read }
        failsafe.read(read, at: now)
        await adopt(read.configuration)
    }

    private func answer(_ question: Question) async -> Learned {
        switch question {
        case .statusOfPeers:
            let others = Situation.others(
                cluster: cluster, last: lastClusterWithLeader, me: me, isFailsafe: settings.isFailsafeModeEnabled)
            return .peers(await parts.members.status(of: others, by: now + .seconds(2)))
        case .failsafe(let circle, let deadline): return await askFailsafe(circle, by: deadline)
        case .upstream(let target):
            let (server, upstream, deadline) = (parts.server, upstream(target), now + Self.lookLimit)
            let found = await abandoning(by: deadline + Self.lookGrace, time: parts.time) {
                await server.compare(with: upstream, by: deadline)
            }
            return .upstream(found ?? .asWanted)
        }
    }

    func upstream(_ target: FollowTarget) -> Upstream {
        switch target {
        case .nobody: .nobody
        case .remote: settings.standbyCluster.map(Upstream.remote) ?? .nobody
        case .member(let name): Upstream(member: knownMember(name))
        }
    }

    /// What a member last said of itself: its key may have expired together with the leader's (HA-383).
    func knownMember(_ name: MemberName) -> Member? {
        cluster?.member(name) ?? lastClusterWithLeader?.member(name)
    }

    /// Says once what changed, and every turn what Patroni says every turn (HA-007).
    private func report(_ reason: Reason) {
        lastReason = reason
        let text = reason.text(me)
        // Whose the lock is goes without saying as long as all is well (HA-345).
        if !text.hasPrefix("no action") {
            log.info("Lock owner: \(cluster?.leader?.name.text ?? "None"); I am \(me)")
        }
        log.info("\((settings.isPaused ? "PAUSE: " : "") + text)")
    }
}
