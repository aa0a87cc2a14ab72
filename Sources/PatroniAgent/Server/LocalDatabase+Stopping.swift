// Ending the server: orders the stop, watches what it waits for, and gets harder when it must.

import Logging
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    func stop(_ mode: StopMode, by deadline: Moment?) async throws(JobFailure) {
        await findPostmaster(by: time.now + .seconds(2))
        guard let running = postmaster else { return }
        if mode != .immediate { await scripts.runBeforeStop(stopDeadline: deadline) }
        await closeConnections()
        try await end(running, mode, by: deadline)
        postmaster = nil
        recovery = nil
        endedAt = nil
    }

    func closeConnections() async {
        await inspection.close()
        // It may be in the middle of a question to a server that does not answer any more.
        if let work { Task { await work.close() } }
        work = nil
    }

    /// How often a stop that takes longer is looked at.
    private static let lookEvery: Duration = .milliseconds(250)

    /// Returns when the server has ended, or can never run again.
    private func end(_ server: Postmaster, _ mode: StopMode, by deadline: Moment?) async throws(JobFailure) {
        if try signal(server, mode) { return }
        // With recovery settings it is a standby; one that was found is taken for what its control data say.
        let isPrimary = (try? await reader.read(by: time.now + .seconds(1)))?.state == .inProduction
        var supervision = StopSupervision(mode, since: time.now, settings: cluster, isPrimary: isPrimary)
        var mode = mode
        while !Task.isCancelled, deadline.map({ time.now < $0 }) ?? true {
            let next = time.now + Self.lookEvery
            if await server.process.waitForExit(by: min(deadline ?? next, next), time: time) { return }
            let control = try? await reader.read(by: time.now + .seconds(1))
            switch supervision.step(await server.lookWhileStopping(control?.state), at: time.now) {
            case .wait: break
            case .endSenders(let senders):
                log.warning(
                    "PostgreSQL can't stop while it waits for standbys that it can't reach: ending their senders \(senders)"
                )
                await server.endSenders(senders)
            case .stopImmediately(let cause):
                log.error("\(cause.rawValue): stopping PostgreSQL without a checkpoint")
                mode = .immediate
                if try signal(server, .immediate) { return }
            case .kill(let cause):
                log.error("killing PostgreSQL: \(cause.rawValue)")
                return try await kill(server)
            }
        }
        if server.hasExited { return }
        guard mode == .immediate else { throw JobFailure("PostgreSQL has not stopped in time") }
        log.error("PostgreSQL did not obey an immediate stop, killing it")
        try await kill(server)
    }

    /// True when it is gone already.
    private func signal(_ server: Postmaster, _ mode: StopMode) throws(JobFailure) -> Bool {
        do throws(PostmasterError) { return try server.signalStop(mode) } catch { throw JobFailure(error.description) }
    }

    /// Killed processes never run another instruction of their own: nothing is written or acknowledged any more, even
    /// while the kernel has not let go of them, as on a disk that does not answer.
    private func kill(_ server: Postmaster) async throws(JobFailure) {
        switch await server.kill(by: time.now + .seconds(3)) {
        case .stopped: break
        case .failed(let why): throw JobFailure(why)
        case .stillRunning:
            log.error(
                "PostgreSQL is killed but hangs in the operating system, perhaps on its disk; it will not run again")
        }
    }
}
