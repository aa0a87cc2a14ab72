// For the server's tests: a handler that does what the path says, and a client that sends exactly the bytes it is told.

import Logging
import NIOCore
import NIOPosix
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Synchronization
import Testing

/// `/at-once…` is answered on the event loop, `/bare` with a bare status, `/held` when ``release()`` was called,
/// everything else after a short while.
final class EchoHandler: RequestHandler {
    private let isReleased = Mutex(false)

    func release() { isReleased.withLock { $0 = true } }

    func answer(_ request: ServerRequest) -> ServerResponse? {
        if request.path == "/bare" { return .bareStatus(200) }
        return request.path.hasPrefix("/at-once") ? echo(request) : nil
    }

    func respond(_ request: ServerRequest) async -> ServerResponse {
        let deadline = SystemTime().now + .seconds(10)
        repeat {
            await pause(.milliseconds(20))
        } while request.path == "/held" && !isReleased.withLock { $0 }
            && SystemTime().now < deadline
        return echo(request)
    }

    private func echo(_ request: ServerRequest) -> ServerResponse {
        let certificate = request.hasClientCertificate ? " with certificate" : ""
        return .text(
            200,
            "\(request.method) \(request.path) \(request.body.count) bytes from \(request.clientAddress)\(certificate)."
        )
    }
}

/// A server on a free port of the loopback address.
struct Rig {
    let handler = EchoHandler()
    let server: HTTPServer
    let port: Int

    init(_ change: (inout ServerOptions) -> Void = { _ in }) async throws {
        var options = ServerOptions(listen: Endpoint(host: "127.0.0.1", port: 0))
        change(&options)
        server = HTTPServer(handler: handler, log: Logger(label: "test"))
        try await server.apply(options)
        port = await server.port ?? 0
    }

    func stop() async { await server.stop(by: SystemTime().now + .seconds(2)) }
}

func pause(_ duration: Duration) async { await SystemTime().sleep(until: SystemTime().now + duration) }

func withServer(
    _ change: (inout ServerOptions) -> Void = { _ in }, _ body: (Rig) async throws -> Void
) async throws {
    let rig = try await Rig(change)
    do { try await body(rig) } catch {
        await rig.stop()
        throw error
    }
    await rig.stop()
}

/// A TCP connection under full control.
final class RawClient: Sendable {
    private struct Received {
        var bytes: [UInt8] = []
        var isClosed = false
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let received = Mutex(Received())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            received.withLock { $0.bytes += bytes }
        }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { received.withLock { $0.isClosed = true } }
        }
        func channelInactive(context: ChannelHandlerContext) { received.withLock { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let collector = Collector()
    private let channel: any Channel

    init(_ port: Int, host: String = "127.0.0.1") async throws {
        let collector = collector
        channel = try await ClientBootstrap(group: PatroniEventLoop.shared)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { $0.pipeline.addHandler(collector) }
            .connect(host: host, port: port).get()
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }
    /// Sends without waiting: the server may have stopped reading.
    func push(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
    func push(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    func finishSending() async throws { try await channel.close(mode: .output) }
    func close() { channel.close(promise: nil) }

    var text: String { collector.received.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    var isClosed: Bool { collector.received.withLock { $0.isClosed } }

    /// What has arrived once `enough` holds; fails the test after ten seconds.
    @discardableResult
    func wait(_ sourceLocation: SourceLocation = #_sourceLocation, for enough: (String) -> Bool) async -> String {
        let deadline = SystemTime().now + .seconds(10)
        while SystemTime().now < deadline {
            let text = text
            if enough(text) { return text }
            if isClosed, enough(self.text) == false { break }
            await SystemTime().sleep(until: SystemTime().now + .milliseconds(5))
        }
        let text = text
        if !enough(text) { Issue.record("never came; got: \(text)", sourceLocation: sourceLocation) }
        return text
    }

    /// Everything up to the end of the connection.
    func waitForEnd(_ sourceLocation: SourceLocation = #_sourceLocation) async -> String {
        let deadline = SystemTime().now + .seconds(10)
        while !isClosed, SystemTime().now < deadline {
            await SystemTime().sleep(until: SystemTime().now + .milliseconds(5))
        }
        if !isClosed { Issue.record("the connection stays open", sourceLocation: sourceLocation) }
        return text
    }
}

extension String {
    func count(of part: String) -> Int { ranges(of: part).count }
    var statusLine: String { String(prefix { $0 != "\r\n" && $0 != "\r" }) }
}
