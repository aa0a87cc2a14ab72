// A primary stops being one. The order is the safety: stop writing, then let go.

import Logging
import PatroniCore

extension Agent {
    func demote(_ demotion: Demotion) async throws(JobFailure) {
        switch demotion {
        case .graceful: try await handOver()
        case .offline: try await stopForGood(.fast)
        case .immediate:
            try await stopForGood(.immediate)
            await releaseKey(position: nil)
        case .immediateWithoutKey:
            lease = .none
            try await stopForGood(.immediate)
        }
        await parts.callbacks.roleChanged(to: .demoted)
    }

    /// Stops before the lease ends, harder when time runs out.
    private func stopForGood(_ mode: StopMode) async throws(JobFailure) {
        var patience = now + .seconds(2)
        if case .held(let until) = lease { patience = max(until - .seconds(2), now + .milliseconds(500)) }
        do throws(JobFailure) {
            try await parts.server.stop(mode, by: patience)
        } catch {
            log.error("PostgreSQL did not stop in time, stopping it the hard way: \(error)")
            try await parts.server.stop(.immediate, by: now + .seconds(2))
        }
    }

    /// Checkpoint while writes still run, so that the stop itself is short; then the key goes to whoever has it all.
    private func handOver() async throws(JobFailure) {
        do throws(JobFailure) {
            try await parts.server.checkpoint(by: now + settings.ttl)
        } catch { log.warning("checkpoint before stopping failed, the stop takes longer: \(error)") }
        if case .stopFailed(let why) = await letGo(observation(of: cluster, job: nil)) { throw JobFailure(why) }
    }
}
