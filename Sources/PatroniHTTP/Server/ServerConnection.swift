// One client's connection: takes requests one after another, bounded in size and time, and writes the answers.

import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import PatroniCore
import PatroniPlatform

/// Lives on the event loop, like every channel handler. Requests that arrive before the last one is answered wait in
/// `pending`; while an answer is being made nothing more is read, so the wait is bounded by one read buffer.
final class ServerConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = Never
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Incoming {
        var head: HTTPRequestHead
        var body = ByteBuffer()
        var started: Moment
    }

    private enum Phase {
        /// For the head of a request.
        case waiting
        case reading(Incoming)
        case answering(Incoming)
        /// The last answer is written; what still arrives is thrown away.
        case leaving
    }

    private enum Arrival {
        case part(HTTPServerRequestPart)
        case nonsense(status: Int)
    }

    private let server: ServerState
    private let settings: ServerState.Settings
    private let isTLS: Bool
    private let clientAddress: String
    private var phase = Phase.waiting
    private var pending = CircularBuffer<Arrival>()
    private var isPumping = false
    private var isReadHeld = false
    private var hasClientLeft = false
    private var timer: Scheduled<Void>?

    init(server: ServerState, settings: ServerState.Settings, clientAddress: String) {
        self.server = server
        self.settings = settings
        self.isTLS = settings.tls != nil
        self.clientAddress = clientAddress
    }

    // MARK: events of the channel

    func channelActive(context: ChannelHandlerContext) {
        startTimer(context, settings.limits.headTimeout) { $0.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        phase = .leaving
        pending.removeAll()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .leaving = phase { return }
        pending.append(.part(Self.unwrapInboundIn(data)))
        pump(context)
    }

    func read(context: ChannelHandlerContext) {
        if case .answering = phase { isReadHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            hasClientLeft = true
            switch phase {
            case .answering: break
            case .waiting where !pending.isEmpty: break
            case .waiting, .reading, .leaving: context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            settings.log.debug("REST API: connection of \(clientAddress) ends: \(error)")
            context.close(promise: nil)
            return
        }
        if case .leaving = phase { return }
        pending.append(.nonsense(status: Self.status(of: error)))
        pump(context)
    }

    private static func status(of error: HTTPParserError) -> Int { error == .headerOverflow ? 431 : 400 }

    // MARK: requests

    /// Works through what has arrived. A loop, not recursion: a client may send thousands of requests at once.
    private func pump(_ context: ChannelHandlerContext) {
        if isPumping { return }
        isPumping = true
        defer { isPumping = false }
        while true {
            switch phase {
            case .answering: return
            case .leaving:
                pending.removeAll()
                return
            case .waiting, .reading: break
            }
            guard let arrival = pending.popFirst() else { return }
            switch arrival {
            case .part(.head(let head)): begin(head, context)
            case .part(.body(let piece)): add(piece, context)
            case .part(.end): complete(context)
            case .nonsense(let status): refuse(status, context)
            }
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        server.connections.setIdle(false, context.channel)
        phase = .reading(Incoming(head: head, started: server.time.now))
        let declared = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        if declared > settings.limits.body { return refuse(413, context) }
        startTimer(context, settings.limits.bodyTimeout) { self.refuse(408, $0) }
        if Self.isHTTP11(head), head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), context, promise: nil)
        }
    }

    private func add(_ piece: ByteBuffer, _ context: ChannelHandlerContext) {
        guard case .reading(var incoming) = phase else { return }
        if incoming.body.readableBytes + piece.readableBytes > settings.limits.body { return refuse(413, context) }
        phase = .waiting
        incoming.body.writeImmutableBuffer(piece)
        phase = .reading(incoming)
    }

    private func complete(_ context: ChannelHandlerContext) {
        guard case .reading(let incoming) = phase else { return }
        phase = .answering(incoming)
        timer?.cancel()
        let certificate = isTLS ? try? context.pipeline.syncOperations.nioSSL_peerCertificate() : nil
        let request = ServerRequest(
            method: incoming.head.method.rawValue, target: incoming.head.uri,
            headers: incoming.head.headers.map { ($0.name, $0.value) }, body: Array(incoming.body.readableBytesView),
            clientAddress: clientAddress, isTLS: isTLS, hasClientCertificate: certificate != nil)
        if let response = server.handler.answer(request) {
            finish(response, incoming, context)
            return
        }
        let handler = server.handler
        let promise = context.eventLoop.makePromise(of: ServerResponse.self)
        promise.completeWithTask { await handler.respond(request) }
        promise.futureResult.assumeIsolated().whenSuccess { response in
            guard case .answering = self.phase else { return }
            self.finish(response, incoming, context)
            self.pump(context)
        }
    }

    // MARK: answers

    private func finish(_ response: ServerResponse, _ incoming: Incoming, _ context: ChannelHandlerContext) {
        let head = incoming.head
        var response = response
        // An answer to HEAD has no body; we give it no headers either (API-015).
        if head.method == .HEAD { response.shape = .bareStatus }
        let keeps = head.isKeepAlive && response.shape == .full && !hasClientLeft && !server.isStopping
        let bytes = settings.writer.bytes(
            response, isHTTP11: Self.isHTTP11(head), closes: !keeps && Self.isHTTP11(head),
            date: server.time.wallTime)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            guard case .success = result, keeps else { return self.leave(context) }
            self.waitForNext(context)
        }
        startTimer(context, settings.limits.writeTimeout) { $0.close(promise: nil) }
        write(bytes, context, promise: promise)
        settings.log.debug(
            """
            API thread: \(clientAddress) - - "\(head.method.rawValue) \(head.uri) HTTP/\(head.version.major).\
            \(head.version.minor)" \(response.status) - latency: \
            \(Self.milliseconds(server.time.now - incoming.started)) ms
            """)
    }

    private static func isHTTP11(_ head: HTTPRequestHead) -> Bool {
        head.version.major == 1 && head.version.minor >= 1
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let microseconds = max(0, duration.inNanoseconds / 1000)
        return "\(microseconds / 1000).\(Int(microseconds % 1000).padded(3))"
    }

    private func waitForNext(_ context: ChannelHandlerContext) {
        guard case .answering = phase else { return }
        phase = .waiting
        server.connections.setIdle(true, context.channel)
        startTimer(context, settings.limits.idleTimeout) { $0.close(promise: nil) }
        pump(context)
        if isReadHeld, case .waiting = phase { resumeReading(context) }
        if isReadHeld, case .reading = phase { resumeReading(context) }
        if hasClientLeft, case .waiting = phase { context.close(promise: nil) }
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        isReadHeld = false
        context.read()
    }

    /// Answers nonsense, too much or too slow with an error page and ends the connection.
    private func refuse(_ status: Int, _ context: ChannelHandlerContext) {
        if case .leaving = phase { return }
        phase = .leaving
        let bytes = settings.writer.bytes(
            .errorPage(status), isHTTP11: true, closes: true, date: server.time.wallTime)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.linger(context) }
        startTimer(context, settings.limits.writeTimeout) { $0.close(promise: nil) }
        write(bytes, context, promise: promise)
    }

    private func leave(_ context: ChannelHandlerContext) {
        phase = .leaving
        if pending.isEmpty, !isReadHeld { context.close(promise: nil) } else { linger(context) }
    }

    /// Closing with unread input would make the kernel reset the connection, and the client might never see the answer:
    /// say that we are done, and throw away what comes for a moment longer.
    private func linger(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        phase = .leaving
        pending.removeAll()
        isReadHeld = false
        context.close(mode: .output, promise: nil)
        startTimer(context, .seconds(1)) { $0.close(promise: nil) }
        context.read()
    }

    private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        context.writeAndFlush(Self.wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: promise)
    }

    private func startTimer(
        _ context: ChannelHandlerContext, _ duration: Duration, _ expired: @escaping (ChannelHandlerContext) -> Void
    ) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(duration.inNanoseconds)) {
            expired(context)
        }
    }
}
