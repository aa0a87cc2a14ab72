// What the server is told: where to listen, how much to bear, and who answers.

import PatroniConfiguration
import PatroniCore

/// Answers requests. Both functions are called for every method and path.
public protocol RequestHandler: Sendable {
    /// Called on the event loop: must return at once, from memory. Nil: ask ``respond(_:)``.
    func answer(_ request: ServerRequest) -> ServerResponse?
    /// May take its time. It goes on when the client has left.
    func respond(_ request: ServerRequest) async -> ServerResponse
}

/// Where the server listens and how it presents itself.
public struct ServerOptions: Sendable {
    /// Host empty or `*`: all addresses; port 0: any free one.
    public var listen: Endpoint
    public var tls: ServerTLSSettings?
    /// Nil: the system's maximum (API-003).
    public var backlog: Int?
    /// Value of the `Server` header (API-008).
    public var serverToken = "PatroniHTTP"
    public var extraHeaders: [(name: String, value: String)] = []
    public var limits = ServerLimits()

    public init(listen: Endpoint, tls: ServerTLSSettings? = nil) {
        self.listen = listen
        self.tls = tls
    }
}

/// How much a client may ask of us.
public struct ServerLimits: Sendable {
    /// Larger bodies are answered with 413. Default 1 MiB.
    public var body = 1 << 20
    /// Request line and headers together. Default 32 KiB.
    public var head = 32 << 10
    /// Time for the TLS handshake and the first head.
    public var headTimeout: Duration = .seconds(10)
    /// Time for the whole body; then 408.
    public var bodyTimeout: Duration = .seconds(10)
    /// How long a kept connection may stay silent between requests.
    public var idleTimeout: Duration = .seconds(60)
    /// Time for the client to take the answer.
    public var writeTimeout: Duration = .seconds(10)
    /// With more connections an idle one is closed, or the new one when none is idle.
    public var connections = 512

    public init() {}
}

/// Why the server does not listen. The text tells the operator what to do.
public enum ServerFailure: Error, Sendable, Hashable, CustomStringConvertible {
    case cannotListen(String)
    case tls(String)

    public var description: String {
        switch self {
        case .cannotListen(let text), .tls(let text): text
        }
    }
}
