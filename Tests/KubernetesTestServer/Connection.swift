// One connection to the test server: requests in, answers and watches out; it can be frozen or cut off.

import Glibc
import NIOCore
import NIOHTTP1
import PatroniCore

/// What a test does to a connection, sent down the pipeline.
enum Harm: Sendable {
    /// Nothing is read and nothing is sent until `thaw`.
    case freeze
    case thaw
    /// Reset, at once, as by a killed process.
    case cut
    /// The watch under way ends as it should, then the connection.
    case end
}

/// Next to the socket, below TLS: closing here asks nobody.
final class Guillotine: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let harm = event as? Harm, case .cut = harm else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        // No linger: what is under way is lost, and the other side is told so.
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: promise)
    }
}

/// Speaks HTTP with the API's core. Lives on the event loop.
final class Connection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    private let core: ServerCore
    private let node: Int
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var watch: Int?
    private var isFrozen: Bool
    /// What waits until we are thawed.
    private var stuck: [HTTPServerResponsePart] = []
    private var isReadHeld = false
    private var closesAfter = false
    /// We are on our way out: what still arrives is not answered.
    private var isLeaving = false

    init(core: ServerCore, node: Int, isFrozen: Bool) {
        self.core = core
        self.node = node
        self.isFrozen = isFrozen
    }

    // MARK: events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let piece): body.append(contentsOf: piece.readableBytesView)
        case .end: complete(context)
        }
    }

    func read(context: ChannelHandlerContext) {
        if isFrozen { isReadHeld = true } else { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let watch { core.forget(watch: watch) }
        watch = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let harm = event as? Harm else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        switch harm {
        case .freeze: isFrozen = true
        case .thaw: thaw(context)
        case .cut: context.triggerUserOutboundEvent(event, promise: promise)
        case .end:
            if watch != nil { finishWatch(context) }
            isLeaving = true
            context.close(promise: nil)
        }
    }

    private func thaw(_ context: ChannelHandlerContext) {
        isFrozen = false
        let parts = stuck
        stuck = []
        for part in parts { send(part, context) }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    // MARK: requests

    private func complete(_ context: ChannelHandlerContext) {
        guard let head, !isLeaving else { return }
        self.head = nil
        closesAfter = !head.isKeepAlive
        let request = Incoming(
            method: head.method.rawValue, target: head.uri, authorization: head.headers.first(name: "authorization"),
            contentType: head.headers.first(name: "content-type"), body: body, node: node)
        ask(request, ignoringFaults: false, context)
    }

    private func ask(_ request: Incoming, ignoringFaults: Bool, _ context: ChannelHandlerContext) {
        let mine = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let handling = core.handle(request, ignoringFaults: ignoringFaults) { news in
            // Always later, so that the watch's head is written first, and never inside the core's lock.
            loop.execute {
                let (me, context) = mine.value
                me.take(news, context)
            }
        }
        switch handling {
        case .reply(let reply, let delay):
            if delay > .zero { later(delay, context) { $0.answer(reply, $1) } } else { answer(reply, context) }
        case .later(let delay): later(delay, context) { $0.ask(request, ignoringFaults: true, $1) }
        case .cut: context.channel.triggerUserOutboundEvent(Harm.cut, promise: nil)
        case .silence: break
        case .watch(let start): begin(start, context)
        }
    }

    private func later(
        _ delay: Duration, _ context: ChannelHandlerContext,
        _ work: @escaping (Connection, ChannelHandlerContext) -> Void
    ) {
        context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.inNanoseconds)) {
            guard context.channel.isActive else { return }
            work(self, context)
        }
    }

    // MARK: answers

    private func answer(_ reply: Reply, _ context: ChannelHandlerContext) {
        var headers: HTTPHeaders = [
            "content-type": reply.contentType, "cache-control": "no-cache, private",
            "content-length": String(reply.body.count),
        ]
        for header in reply.headers { headers.add(name: header.name, value: header.value) }
        if closesAfter { headers.add(name: "connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: reply.status)
        send(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)), context)
        send(.body(.byteBuffer(context.channel.allocator.buffer(bytes: reply.body))), context)
        finish(context)
    }

    private func finish(_ context: ChannelHandlerContext) {
        send(.end(nil), context)
        if closesAfter { context.close(promise: nil) }
    }

    private func send(_ part: HTTPServerResponsePart, _ context: ChannelHandlerContext) {
        if isFrozen {
            stuck.append(part)
        } else {
            context.writeAndFlush(Self.wrapOutboundOut(part), promise: nil)
        }
    }

    // MARK: watches

    private func begin(_ start: WatchStart, _ context: ChannelHandlerContext) {
        let headers: HTTPHeaders = [
            "content-type": "application/json", "cache-control": "no-cache, private", "transfer-encoding": "chunked",
        ]
        send(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)), context)
        for line in start.lines { take(.line(line), context) }
        if start.isOver { return finish(context) }
        watch = start.id
        let id = start.id
        later(start.lasts, context) { me, context in
            if me.watch == id { me.finishWatch(context) }
        }
    }

    private func take(_ news: WatchNews, _ context: ChannelHandlerContext) {
        switch news {
        case .line(let bytes):
            guard context.channel.isActive else { return }
            send(.body(.byteBuffer(context.channel.allocator.buffer(bytes: bytes))), context)
        case .end: if watch != nil { finishWatch(context) }
        }
    }

    private func finishWatch(_ context: ChannelHandlerContext) {
        if let watch { core.forget(watch: watch) }
        watch = nil
        finish(context)
    }
}
