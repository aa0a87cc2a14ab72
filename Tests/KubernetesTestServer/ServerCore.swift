// The server's mind: one state behind all addresses, asked by the connections, changed by requests and by the tests.

import PatroniCore
import PatroniPlatform
import Synchronization

/// What a connection does with a request.
enum Handling: Sendable {
    case reply(Reply, after: Duration = .zero)
    case watch(WatchStart)
    /// Ask again after a while, and don't look for faults then.
    case later(Duration)
    /// Reset the connection.
    case cut
    case silence
}

/// How the store behind the API servers fails.
public enum StoreOutage: Sendable, Hashable {
    case none
    /// As recorded while etcd was away: reads and writes end with 504 after these times (really 60 s and 34 s), lists
    /// from the cache (`resourceVersion=0`) and watches go on.
    case timeouts(read: Duration = .seconds(60), write: Duration = .seconds(34))
    /// All but the cache answers so at once.
    case answers(status: Int)
}

final class ServerCore: Sendable {
    struct State: Sendable {
        var store: ObjectStore
        var tokens = Tokens()
        var rights: Rights
        var faults = FaultPlan()
        var watchers: [Int: Watcher] = [:]
        var watchCount = 0
        /// API servers whose watches get nothing for now.
        var heldNodes: Set<Int> = []
        var log: [RequestRecord] = []
        var requestCount = 0
        var outage = StoreOutage.none
        /// How long watches last that name no time.
        var watchTime: Duration = .seconds(1800)
        /// A cluster before 1.21 has no EndpointSlices.
        var hasEndpointSlices = true
        /// Answered to all that is asked of an API server that has just started (403, as recorded).
        var startingNodes: Set<Int> = []
    }

    let state: Mutex<State>
    let time: any TimeSource
    let namespace: String

    init(namespace: String, time: any TimeSource) {
        self.namespace = namespace
        self.time = time
        state = Mutex(State(store: ObjectStore(time: time), rights: Rights(namespace: namespace)))
    }

    /// Runs a change of the state, then tells the watches.
    func change<Value, Failure: Error>(
        _ body: (inout State) throws(Failure) -> sending Value
    ) throws(Failure) -> sending Value {
        try state.withLock { (state) throws(Failure) -> Value in
            let before = state.store.history.count
            defer { Self.publish(&state, from: before) }
            return try body(&state)
        }
    }

    private static func publish(_ state: inout State, from start: Int) {
        for change in state.store.history.dropFirst(start) {
            for (id, watcher) in state.watchers {
                guard let line = watcher.line(for: change) else { continue }
                if state.heldNodes.contains(watcher.node) {
                    state.watchers[id]?.held.append(line)
                } else {
                    watcher.deliver(.line(line))
                }
            }
        }
    }

    // MARK: requests

    func handle(
        _ request: Incoming, ignoringFaults: Bool, deliver: @escaping @Sendable (WatchNews) -> Void
    ) -> Handling {
        let route = Route(request)
        let handling: Result<Handling, StatusError> = Result { () throws(StatusError) -> Handling in
            try change { (state) throws(StatusError) -> Handling in
                self.handle(request, route, &state, ignoringFaults: ignoringFaults, deliver)
            }
        }
        switch handling {
        case .success(let handling): return handling
        case .failure(let error): return .reply(Reply(error))
        }
    }

    private func handle(
        _ request: Incoming, _ route: Route, _ state: inout State, ignoringFaults: Bool,
        _ deliver: @escaping @Sendable (WatchNews) -> Void
    ) -> Handling {
        let who: Identity
        do throws(StatusError) {
            who = try state.tokens.identity(of: request.authorization, at: time.now)
        } catch {
            note(request, route, nil, 401, &state)
            return .reply(Reply(error))
        }
        var record = self.record(request, route, who)
        let fault = ignoringFaults ? nil : state.faults.next(for: record)
        let handling = meet(fault, request, route, who, &state, deliver)
        switch handling {
        case .reply(let reply, _): record.status = reply.status
        case .watch: record.status = 200
        case .later: return handling
        case .cut, .silence: break
        }
        keep(record, &state)
        return handling
    }

    private func meet(
        _ fault: Fault?, _ request: Incoming, _ route: Route, _ who: Identity, _ state: inout State,
        _ deliver: @escaping @Sendable (WatchNews) -> Void
    ) -> Handling {
        switch fault {
        case nil: break
        case .delay(let time): return .later(time)
        case .reset: return .cut
        case .silence: return .silence
        case .throttle(let seconds):
            var reply = Reply.text(429, "Too many requests, please try again later.\n")
            reply.headers = [("retry-after", String(seconds))]
            return .reply(reply)
        case .refuse(let status, let reason, let retryAfter):
            return .reply(Reply(Self.failure(status, reason, retryAfter)))
        case .changedBefore(let patch):
            if case .object(_, let key) = route {
                _ = try? state.store.update(key) { (old) throws(StatusError) in
                    try Patching.apply(patch, .strategic, to: old)
                }
            }
        case .loseAnswer:
            _ = carryOut(request, route, who, &state, deliver)
            return .cut
        case .carryOutInSilence:
            _ = carryOut(request, route, who, &state, deliver)
            return .silence
        case .carryOutAndSay(let status):
            _ = carryOut(request, route, who, &state, deliver)
            return .reply(Reply(Self.failure(status, nil, nil)))
        }
        return carryOut(request, route, who, &state, deliver)
    }

    private static func failure(_ status: Int, _ reason: String?, _ retryAfter: Int?) -> StatusError {
        let texts: [Int: (String, String)] = [
            403: ("Forbidden", "forbidden"), 409: ("Conflict", "conflict"),
            410: ("Expired", "too old resource version"),
            429: ("TooManyRequests", "too many requests"), 500: ("InternalError", "Internal error occurred"),
            503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504: ("Timeout", "Timeout: request did not complete within requested timeout - context deadline exceeded"),
        ]
        var error = StatusError(
            code: status, reason: reason ?? texts[status]?.0, message: texts[status]?.1 ?? "refused by a test",
            details: [:])
        if let retryAfter {
            error.headers = [("retry-after", String(retryAfter))]
            error.details = ["retryAfterSeconds": .int(Int64(retryAfter))]
        }
        return error
    }

    // MARK: the log

    private func record(_ request: Incoming, _ route: Route, _ who: Identity?) -> RequestRecord {
        RequestRecord(
            node: request.node, pod: who?.pod, method: request.method, path: request.path,
            resource: route.attempt.resource?.plural, name: route.attempt.name, isWatch: route.isWatch, at: time.now,
            body: String(decoding: request.body.prefix(4096), as: UTF8.self))
    }

    private func note(_ request: Incoming, _ route: Route, _ who: Identity?, _ status: Int, _ state: inout State) {
        var record = record(request, route, who)
        record.status = status
        keep(record, &state)
    }

    private func keep(_ record: RequestRecord, _ state: inout State) {
        state.requestCount += 1
        var record = record
        record.number = state.requestCount
        state.log.append(record)
        if state.log.count > 20_000 { state.log.removeFirst(10_000) }
    }

    func forget(watch id: Int) {
        state.withLock { $0.watchers[id] = nil }
    }
}
