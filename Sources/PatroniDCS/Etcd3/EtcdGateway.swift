// Calls to an etcd cluster: finds a server that answers, logs in, and repeats what may be repeated until the deadline.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// Why a call has no result.
enum EtcdProblem: Error, Sendable {
    /// Certainly nothing happened.
    case notDone(StoreFailure)
    /// It may have happened.
    case unknown(StoreFailure)
    /// etcd understood and said no.
    case refused(EtcdRefusal)

    /// In the words of the contract.
    var failure: StoreFailure {
        switch self {
        case .notDone(let failure), .unknown(let failure): failure
        case .refused(let refusal):
            StoreFailure(
                refusal.asksForToken ? .denied : .protocolViolation, "etcd3 answered: \(refusal.message)")
        }
    }
}

/// A result, and whether an earlier attempt of the same call may have succeeded too.
struct EtcdAnswer: Sendable {
    var json: JSON
    var wasRepeated: Bool
}

actor EtcdGateway {
    nonisolated let http: HTTPTransport
    nonisolated let time: any TimeSource
    let settings: Etcd3Settings
    let logger: Logger
    /// Waits between rounds grow from 0.1 to 1 s, plus some, so that members don't come back all at once (DCS-055).
    private static let delays: (first: Duration, last: Duration) = (.milliseconds(100), .seconds(1))

    private(set) var hosts: EtcdHosts
    /// `/v3`, or what older servers call it (DCS-086).
    private var apiPrefix: String?
    private var token: String?
    /// A term lower than this comes from a server that lost touch with the others (DCS-108).
    private var newest: EtcdHeader?
    private var topologyKnownSince: Moment?
    private var isRefreshingTopology = false
    private var topologyLifetime: Duration = .seconds(300)

    init(settings: Etcd3Settings, seed: Int, time: any TimeSource, logger: Logger) throws(HTTPFailure) {
        self.settings = settings
        self.time = time
        self.logger = logger
        http = try HTTPTransport(tls: settings.tls, time: time)
        hosts = EtcdHosts(settings, startingAt: seed)
    }

    func setTopologyLifetime(_ duration: Duration) { topologyLifetime = duration }
    var generation: Int { hosts.generation }
    func close() async { await http.shutdown() }

    // MARK: calls

    /// Posts `body` to `path` (`kv/range`), on as many servers and as often as the deadline allows.
    func call(_ path: String, _ body: JSONObject, by deadline: Moment) async throws(EtcdProblem) -> EtcdAnswer {
        var state = Attempts(delay: Self.delays.first)
        while true {
            let share = hosts.share(of: deadline - time.now)
            for host in hosts.inOrder {
                if time.now >= deadline || Task.isCancelled { throw state.problem }
                let end = min(deadline, time.now + share)
                // The rest of the time is used, but an attempt cut short explains nothing.
                let isCutShort = end - time.now < .milliseconds(500)
                let verdict = await attempt(host, path, body, by: end)
                switch verdict {
                case .answer(let json):
                    if host != hosts.current { topologyKnownSince = nil }
                    hosts.pin(host)
                    refreshTopologyIfDue()
                    return EtcdAnswer(json: json, wasRepeated: state.mayHaveHappened)
                case .refused(let refusal):
                    if refusal.asksForToken, token != nil, !state.hasRenewedToken {
                        state.hasRenewedToken = true
                        token = nil
                    } else if state.mayHaveHappened {
                        throw .unknown(StoreFailure(.unavailable, "etcd3 \(host): \(refusal.message)"))
                    } else {
                        throw problem(refusal, host)
                    }
                case .tryAgain(let failure, let mayHaveHappened):
                    state.note(failure, mayHaveHappened, explains: !isCutShort)
                    logger.debug("\(failure)")
                case .isCutOff(let failure):
                    state.note(failure, true, explains: true)
                    state.sawOldTerm = true
                }
            }
            hosts.reconsider()
            topologyKnownSince = nil
            // A term that all servers are below is a cluster made anew, not a server left behind.
            if state.sawOldTerm { newest = nil }
            let now = time.now
            let jitter = Duration.nanoseconds(now.nanoseconds % max(1, state.delay.inNanoseconds * 4 / 5))
            await time.sleep(until: min(deadline, now + state.delay + jitter))
            state.delay = min(state.delay * 2, Self.delays.last)
        }
    }

    /// Opens an endless answer at the current server, or at the one `offset` places behind it.
    func open(
        _ path: String, _ body: JSONObject, offset: Int, headBy deadline: Moment
    ) async throws(EtcdProblem) -> HTTPStream {
        let order = hosts.inOrder
        guard !order.isEmpty else { throw .notDone(StoreFailure(.unreachable, "etcd3: no hosts")) }
        let host = order[offset % order.count]
        do throws(EtcdVerdict) {
            let request = try await request(host, path, body, by: deadline)
            do throws(HTTPFailure) {
                return try await http.stream(request, headBy: deadline)
            } catch {
                throw .tryAgain(StoreFailure(.unreachable, "etcd3 \(error)"), mayHaveHappened: false)
            }
        } catch {
            switch error {
            case .tryAgain(let failure, _), .isCutOff(let failure): throw .notDone(failure)
            case .refused(let refusal): throw problem(refusal, host)
            case .answer: throw .notDone(StoreFailure(.protocolViolation, "etcd3 \(host): unexpected answer"))
            }
        }
    }

    /// The token is no longer good.
    func forgetToken() { token = nil }

    private func problem(_ refusal: EtcdRefusal, _ host: String) -> EtcdProblem {
        if refusal.message.contains("user name is empty"), settings.credentials == nil {
            return .notDone(
                StoreFailure(.denied, "etcd3 \(host): it wants a user: set etcd3.username and etcd3.password"))
        }
        if refusal.message.contains("invalid user ID or password") {
            return .notDone(
                StoreFailure(
                    .denied, "etcd3 \(host): wrong password or unknown user: check etcd3.username and etcd3.password"))
        }
        if refusal.asksForToken {
            return .notDone(StoreFailure(.denied, "etcd3 \(host): \(refusal.message)"))
        }
        return .refused(refusal)
    }

    // MARK: one attempt

    private struct Attempts {
        var delay: Duration
        var mayHaveHappened = false
        var hasRenewedToken = false
        var sawOldTerm = false
        private var last: StoreFailure?

        init(delay: Duration) { self.delay = delay }

        mutating func note(_ failure: StoreFailure, _ mayHaveHappened: Bool, explains: Bool) {
            if explains || last == nil { last = failure }
            if mayHaveHappened { self.mayHaveHappened = true }
        }

        var problem: EtcdProblem {
            let failure = last ?? StoreFailure(.unreachable, "etcd3: no time left to ask")
            return mayHaveHappened ? .unknown(failure) : .notDone(failure)
        }
    }

    private func attempt(
        _ host: String, _ path: String, _ body: JSONObject, by deadline: Moment
    ) async -> EtcdVerdict {
        do throws(EtcdVerdict) {
            let json = try await post(try await request(host, path, body, by: deadline), host, by: deadline)
            if let header = EtcdHeader(json["header"] ?? json["result"]?["header"]) {
                if let newest, newest.cluster == header.cluster, header.term < newest.term {
                    return .isCutOff(
                        StoreFailure(
                            .unavailable,
                            "etcd3 \(host): its raft term \(header.term) is older than \(newest.term), it is cut off"))
                }
                newest = header
            }
            return .answer(json)
        } catch {
            return error
        }
    }

    /// The request with the right path and token, which are found out at first use.
    private func request(
        _ host: String, _ path: String, _ body: JSONObject, by deadline: Moment
    ) async throws(EtcdVerdict) -> HTTPRequest {
        if apiPrefix == nil { apiPrefix = try await findPrefix(host, by: deadline) }
        if token == nil, settings.credentials != nil { token = try await logIn(host, by: deadline) }
        return plainRequest(host, path, body)
    }

    private func plainRequest(_ host: String, _ path: String, _ body: JSONObject) -> HTTPRequest {
        var request = HTTPRequest(
            .post, "\(host)\(apiPrefix ?? "/v3")/\(path)",
            headers: [("Content-Type", "application/json"), ("User-Agent", StoreFactory.userAgent)],
            body: Array(body.text().utf8))
        if let token, !token.isEmpty { request.headers.append(("Authorization", token)) }
        return request
    }

    private func post(_ request: HTTPRequest, _ host: String, by deadline: Moment) async throws(EtcdVerdict) -> JSON {
        let answer: HTTPAnswer
        do throws(HTTPFailure) {
            answer = try await http.send(request, by: deadline)
        } catch {
            throw .tryAgain(StoreFailure(.unreachable, "etcd3 \(error)"), mayHaveHappened: !error.wasNotSent)
        }
        let json = try? JSON.parse(answer.body)
        if let json, answer.status == 200, json["error"] == nil { return json }
        if let refusal = json.flatMap(EtcdRefusal.init) { throw EtcdVerdict(refusal, host) }
        // Not etcd's own words: a proxy, or a server that knows this path by another prefix.
        if answer.status == 404 { apiPrefix = nil }
        let text = answer.text.prefix(100).split(separator: "\n").first ?? ""
        throw .tryAgain(
            StoreFailure(.unavailable, "etcd3 \(host): status \(answer.status) \(text)"),
            mayHaveHappened: answer.status != 404)
    }

    private func findPrefix(_ host: String, by deadline: Moment) async throws(EtcdVerdict) -> String {
        let answer: HTTPAnswer
        do throws(HTTPFailure) {
            answer = try await http.send(HTTPRequest(.get, "\(host)/version"), by: deadline)
        } catch {
            throw .tryAgain(StoreFailure(.unreachable, "etcd3 \(error)"), mayHaveHappened: false)
        }
        let json = try? JSON.parse(answer.body)
        // The cluster's version counts: the oldest server's. It is "not_decided" in the first moments.
        if let text = json?["etcdcluster"]?.string ?? json?["etcdserver"]?.string,
            let prefix = Self.prefix(forVersion: text)
        {
            return prefix
        }
        throw .tryAgain(
            StoreFailure(.unavailable, "etcd3 \(host): /version names no version of etcd this program works with"),
            mayHaveHappened: false)
    }

    static func prefix(forVersion text: String) -> String? {
        let numbers = text.split(separator: ".").map { Int($0.prefix { $0.isNumber }) ?? -1 }
        guard numbers.count >= 2, numbers[0] >= 3 else { return nil }
        if numbers[0] > 3 || numbers[1] >= 4 { return "/v3" }
        return numbers[1] == 3 ? "/v3beta" : "/v3alpha"
    }

    /// An empty token when the cluster wants none.
    private func logIn(_ host: String, by deadline: Moment) async throws(EtcdVerdict) -> String {
        guard let credentials = settings.credentials else { return "" }
        let body: JSONObject = ["name": .string(credentials.username), "password": .string(credentials.password)]
        do throws(EtcdVerdict) {
            return try await post(plainRequest(host, "auth/authenticate", body), host, by: deadline)["token"]?.string
                ?? ""
        } catch {
            if case .refused(let refusal) = error, refusal.message.contains("authentication is not enabled") {
                return ""
            }
            throw error
        }
    }

    // MARK: topology

    /// Asks the servers in the background where they all are, now and then (DCS-076).
    private func refreshTopologyIfDue() {
        if settings.usesFixedList || isRefreshingTopology { return }
        if let since = topologyKnownSince, time.now - since < topologyLifetime { return }
        isRefreshingTopology = true
        topologyKnownSince = time.now
        Task {
            defer { isRefreshingTopology = false }
            let verdict = await attempt(hosts.current, "cluster/member/list", [:], by: time.now + .seconds(3))
            guard case .answer(let json) = verdict, let members = json["members"]?.array else { return }
            hosts.learn(members.flatMap { $0["clientURLs"]?.array ?? [] }.compactMap(\.string))
        }
    }
}

