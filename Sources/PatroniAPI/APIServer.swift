// The REST API as the agent uses it: start, change, stop.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

/// One member's REST API.
public final class APIServer: Sendable {
    private let handler: APIHandler
    private let server: HTTPServer
    private let version: String
    private let log: Logger

    /// Nothing listens before ``apply(_:)``.
    public init(
        status: StatusHolder, backend: any APIBackend, settings: RestAPISettings, log: Logger,
        time: any TimeSource = SystemTime()
    ) {
        handler = APIHandler(status: status, backend: backend, settings: settings, log: log, time: time)
        server = HTTPServer(handler: handler, log: log, time: time)
        version = status.current.version
        self.log = log
    }

    /// Starts, or takes over changed settings: also certificates renewed in place. When it throws, everything goes on
    /// as before.
    public func apply(_ settings: RestAPISettings) async throws(ServerFailure) {
        var options = ServerOptions(listen: settings.listen, tls: settings.tls)
        options.backlog = settings.requestQueueSize
        options.serverToken = serverToken(settings.serverTokens)
        options.extraHeaders = settings.extraHeaders + (settings.tls == nil ? [] : settings.extraHeadersTLS)
        try await server.apply(options)
        for complaint in AccessControl.complaints(settings.allowlist) { log.error("\(complaint)") }
        handler.use(settings)
    }

    /// The port we listen on, when the settings said 0.
    public var port: Int? { get async { await server.port } }

    /// Stops listening; answers under way have until `deadline`.
    public func stop(by deadline: Moment) async { await server.stop(by: deadline) }

    /// API-008.
    private func serverToken(_ setting: String) -> String {
        switch setting.lowercased() {
        case "minimal": return "Patroni/\(version)"
        case "productonly": return "Patroni"
        case "original": break
        default:
            log.warning(
                "restapi.server_tokens is '\(setting)': allowed are Minimal, ProductOnly and Original; using Original")
        }
        return "PatroniHTTP"
    }
}
