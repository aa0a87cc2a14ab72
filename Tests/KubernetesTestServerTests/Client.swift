// A plain HTTPS client for the test server's own tests: one question at a time, and watches read line by line.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Synchronization

struct TestClient: Sendable {
    let base: String
    let http: HTTPTransport
    var token: String?

    init(_ address: Endpoint, authority: String, token: String?) throws {
        var tls = ClientTLSSettings()
        tls.authorities = authority
        // The certificate names the service; the single API servers are reached by address.
        tls.verifiesHostname = false
        http = try HTTPTransport(tls: tls)
        base = "https://\(address)"
        self.token = token
    }

    private func request(_ method: HTTPRequest.Method, _ path: String, _ body: JSON?, _ type: String?) -> HTTPRequest {
        var headers: [(name: String, value: String)] = []
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if let type { headers.append(("Content-Type", type)) }
        return HTTPRequest(method, base + path, headers: headers, body: body.map { Array($0.text().utf8) })
    }

    func ask(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, type: String? = nil, seconds: Int = 10
    ) async throws -> HTTPAnswer {
        let type = type ?? (body == nil ? nil : method == .patch ? Self.strategic : "application/json")
        return try await http.send(
            request(method, path, body, type), by: SystemTime().now + .seconds(seconds), maximumBody: 4 << 20)
    }

    static let strategic = "application/strategic-merge-patch+json"

    /// Opens a watch; its lines are collected until it ends or the returned object is let go.
    func watch(_ path: String) async throws -> OpenWatch {
        let stream = try await http.stream(request(.get, path, nil, nil), headBy: SystemTime().now + .seconds(10))
        return OpenWatch(stream)
    }
}

/// How a watch ended.
enum WatchEnd: Sendable, Hashable {
    case open
    case proper
    case lost
}

final class OpenWatch: Sendable {
    private final class Received: Sendable {
        let state = Mutex((text: "", end: WatchEnd.open))
    }

    let status: Int
    private let received: Received
    private let task: Task<Void, Never>

    init(_ stream: HTTPStream) {
        status = stream.status
        let received = Received()
        self.received = received
        task = Task {
            var end = WatchEnd.proper
            do {
                try await stream.forEach { bytes in
                    received.state.withLock { $0.text += String(decoding: bytes, as: UTF8.self) }
                    return true
                }
            } catch {
                end = .lost
            }
            received.state.withLock { [end] in $0.end = end }
        }
    }

    func close() { task.cancel() }

    var end: WatchEnd { received.state.withLock { $0.end } }

    /// The events so far, each line parsed.
    var events: [JSON] {
        received.state.withLock { $0.text }.split(separator: "\n").compactMap { try? JSON.parse(String($0)) }
    }

    /// Waits until there are so many events, or the watch ended, or time is over.
    func waitForEvents(_ count: Int, seconds: Int = 5) async {
        await wait(seconds: seconds) { self.events.count >= count || self.end != .open }
    }

    func waitForEnd(seconds: Int = 5) async -> WatchEnd {
        await wait(seconds: seconds) { self.end != .open }
        return end
    }

    private func wait(seconds: Int, _ isReached: () -> Bool) async {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !isReached(), ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
