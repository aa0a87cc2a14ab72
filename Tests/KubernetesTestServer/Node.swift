// One API server of the test cluster: an address to listen on, and all connections that lead to it.

import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// How an API server is.
enum NodeCondition: Sendable, Hashable {
    case running
    /// Connections are accepted, nothing is answered.
    case frozen
    case down
}

final class Node: Sendable {
    private struct State {
        var condition = NodeCondition.down
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
    }

    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    let number: Int
    let host: String
    private let core: ServerCore
    private let certificates: Certificates
    private let state = Mutex(State())

    init(number: Int, host: String, core: ServerCore, certificates: Certificates) {
        self.number = number
        self.host = host
        self.core = core
        self.certificates = certificates
    }

    var condition: NodeCondition { state.withLock { $0.condition } }
    var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Listens; port 0: any free one. Returns the port.
    func listen(port: Int) async throws -> Int {
        let channel = try await Self.bind(host: host, port: port) { [self] in try prepare($0) }
        state.withLock {
            $0.listener = channel
            $0.condition = .running
        }
        return channel.localAddress?.port ?? port
    }

    static func bind(
        host: String, port: Int, prepare: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel) }
            }
            .bind(host: host, port: port).get()
    }

    /// Makes a connection this API server's, be it from its own address or from the service's.
    func prepare(_ channel: any Channel) throws {
        let condition = state.withLock { state in
            state.connections[ObjectIdentifier(channel)] = channel
            return state.condition
        }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(Guillotine())
        try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context))
        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
        try pipeline.addHandler(Connection(core: core, node: number, isFrozen: condition == .frozen))
        if condition == .down { channel.triggerUserOutboundEvent(Harm.cut, promise: nil) }
    }

    private var channels: [any Channel] { state.withLock { Array($0.connections.values) } }

    /// Returns when it is done: what a test asks after it finds all connections so.
    func harm(_ harm: Harm) async {
        for channel in channels { channel.triggerUserOutboundEvent(harm, promise: nil) }
        // The group is one thread, which does things in their order.
        try? await Self.group.next().submit {}.get()
    }

    func freeze() async {
        state.withLock { $0.condition = .frozen }
        await harm(.freeze)
    }

    func thaw() async {
        state.withLock { $0.condition = .running }
        await harm(.thaw)
    }

    /// As SIGKILL: the address refuses connections, those there are get reset.
    func kill() async {
        await close()
        await harm(.cut)
    }

    /// As SIGTERM: no new connections; watches end properly, connections are closed.
    func end() async {
        await close()
        await harm(.end)
    }

    private func close() async {
        let listener = state.withLock { state in
            state.condition = .down
            defer { state.listener = nil }
            return state.listener
        }
        try? await listener?.close()
    }
}
