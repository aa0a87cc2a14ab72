// Which request goes where: health checks from memory at once, everything else to its command.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts
import Synchronization

/// Sections 1 and 4 of the REST API's ledger: routing, and what is answered without acting.
final class APIHandler: RequestHandler {
    let status: StatusHolder
    let backend: any APIBackend
    let time: any TimeSource
    let log: Logger
    private let access: Mutex<AccessControl>

    init(
        status: StatusHolder, backend: any APIBackend, settings: RestAPISettings, log: Logger, time: any TimeSource
    ) {
        self.status = status
        self.backend = backend
        self.log = log
        self.time = time
        access = Mutex(AccessControl(settings, time: time))
    }

    func use(_ settings: RestAPISettings) {
        let new = AccessControl(settings, time: time)
        access.withLock { $0 = new }
    }

    /// The handler's name for a path: its first segment (API-011).
    static func segment(_ path: String) -> Substring { path.drop { $0 == "/" }.prefix { $0 != "/" } }

    // MARK: at once

    func answer(_ request: ServerRequest) -> ServerResponse? {
        let segment = Self.segment(request.path)
        switch request.method {
        case "GET":
            switch segment {
            case "liveness": return .bareStatus(check().isAlive ? 200 : 503)
            case "readiness":
                guard let reason = check().whyNotReady(request.query) else { return .bareStatus(200) }
                log.debug("Readiness check failure: \(reason)")
                return .bareStatus(503)
            case "patroni", "cluster", "history", "config", "metrics", "failsafe", "why": return nil
            default:
                let now = time.now
                let snapshot = status.current
                let passes = HealthCheck(snapshot, now: now).passes(request.path, request.query)
                return .json(passes ? 200 : 503, .object(StatusPage.json(snapshot, now: now)))
            }
        case "HEAD", "OPTIONS": return .bareStatus(check().passes(request.path, request.query) ? 200 : 503)
        default: return Self.acts(request.method, segment) ? nil : Self.unsupported(request.method)
        }
    }

    private func check() -> HealthCheck { HealthCheck(status.current, now: time.now) }

    private static func unsupported(_ method: String) -> ServerResponse {
        .errorPage(501, message: "Unsupported method ('\(method)')")
    }

    private static func acts(_ method: String, _ segment: Substring) -> Bool {
        switch (method, segment) {
        case ("PATCH", "config"), ("PUT", "config"): true
        case ("POST", "reload"), ("POST", "failsafe"), ("POST", "sigterm"), ("POST", "restart"),
            ("POST", "reinitialize"), ("POST", "failover"), ("POST", "switchover"), ("POST", "citus"), ("POST", "mpp"):
            true
        case ("DELETE", "restart"), ("DELETE", "switchover"): true
        default: false
        }
    }

    // MARK: with time

    func respond(_ request: ServerRequest) async -> ServerResponse {
        let segment = Self.segment(request.path)
        do throws(StoreFailure) {
            if request.method == "GET" { return try await read(segment, request) }
            if let refusal = await refusal(request, segment) { return refusal }
            return try await act(request, segment)
        } catch {
            // Patroni closes the connection without a word here (API-021); a status is kinder and means the same.
            log.warning("REST API: \(request.method) \(request.path) failed: \(error)")
            return .text(503, "the distributed configuration store can't be reached: \(error)")
        }
    }

    private func read(_ segment: Substring, _ request: ServerRequest) async throws(StoreFailure) -> ServerResponse {
        switch segment {
        case "why":
            let page = WhyPage(snapshot: status.current, log: await backend.flightLog(), now: time.wallTime)
            guard request.wantsText else { return .json(200, .object(page.json)) }
            return ServerResponse(
                status: 200, contentType: "text/plain; charset=utf-8",
                body: Array(page.text(zone: LocalTimeZone.offset).utf8))
        case "patroni": return .json(200, .object(StatusPage.json(await backend.freshStatus(), now: time.now)))
        case "metrics":
            let text = Metrics.text(await backend.freshStatus(), now: time.now)
            return ServerResponse(status: 200, contentType: "text/plain", body: Array(text.utf8))
        case "cluster":
            let cluster = try await backend.readCluster()
            let page = ClusterPage(cluster: cluster, settings: settings(of: cluster))
            return .json(200, .object(page.json(scope: status.current.scope)))
        case "history": return .json(200, try await freshOrLast().history?.json ?? [])
        case "config":
            guard let stored = try await freshOrLast().configuration else { return .errorPage(502) }
            return .json(200, .object(stored.values))
        case "failsafe":
            guard let members = status.current.failsafeMembers else { return .errorPage(502) }
            let pairs = members.sorted { $0.key < $1.key }.map { ($0.key.text, JSON.string($0.value)) }
            return .json(200, .object(JSONObject(pairs)))
        default: return .errorPage(501)
        }
    }

    /// What a cluster has agreed on; what was in force last when its configuration can't be used.
    func settings(of cluster: Cluster) -> ClusterSettings {
        cluster.configuration.flatMap { try? DynamicSettings($0.values).settings } ?? status.current.settings
    }

    /// What the store says now, or what it said last (API-062, API-063).
    private func freshOrLast() async throws(StoreFailure) -> Cluster {
        do throws(StoreFailure) {
            return try await backend.readCluster()
        } catch {
            if let last = status.current.cluster { return last }
            throw error
        }
    }

    private func refusal(_ request: ServerRequest, _ segment: Substring) async -> ServerResponse? {
        // The one unprotected door, as in Patroni (API-024).
        if segment == "mpp" { return nil }
        let access = access.withLock { $0 }
        return await access.refusal(
            request, members: status.current.cluster?.members ?? [], countsMembers: segment != "failsafe")
    }
}

extension ServerRequest {
    /// `?text`, or a client that says it wants plain text.
    fileprivate var wantsText: Bool {
        query.contains { $0.name == "text" } || queryFlags.contains("text")
            || header("accept")?.hasPrefix("text/plain") == true
    }
}
