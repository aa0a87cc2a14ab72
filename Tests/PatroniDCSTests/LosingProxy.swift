// A line to etcd on which answers get lost: the request arrives and is carried out, its answer is not passed on.

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Synchronization

/// Passes requests on; `lose(next:)` swallows the answer to the next request for a path.
final class LosingProxy: Sendable {
    private let handler: Handler
    private let server: HTTPServer
    let port: Int

    init(to target: Int) async throws {
        handler = Handler(target: target, client: try HTTPTransport())
        server = HTTPServer(handler: handler, log: Logger(label: "proxy"))
        try await server.apply(ServerOptions(listen: Endpoint(host: "127.0.0.1", port: 0)))
        port = await server.port ?? 0
    }

    func lose(next path: String) { handler.state.withLock { $0.losing = path } }
    var lost: Int { handler.state.withLock { $0.lost } }
    func stop() async { await server.stop(by: SystemTime().now + .seconds(1)) }

    private final class Handler: RequestHandler {
        let target: Int
        let client: HTTPTransport
        let state = Mutex((losing: String?.none, lost: 0))

        init(target: Int, client: HTTPTransport) {
            self.target = target
            self.client = client
        }

        func answer(_ request: ServerRequest) -> ServerResponse? { nil }

        func respond(_ request: ServerRequest) async -> ServerResponse {
            // The watch is an endless answer, which this proxy can't pass on; reads go to the server then.
            if request.path.hasSuffix("/watch") { return .text(503, "no streams here") }
            let body = request.body.isEmpty ? nil : request.body
            let method: HTTPRequest.Method = request.method == "GET" ? .get : .post
            let out = HTTPRequest(
                method, "http://127.0.0.1:\(target)\(request.path)", headers: [("Content-Type", "application/json")],
                body: body)
            guard let answer = try? await client.send(out, by: SystemTime().now + .seconds(5)) else {
                return .text(502, "no answer")
            }
            let isLost = state.withLock { state in
                guard state.losing == request.path else { return false }
                state.losing = nil
                state.lost += 1
                return true
            }
            if isLost { return .text(504, "the answer got lost") }
            return ServerResponse(status: answer.status, contentType: "application/json", body: answer.body)
        }
    }
}
