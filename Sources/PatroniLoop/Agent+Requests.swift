// Operators' requests that come over the REST API: restart and reinitialize, now or later.

import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    static let tooLate = "patroni is shutting down"

    /// Runs `body` when no turn is under way, right after one: what it judges by is fresh, and no turn decides by what it
    /// saw before.
    private func betweenTurns<Value: Sendable>(
        _ body: @escaping @Sendable (isolated Agent) async -> Value
    ) async -> Value {
        if hasEnded { return await body(self) }
        return await withCheckedContinuation { continuation in
            requests.append { agent in continuation.resume(returning: await body(agent)) }
            wakeUps.wake()
        }
    }

    private var isBrieflyBusy: Bool {
        switch job?.job {
        case .checkDivergence, .follow(_, restart: false): true
        default: false
        }
    }

    func attendToRequests() async {
        // An operator who was just told that a restart has ended may ask for the next.
        if !requests.isEmpty { closeEndedJobs() }
        // Nor is one refused for a moment's work of our own; its end starts a turn.
        if isBrieflyBusy, !hasEnded { return }
        while !requests.isEmpty { await requests.removeFirst()(self) }
    }

    package func restart(_ request: RestartRequest) async -> RestartOutcome {
        if let refusal = await betweenTurns({ agent in agent.begin(request) }) { return refusal }
        return await outcomeOfJob() == .succeeded ? .restarted : .notDone("restart failed")
    }

    /// Nil when the restart has begun.
    private func begin(_ request: RestartRequest) -> RestartOutcome? {
        if hasEnded { return .notDone(Self.tooLate) }
        if look.status == .starting { return .notDone("postgres is still starting") }
        switch answer(.restart(request)) {
        case .refused(let refusal):
            if case .restartConditions(let condition) = refusal { log.info("\(condition.text)") }
            return .notDone(refusal.text)
        case .begin(let job, _):
            begin(job)
            record(.requested(job))
            wakeUps.wake()
            return nil
        }
    }

    private func answer(_ request: OperatorRequest) -> OperatorAnswer {
        request.answer(observation(of: cluster, job: job), memory, isRestartPending: !look.pendingRestart.isEmpty)
    }

    /// False when another one waits already.
    package func schedule(_ request: RestartRequest, at time: WallTime) -> Bool {
        guard scheduledRestart == nil else { return false }
        let start = look.status.running?.postmasterStart
        scheduledRestart = ScheduledRestart(at: time, request: request, postmasterStart: start)
        wakeUps.wake()
        return true
    }

    func unschedule() -> Bool {
        guard scheduledRestart != nil else { return false }
        scheduledRestart = nil
        wakeUps.wake()
        return true
    }

    /// Begins the scheduled restart when it is due; else how long the loop may sleep before it is (HA-158).
    func attendToSchedule() -> Duration? {
        guard let scheduled = scheduledRestart else { return nil }
        switch scheduled.due(observation(of: cluster, job: job)) {
        case .later:
            // The end of a job starts a turn by itself.
            if settings.isPaused || job != nil { return nil }
            return max(scheduled.at - parts.time.wallTime, .milliseconds(100))
        case .alreadyRestarted: log.info("the scheduled restart is dropped: PostgreSQL was restarted meanwhile")
        case .stale: log.warning("the scheduled restart is dropped: its time has passed")
        case .now:
            switch answer(.restart(scheduled.request)) {
            case .begin(let job, _):
                begin(job)
                record(.requested(job))
            case .refused(let refusal): log.info("the scheduled restart is dropped: \(refusal.text)")
            }
        }
        scheduledRestart = nil
        return nil
    }

    /// Nil when it has begun, else why not.
    package func reinitialize(force: Bool, fromLeader: Bool) async -> String? {
        await betweenTurns { agent in await agent.beginReinitialize(force: force, fromLeader: fromLeader) }
    }

    private func beginReinitialize(force: Bool, fromLeader: Bool) async -> String? {
        if hasEnded { return Self.tooLate }
        switch answer(.reinitialize(force: force, fromLeader: fromLeader)) {
        case .refused(let refusal): return refusal.text
        case .begin(let job, let cancelling):
            if cancelling != nil { await cancelJob() }
            guard self.job == nil else { return "another task has just begun" }
            begin(job)
            record(.requested(job))
            wakeUps.wake()
            return nil
        }
    }
}
