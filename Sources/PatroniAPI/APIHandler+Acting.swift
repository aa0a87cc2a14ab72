// The requests that change something: their bodies, their checks, their words.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

extension APIHandler {
    func act(_ request: ServerRequest, _ segment: Substring) async throws(StoreFailure) -> ServerResponse {
        do throws(BadBody) {
            switch (request.method, segment) {
            case ("PATCH", "config"): return try await patchConfiguration(body(of: request))
            case ("PUT", "config"): return try await putConfiguration(body(of: request))
            case ("POST", "reload"):
                backend.reload()
                return .text(202, "reload scheduled")
            case ("POST", "failsafe"): return try await takeFailsafe(request)
            // Only for tests on Windows, where there are no signals (API-178).
            case ("POST", "sigterm"): return .text(202, "shutdown scheduled")
            case ("POST", "restart"): return try await restart(optionalBody(of: request))
            case ("DELETE", "restart"):
                return await backend.deleteScheduledRestart()
                    ? .text(200, "scheduled restart deleted") : .text(404, "no restarts are scheduled")
            case ("POST", "reinitialize"): return try await reinitialize(optionalBody(of: request))
            case ("POST", "switchover"): return try await moveLeadership(.switchover, body(of: request))
            case ("POST", "failover"): return try await moveLeadership(.failover, body(of: request))
            case ("DELETE", "switchover"): return try await deleteSwitchover()
            // Only Citus coordinators have something to do here (API-182).
            case ("POST", "citus"), ("POST", "mpp"):
                _ = try body(of: request)
                return .text(200, "OK")
            default: return .errorPage(501)
            }
        } catch {
            switch error {
            case .page(let status): return .errorPage(status)
            case .store(let failure): throw failure
            }
        }
    }

    // MARK: bodies

    /// Why a request is not carried out: its body, or the store that was needed for it.
    enum BadBody: Error {
        case page(Int)
        case store(StoreFailure)
    }

    /// A JSON object with something in it (API-019).
    private func body(of request: ServerRequest) throws(BadBody) -> JSONObject {
        guard request.header("content-length") != nil else { throw .page(411) }
        guard let object = try? JSON.parse(request.body).object, !object.isEmpty else { throw .page(400) }
        return object
    }

    /// A JSON object; nothing at all is an empty one (API-020).
    private func optionalBody(of request: ServerRequest) throws(BadBody) -> JSONObject {
        if request.header("content-length") == nil || request.body.isEmpty { return [:] }
        guard let object = try? JSON.parse(request.body).object else { throw .page(400) }
        return object
    }

    private func readCluster() async throws(BadBody) -> Cluster {
        do throws(StoreFailure) { return try await backend.readCluster() } catch { throw .store(error) }
    }

    // MARK: configuration

    private func patchConfiguration(_ changes: JSONObject) async throws(BadBody) -> ServerResponse {
        // A patch means the same on top of somebody else's change; and what no answer came for is there, or is not, at
        // the next look.
        var refusal = ServerResponse.errorPage(409)
        for _ in 0..<Self.writeAttempts {
            guard let stored = try await readCluster().configuration else { return .errorPage(503) }
            var values = stored.values
            let outcome: WriteOutcome =
                values.apply(patch: changes)
                ? await backend.writeConfiguration(values, ifVersion: stored.version) : .written(stored.version)
            switch outcome {
            case .written:
                backend.wakeLoop()
                return .json(200, .object(values))
            case .conflict: refusal = .errorPage(409)
            case .unknown(let failure): refusal = .text(503, "DCS did not confirm the change: \(failure)")
            }
        }
        return refusal
    }

    /// How often a write is tried again because somebody else was faster.
    private static let writeAttempts = 5

    private func putConfiguration(_ values: JSONObject) async throws(BadBody) -> ServerResponse {
        let cluster = try await readCluster()
        if let stored = cluster.configuration, values.isWrittenLike(stored.values) {
            return .json(200, .object(values))
        }
        let outcome = await backend.writeConfiguration(values, ifVersion: nil)
        return outcome.isWritten ? .json(200, .object(values)) : .errorPage(502)
    }

    // MARK: leadership

    private func moveLeadership(
        _ action: SwitchoverRequest.Action, _ body: JSONObject
    ) async throws(BadBody) -> ServerResponse {
        let cluster = try await readCluster()
        let command = SwitchoverCommand(
            cluster: cluster, settings: settings(of: cluster), backend: backend, time: time, log: log)
        return await command.run(action, body: body)
    }

    private func deleteSwitchover() async throws(BadBody) -> ServerResponse {
        for attempt in 0..<Self.writeAttempts {
            guard let request = try await readCluster().failover, request.scheduledAt != nil else {
                // The answer to an attempt of ours may have been lost.
                return attempt == 0
                    ? .text(404, "no switchover is scheduled") : .text(200, "scheduled switchover deleted")
            }
            if await backend.writeFailover(nil, ifVersion: request.version).isWritten {
                return .text(200, "scheduled switchover deleted")
            }
        }
        return .errorPage(409)
    }

    // MARK: PostgreSQL

    private func restart(_ body: JSONObject) async throws(BadBody) -> ServerResponse {
        if !body.isEmpty { log.debug("received restart request: \(body.text(.spaced))") }
        if body["schedule"] != nil, await isPaused() {
            return .text(500, "Can't schedule restart in the paused state")
        }
        do throws(Rejection) {
            let restart = try RestartBody(body, now: time.wallTime)
            if let schedule = restart.schedule {
                return await backend.scheduleRestart(restart.request, at: schedule)
                    ? .text(202, "Restart scheduled") : .text(409, "Another restart is already scheduled")
            }
            switch await backend.restart(restart.request) {
            case .restarted: return .text(200, "restarted successfully")
            case .notDone(let reason): return .text(503, reason)
            }
        } catch {
            return .text(error.status, error.text)
        }
    }

    private func isPaused() async -> Bool {
        guard let cluster = try? await backend.readCluster() else { return status.current.settings.isPaused }
        return settings(of: cluster).isPaused
    }

    private func reinitialize(_ body: JSONObject) async throws(BadBody) -> ServerResponse {
        if !body.isEmpty { log.debug("received reinitialize request: \(body.text(.spaced))") }
        let force = body["force"].flatMap(Tags.truth) ?? false
        let fromLeader = body["from_leader"].flatMap(Tags.truth) ?? false
        guard let reason = await backend.reinitialize(force: force, fromLeader: fromLeader) else {
            return .text(200, "reinitialize started")
        }
        return .text(503, reason)
    }

    // MARK: failsafe

    private func takeFailsafe(_ request: ServerRequest) async throws(BadBody) -> ServerResponse {
        guard status.current.settings.isFailsafeModeEnabled else { return .errorPage(502) }
        guard let notice = FailsafeNotice(body: try body(of: request)) else { return .errorPage(400) }
        switch await backend.failsafe(notice) {
        case .accepted(let position, let promise):
            let headers = position.map { [("lsn", String($0.number))] } ?? []
            return .text(200, "Accepted", headers: headers + [("ttl", String(promise.wholeSeconds))])
        case .refused(let refusal): return .text(500, refusal.text)
        }
    }
}