/// What one attempt at one server came to.
enum EtcdVerdict: Error, Sendable {
    case answer(JSON)
    case refused(EtcdRefusal)
    /// Another server, or the same one later, may do better.
    case tryAgain(StoreFailure, mayHaveHappened: Bool)
    /// It answered, but it lost touch with the other servers: what it says is old (DCS-108).
    case isCutOff(StoreFailure)

    /// Which of etcd's errors are worth another try (DCS-106).
    init(_ refusal: EtcdRefusal, _ host: String) {
        let failure = StoreFailure(.unavailable, "etcd3 \(host): \(refusal.message)")
        switch refusal.code {
        case EtcdCode.unavailable:
            self = .tryAgain(failure, mayHaveHappened: !refusal.message.contains("no leader"))
        case EtcdCode.unknown where refusal.message.contains("not a primary lessor"):
            self = .tryAgain(failure, mayHaveHappened: false)
        case EtcdCode.failedPrecondition where !refusal.message.contains("authentication is not enabled"):
            self = .tryAgain(failure, mayHaveHappened: false)
        case EtcdCode.resourceExhausted where refusal.message.contains("too many requests"):
            self = .tryAgain(failure, mayHaveHappened: false)
        case EtcdCode.deadlineExceeded, EtcdCode.unknown, 1, 10, 13:
            self = .tryAgain(failure, mayHaveHappened: true)
        default: self = .refused(refusal)
        }
    }
}
