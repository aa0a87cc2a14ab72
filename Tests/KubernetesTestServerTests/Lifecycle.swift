// The recorded questions about API servers that end, start again, or are busy.

import KubernetesTestServer
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

/// Each of these lines was recorded while something was done to the API server.
struct Lifecycle {
    let server: KubernetesTestServer
    let client: TestClient

    private static let beginnings = [
        "apiserver killed", "apiserver ends", "start after", "no apiserver", "watch ends by itself",
    ]

    static func names(_ exchange: Exchange) -> Bool {
        beginnings.contains { exchange.name.hasPrefix($0) }
    }

    func ask(_ exchange: Exchange) async throws {
        switch exchange.name {
        case "apiserver killed (SIGKILL): the watch":
            try await watched(exchange, end: .lost) { await server.kill(node: 0) }
        case "apiserver ends (SIGTERM): the watch":
            // Recorded when it was over; the two lines before it came in between.
            try await server.restart(node: 0)
            try await watched(exchange, end: .proper) { await server.end(node: 0) }
        case "apiserver ends (SIGTERM): a request on a connection kept alive":
            await server.end(node: 0)
            try await refused(exchange)
        case let name where name.hasPrefix("watch ends by itself"):
            server.setWatchTime(.milliseconds(300))
            try await watched(exchange, end: .proper) {}
            server.setWatchTime(.seconds(1800))
        case let name where name.hasPrefix("start after") && exchange.status != 0:
            // Killed by the line before, if it is not up already.
            if server.connectionCount(node: 0) == 0 { try? await server.restart(node: 0) }
            server.setStarting(exchange.status == 403, node: 0)
            let answer = try await client.ask(.get, exchange.path)
            #expect(answer.status == exchange.status, "\(exchange.testDescription)")
            if exchange.status != 200 {
                #expect(try JSON.parse(answer.body) == exchange.response, "\(exchange.testDescription)")
            }
            server.setStarting(false, node: 0)
        default: try await refused(exchange)
        }
    }

    private func watched(_ exchange: Exchange, end: WatchEnd, _ harm: () async throws -> Void) async throws {
        let watch = try await client.watch(exchange.path)
        await watch.waitForEvents(exchange.events?.count ?? 0)
        #expect(
            watch.events.map { Comparison.essence($0, ignoring: ["resourceVersion"]) }
                == (exchange.events ?? []).map { Comparison.essence($0, ignoring: ["resourceVersion"]) })
        try await harm()
        #expect(await watch.waitForEnd() == end, "\(exchange.testDescription)")
    }

    /// No answer at all: the connection is refused, reset or closed.
    private func refused(_ exchange: Exchange) async throws {
        #expect(exchange.json["error"] != nil, "\(exchange.testDescription): recorded as answered")
        await #expect(throws: HTTPFailure.self, "\(exchange.testDescription)") {
            _ = try await client.ask(.get, exchange.path, seconds: 3)
        }
    }
}
