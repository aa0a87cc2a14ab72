// Operators' requests that come over the REST API: restart and reinitialize, now or later.

import Logging
import PatroniAPI
import PatroniCore
import PatroniPlatform

extension Agent {
    func restart(_ request: RestartRequest) async -> RestartOutcome {
        if look.status == .starting { return .notDone("postgres is still starting") }
        switch answer(.restart(request)) {
        case .refused(let refusal):
            if case .restartConditions(let condition) = refusal { log.info("\(condition.text)") }
            return .notDone(refusal.text)
        case .begin(let job, _):
            begin(job)
            wakeUps.wake()
            return await outcomeOfJob() == .succeeded ? .restarted : .notDone("restart failed")
        }
    }

    private func answer(_ request: OperatorRequest) -> OperatorAnswer {
        request.answer(observation(of: cluster, job: job), memory, isRestartPending: !look.pendingRestart.isEmpty)
    }

    /// False when another one waits already.
    func schedule(_ request: RestartRequest, at time: WallTime) -> Bool {
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
        case .later: return settings.isPaused ? nil : max(scheduled.at - parts.time.wallTime, .milliseconds(100))
        case .alreadyRestarted: log.info("the scheduled restart is dropped: PostgreSQL was restarted meanwhile")
        case .stale: log.warning("the scheduled restart is dropped: its time has passed")
        case .now:
            switch answer(.restart(scheduled.request)) {
            case .begin(let job, _): begin(job)
            case .refused(let refusal): log.info("the scheduled restart is dropped: \(refusal.text)")
            }
        }
        scheduledRestart = nil
        return nil
    }

    /// Nil when it has begun, else why not.
    func reinitialize(force: Bool, fromLeader: Bool) async -> String? {
        switch answer(.reinitialize(force: force, fromLeader: fromLeader)) {
        case .refused(let refusal): return refusal.text
        case .begin(let job, let cancelling):
            if cancelling != nil { await cancelJob() }
            guard self.job == nil else { return "another task has just begun" }
            begin(job)
            wakeUps.wake()
            return nil
        }
    }
}
