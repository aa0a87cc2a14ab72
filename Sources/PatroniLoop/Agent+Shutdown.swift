// PostgreSQL stops and the leadership is handed over: at the end of the agent, and on an operator's request.

import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    /// The agent was told to end (HA-012 to HA-015), or may not go on. In maintenance mode everything stays as it is.
    func shutDown(because halt: Reason? = nil) async {
        if halt == nil { await askForRelease() }
        let renewing = keepKeyWhileStopping()
        let ending = await letGo(
            observation(of: cluster, job: job), purpose: halt?.leavesServerAlone == true ? .neverJoined : .handingOver)
        renewing.cancel()
        if let text = ending.text { log.info("\(text)") }
        if case .stopped = ending { await parts.callbacks.stopped(as: memory.role) }
    }

    /// Drives the core's ``Shutdown`` to its end.
    func letGo(_ observation: Observation, purpose: Shutdown.Purpose = .handingOver) async -> Shutdown.Ending {
        var notes = ShutdownRecord(observation, purpose: purpose)
        var shutdown = notes.beginning
        let wasLeading = lease.isValid(at: now)
        stopNumber += 1
        let order = stopNumber
        defer { stopOutcomes[order] = nil }
        var reported: ShutdownCheckpoint?
        while true {
            let step = shutdown.next()
            let began = now
            let event: Shutdown.Event
            switch step {
            case .cancelJob:
                await cancelJob()
                event = .jobEnded
            case .orderStop(let mode):
                Task { await self.stop(order, mode, by: nil) }
                event = .stopOrdered
            case .watchServer(let limit):
                event = await watchStop(order, atMost: limit, reported: reported, wasLeading: wasLeading)
                if case .checkpointWritten(let checkpoint, _) = event { reported = checkpoint }
            case .askPeers(let members):
                let answers = await parts.members.status(of: members, by: now + .seconds(2))
                event = .peers(answers, at: now)
            case .releaseKey(let position): event = .keyReleased(await releaseKey(position: position))
            case .writePosition(let position):
                _ = await parts.store.writeStatus(ClusterStatus(position: position), by: now + .seconds(1))
                event = .positionWritten
            case .publishMember:
                look = await lookInTime(since: now)
                if job == nil { await publish() }
                event = .memberPublished
            case .finished(let ending):
                notes.note(ShutdownRecord.Step(step, nil, began: began))
                notes.took = now - observation.now
                record(.letGo(notes))
                return ending
            }
            notes.note(ShutdownRecord.Step(step, event, began: began, took: now - began))
            shutdown.learn(event)
        }
    }

    private func stop(_ order: Int, _ mode: StopMode, by deadline: Moment?) async {
        do throws(JobFailure) {
            try await parts.server.stop(mode, by: deadline)
            stopOutcomes[order] = .success(())
        } catch { stopOutcomes[order] = .failure(error) }
    }

    /// Whichever comes first: the shutdown checkpoint, the end of the server, the limit. A leader that has not written
    /// its last record when the lease ends is stopped the hard way.
    private func watchStop(
        _ order: Int, atMost limit: Duration?, reported: ShutdownCheckpoint?, wasLeading: Bool
    ) async -> Shutdown.Event {
        let end = limit.map { now + $0 }
        var isHard = false
        while true {
            switch stopOutcomes[order] {
            case .success: return .serverStopped(await parts.server.shutdownCheckpoint(by: now + .seconds(2)))
            case .failure(let failure): return .stopFailed(failure.explanation)
            case nil: break
            }
            if reported == nil, let checkpoint = await parts.server.shutdownCheckpoint(by: now + .seconds(2)) {
                return .checkpointWritten(checkpoint, at: now)
            }
            if let end, now >= end { return .nothingYet }
            if wasLeading, reported == nil, !isHard, isLeaseEnding {
                isHard = true
                log.error("the lease ends and PostgreSQL has not stopped, stopping it the hard way")
                Task { await self.stop(order, .immediate, by: now + Self.hardStopMargin - .seconds(1)) }
            }
            // In a task of its own: in a job that was called off, sleep would not sleep any more.
            let time = parts.time
            await Task { await time.sleep(until: time.now + .milliseconds(10)) }.value
        }
    }

    /// A stop can take longer than the lease: nobody may be promoted beside a primary that is still stopping.
    private func keepKeyWhileStopping() -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                await parts.time.sleep(until: now + min(settings.loopWait, settings.ttl / 3))
                if !Task.isCancelled, keyReleases == 0, lease.isValid(at: now) {
                    _ = await leaderKey(.renewLeaderKey, reports: false)
                }
            }
        }
    }
}
