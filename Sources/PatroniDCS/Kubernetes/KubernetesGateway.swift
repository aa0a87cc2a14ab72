// Calls to the API server: finds one that answers, proves who we are, and repeats what may be repeated in the time.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// A question to the API.
struct KubernetesCall: Sendable {
    var method = HTTPRequest.Method.get
    var path: String
    var query = KubernetesQuery()
    var body: JSONObject?
    /// Rights may come back: a refusal is asked about again while there is time (DCS-164).
    var retriesRefusals = false
}

actor KubernetesGateway {
    nonisolated let time: any TimeSource
    let access: KubernetesAccess
    let seed: Int
    let logger: Logger
    private let retriable: Set<Int>
    /// Waits between rounds grow from 0.1 to 1 s.
    private static let delays: (first: Duration, last: Duration) = (.milliseconds(100), .seconds(1))
    /// Tokens of pods are replaced while they run.
    private static let tokenLifetime: Duration = .seconds(60)

    private(set) var servers: KubernetesServers
    private var transports: [KubernetesServer: HTTPTransport] = [:]
    /// When each server last answered anything.
    private var answeredAt: [KubernetesServer: Moment] = [:]
    private var token: (text: String, readAt: Moment)?
    var isRefreshing = false
    private var isClosed = false

    init(
        access: KubernetesAccess, bypasses: Bool, retriable: Set<Int>, seed: Int, time: any TimeSource, logger: Logger
    ) throws(StoreFailure) {
        self.access = access
        self.retriable = retriable
        self.seed = seed
        self.time = time
        self.logger = logger
        servers = KubernetesServers(service: access.server, bypasses: bypasses)
        // A bad certificate file is told at the start, not at the first call.
        do throws(HTTPFailure) { transports[access.server] = try Self.transport(access, access.server, time) } catch {
            throw StoreFailure(.denied, "kubernetes: \(error)")
        }
    }

    /// Nobody waits for the farewells: a server that doesn't answer them takes five seconds each.
    func close() {
        isClosed = true
        for server in transports.keys { dropConnections(to: server) }
    }

    // MARK: calls

    /// Asks as many servers and as often as the deadline allows.
    func call(_ call: KubernetesCall, by deadline: Moment) async throws(KubernetesProblem) -> KubernetesAnswer {
        var attempts = Attempts(delay: Self.delays.first)
        while true {
            let candidates = servers.inOrder
            let share = KubernetesServers.share(of: deadline - time.now, servers: candidates.count)
            for server in candidates {
                if time.now >= deadline || Task.isCancelled || isClosed { throw attempts.problem }
                let end = min(deadline, time.now + share)
                // The rest of the time is used, but an attempt cut short explains nothing.
                let isCutShort = end - time.now < .milliseconds(500)
                switch await attempt(call, at: server, by: end) {
                case .answer(let json):
                    // The first choice of then is not asked for again: it may have been left since for a better one.
                    if server != candidates.first { move(to: server) }
                    return KubernetesAnswer(json: json, wasRepeated: attempts.mayHaveHappened)
                case .refused(let refusal):
                    if server != candidates.first { move(to: server) }
                    if refusal.isUnauthorized, !attempts.hasRenewedToken {
                        attempts.hasRenewedToken = true
                        token = nil
                        let failure = KubernetesProblem.refused(refusal, wasRepeated: false).failure
                        attempts.note(failure, mayHaveHappened: false)
                    } else {
                        throw .refused(refusal, wasRepeated: attempts.mayHaveHappened)
                    }
                case .tryAgain(let failure, let mayHaveHappened, let wait):
                    attempts.note(failure, mayHaveHappened: mayHaveHappened, wait: wait, explains: !isCutShort)
                    logger.debug("\(failure)")
                }
            }
            servers.doubt()
            let now = time.now
            let jitter = Duration.nanoseconds(now.nanoseconds % max(1, attempts.delay.inNanoseconds * 4 / 5))
            await time.sleep(until: min(deadline, now + max(attempts.wait ?? .zero, attempts.delay + jitter)))
            attempts.beginRound(longest: Self.delays.last)
            if now < deadline { await refreshServers(age: .zero, by: min(deadline, time.now + share)) }
        }
    }

    /// Opens an endless answer at the current server.
    func open(_ call: KubernetesCall, headBy deadline: Moment) async throws(KubernetesProblem) -> HTTPStream {
        let server = servers.current
        let stream: HTTPStream
        do throws(HTTPFailure) {
            stream = try await transport(server).stream(request(call, at: server), headBy: deadline)
        } catch {
            throw .notDone(StoreFailure(.unreachable, "kubernetes \(server.shown): \(error)"))
        }
        if stream.status == 200 { return stream }
        if stream.status == 401 { token = nil }
        throw .refused(KubernetesRefusal(status: stream.status, message: "a watch was refused"), wasRepeated: false)
    }

    // MARK: one attempt

    private struct Attempts {
        var delay: Duration
        var wait: Duration?
        var mayHaveHappened = false
        var hasRenewedToken = false
        private var last: StoreFailure?

        init(delay: Duration) { self.delay = delay }

        mutating func note(
            _ failure: StoreFailure, mayHaveHappened: Bool, wait: Duration? = nil, explains: Bool = true
        ) {
            if explains || last == nil { last = failure }
            if mayHaveHappened { self.mayHaveHappened = true }
            self.wait = wait
        }

        mutating func beginRound(longest: Duration) {
            delay = min(delay * 2, longest)
            wait = nil
        }

        var problem: KubernetesProblem {
            let failure = last ?? StoreFailure(.unreachable, "kubernetes: no time left to ask")
            return mayHaveHappened ? .unknown(failure) : .notDone(failure)
        }
    }

    private func attempt(
        _ call: KubernetesCall, at server: KubernetesServer, by deadline: Moment
    ) async -> KubernetesVerdict {
        let began = time.now
        var used: HTTPTransport?
        do throws(HTTPFailure) {
            let open = try transport(server)
            used = open
            let answer = try await open.send(request(call, at: server), by: deadline)
            answeredAt[server] = time.now
            return KubernetesVerdict(
                answer, from: server, retriable: call.retriesRefusals ? retriable.union([403]) : retriable)
        } catch {
            // Whatever else this client has open to there may hang as well; not when others were answered meanwhile,
            // and not what was opened since: one slow answer must not cancel all the others.
            let isAlive = answeredAt[server].map { $0 > began } ?? false
            if !isAlive, let used, transports[server] === used { dropConnections(to: server) }
            // Not whatever befalls a handshake: a dying server's is no word about certificates.
            if case .tls(let reason) = error, server != servers.service,
                reason.contains("failedToValidateHostname") || reason.contains("CERTIFICATE_VERIFY_FAILED")
            {
                noteWrongCertificate(reason)
            }
            let failure = StoreFailure(.unreachable, "kubernetes \(server.shown): \(error)")
            return .tryAgain(failure, mayHaveHappened: !error.wasNotSent && call.method != .get, after: nil)
        }
    }

    private func request(_ call: KubernetesCall, at server: KubernetesServer) -> HTTPRequest {
        var request = HTTPRequest(
            call.method, server.url + call.path + call.query.text, headers: [("User-Agent", StoreFactory.userAgent)],
            body: call.body.map { Array($0.text().utf8) })
        if call.body != nil {
            let type = call.method == .patch ? "application/strategic-merge-patch+json" : "application/json"
            request.headers.append(("Content-Type", type))
        }
        switch access.login {
        case .none: break
        case .token(let text): request.headers.append(("Authorization", "Bearer \(text)"))
        case .password(let name, let password): request.authorize(username: name, password: password)
        case .tokenFile(let path):
            if let text = freshToken(path) { request.headers.append(("Authorization", "Bearer \(text)")) }
        }
        return request
    }

    /// The file is small and in memory; an unreadable one leaves the last token in force.
    private func freshToken(_ path: String) -> String? {
        if let token, time.now - token.readAt < Self.tokenLifetime { return token.text }
        do throws(FileError) {
            let text = String(try FileReading.text(path).filter { !$0.isWhitespace })
            if !text.isEmpty { token = (text, time.now) }
        } catch {
            logger.error("Failed to refresh service account token: \(error)")
        }
        return token?.text
    }

    private static func transport(
        _ access: KubernetesAccess, _ server: KubernetesServer, _ time: any TimeSource
    ) throws(HTTPFailure) -> HTTPTransport {
        guard let address = server.address else { return try HTTPTransport(tls: access.tls, time: time) }
        let host = server.url.dropFirst(server.url.firstRange(of: "://")?.upperBound.utf16Offset(in: server.url) ?? 0)
        let name = Endpoint.split(String(host), defaultPort: 443)?.host ?? String(host)
        return try HTTPTransport(tls: access.tls, addresses: [name: address], time: time)
    }

    private func transport(_ server: KubernetesServer) throws(HTTPFailure) -> HTTPTransport {
        if let open = transports[server] { return open }
        let made = try Self.transport(access, server, time)
        transports[server] = made
        return made
    }

    private func dropConnections(to server: KubernetesServer) {
        guard let transport = transports.removeValue(forKey: server) else { return }
        Task { await transport.shutdown() }
    }

    // MARK: moving

    /// The servers' own certificates don't name the Service: they can only be reached through it.
    private func noteWrongCertificate(_ reason: String) {
        guard servers.noteRefusal(at: time.now) else { return }
        logger.warning(
            "The API servers behind the Service have no certificate for it, disabling 'bypass_api_service': \(reason)")
    }

    private func move(to server: KubernetesServer) {
        guard server != servers.current, servers.inOrder.contains(server) else { return }
        let last = servers.current
        servers.pin(server)
        logger.info("Selected new K8s API server endpoint \(server.shown)")
        // The streams move along.
        dropConnections(to: last)
    }

    /// What the list of servers says now, when the last look is older than `age` (DCS-170).
    func refreshServers(age: Duration, by deadline: Moment) async {
        guard !isRefreshing, !isClosed, servers.isDue(at: time.now, after: age) else { return }
        isRefreshing = true
        defer { isRefreshing = false }
        for server in servers.inOrder {
            guard time.now < deadline else { return }
            if await look(at: server, by: min(deadline, time.now + .seconds(2))) { return }
        }
    }

    /// False when this server could not tell.
    private func look(at server: KubernetesServer, by deadline: Moment) async -> Bool {
        var verdict = await attempt(KubernetesCall(path: servers.source.path), at: server, by: deadline)
        if case .refused(let refusal) = verdict, servers.source == .endpointSlice,
            refusal.isAbsent || refusal.isForbidden
        {
            // Older servers have no slices, older roles name only the endpoints.
            verdict = await attempt(
                KubernetesCall(path: KubernetesServers.Source.endpoints.path), at: server, by: deadline)
            if case .answer = verdict { servers.fallBack() }
        }
        switch verdict {
        case .answer(let json):
            let before = servers.current
            servers.learn(
                KubernetesServers.addresses(in: json), certificateName: access.certificateName, startingAt: seed,
                at: time.now)
            if servers.current != before {
                logger.info("Selected new K8s API server endpoint \(servers.current.shown)")
                dropConnections(to: before)
            }
            return true
        case .refused(let refusal):
            if refusal.isUnauthorized { token = nil }
            guard refusal.isForbidden || refusal.isAbsent else { return false }
            if servers.noteRefusal(at: time.now) {
                logger.warning(
                    """
                    Kubernetes RBAC doesn't allow GET access to the 'kubernetes' endpoint in the 'default' namespace. \
                    Disabling 'bypass_api_service' for \(KubernetesServers.refusalLasts.wholeSeconds / 60) minutes.
                    """)
            }
            return true
        case .tryAgain(let failure, _, _):
            logger.debug("Failed to get \"kubernetes\" endpoint: \(failure)")
            return false
        }
    }
}
