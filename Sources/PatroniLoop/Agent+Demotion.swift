// A primary stops being one. The order is the safety: stop writing, then let go.

import Logging
import PatroniCore
import PatroniPlatform

extension Agent {
    func demote(_ demotion: Demotion) async throws(JobFailure) {
        switch demotion {
        case .graceful: try await handOver()
        case .offline: try await stopForGood(.fast)
        case .immediate: try await endAndLetGo()
        case .toStandbyCluster: try await demoteToStandbyCluster()
        case .immediateWithoutKey:
            forgetLease()
            try await stopForGood(.immediate)
        }
        await parts.callbacks.stopped(as: memory.role)
    }

    /// The server first, then the key. What has not ended by then hangs, and whoever comes next must not wait for it.
    func endAndLetGo() async throws(JobFailure) {
        try await parts.server.stop(.immediate, by: now + Self.immediateLimit)
        await releaseKey(position: nil)
    }

    /// After this an immediate stop becomes a kill: neither leaves a checkpoint behind.
    static let immediateLimit: Duration = .seconds(3)

    /// This long before the lease ends PostgreSQL is stopped the hard way, and killed a second before its end.
    static let hardStopMargin: Duration = .seconds(3)

    /// Stops before the lease ends, harder when time runs out.
    func stopForGood(_ mode: StopMode) async throws(JobFailure) {
        var patience = now + .seconds(2)
        var end = patience + .seconds(2)
        if case .held(let until) = lease {
            patience = max(until - Self.hardStopMargin, now + .milliseconds(500))
            end = max(until - .seconds(1), patience + .milliseconds(500))
        }
        do throws(JobFailure) {
            try await parts.server.stop(mode, by: patience)
        } catch {
            log.error("PostgreSQL did not stop in time, stopping it the hard way: \(error)")
            try await parts.server.stop(.immediate, by: max(end, now + .milliseconds(500)))
        }
    }

    /// The other site goes on from our last record, so it must get it: over the stream, or from the archive (HA-144,
    /// HA-407).
    private func demoteToStandbyCluster() async throws(JobFailure) {
        let isArchiving = await parts.server.isArchiving(by: now + .seconds(5))
        let ending = await letGo(
            observation(of: cluster, job: nil), purpose: .becomingStandby(isArchiving: isArchiving))
        if case .stopFailed(let why) = ending { throw JobFailure(why) }
        guard isArchiving else {
            return log.info("Not archiving latest checkpoint WAL file. Archiving is not configured.")
        }
        do throws(JobFailure) {
            try await parts.server.archiveShutdownSegment(by: now + .seconds(60))
        } catch { log.error("Failed to archive WAL file with the shutdown checkpoint: \(error)") }
    }

    /// Checkpoint while writes still run, so that the stop itself is short; then the key goes to whoever has it all.
    private func handOver() async throws(JobFailure) {
        await checkpointUnderLease()
        if case .stopFailed(let why) = await letGo(observation(of: cluster, job: nil)) { throw JobFailure(why) }
    }

    /// Writes go on meanwhile, so it must not outlast the lease.
    private func checkpointUnderLease() async {
        let server = parts.server
        let deadline = now + settings.ttl
        let work = Task { () -> JobFailure? in
            do throws(JobFailure) { try await server.checkpoint(by: deadline) } catch { return error }
            return nil
        }
        defer { work.cancel() }
        while now < deadline, !isLeaseEnding {
            let step = now + .milliseconds(250)
            guard let ended = await abandoning(by: step, time: parts.time, { await work.value }) else { continue }
            if let ended { log.warning("checkpoint before stopping failed, the stop takes longer: \(ended)") }
            return
        }
        log.warning("no time left for a checkpoint before stopping")
    }

    /// A primary that leads has no time left for anything but stopping. In maintenance mode nobody takes its place.
    var isLeaseEnding: Bool {
        if settings.isPaused { return false }
        if case .held(let until) = lease { return now >= until - Self.hardStopMargin }
        return true
    }
}
