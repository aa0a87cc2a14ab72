// The HTTP server: listens, changes its address and certificates while running, stops without cutting answers off.

import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// HTTP/1.1 with kept connections (Patroni's own server speaks HTTP/1.0; clients see the difference only in speed).
/// Calls are to be made one after another.
public actor HTTPServer {
    private let state: ServerState
    private let log: Logger
    private let time: any TimeSource
    private var listener: (any Channel)?
    private var options: ServerOptions?

    public init(handler: any RequestHandler, log: Logger, time: any TimeSource = SystemTime()) {
        state = ServerState(handler: handler, time: time)
        self.log = log
        self.time = time
    }

    /// The port we listen on; nil when we don't.
    public var port: Int? { listener?.localAddress?.port }

    /// Starts listening, or changes a running server. New certificates (also when only the files changed) and headers
    /// count for new connections; a new address is taken before the old one is given up. When it throws, the server
    /// goes on as before.
    public func apply(_ new: ServerOptions) async throws(ServerFailure) {
        let tls: ServerTLS?
        if let settings = new.tls { tls = try ServerTLS(settings) } else { tls = nil }
        let settings = ServerState.Settings(
            writer: ResponseWriter(serverToken: new.serverToken, extraHeaders: new.extraHeaders), tls: tls,
            limits: new.limits, log: log)
        let previous = state.settings
        if listener == nil || new.listen != options?.listen || new.backlog != options?.backlog {
            state.use(settings)
            do throws(ServerFailure) {
                try await rebind(new)
            } catch {
                if let previous { state.use(previous) }
                throw error
            }
        }
        state.use(settings)
        options = new
        state.setStopping(false)
    }

    /// Stops listening at once; answers under way have until `deadline`.
    public func stop(by deadline: Moment) async {
        state.setStopping(true)
        if let listener { try? await listener.close() }
        listener = nil
        for channel in state.connections.idleChannels { channel.close(promise: nil) }
        while state.connections.count > 0, time.now < deadline {
            await time.sleep(until: min(deadline, time.now + .milliseconds(10)))
        }
        for channel in state.connections.channels { try? await channel.close() }
    }

    private func rebind(_ new: ServerOptions) async throws(ServerFailure) {
        let old = listener
        do throws(ServerFailure) {
            listener = try await bind(new)
            try? await old?.close()
        } catch {
            // The old and the new address may overlap (127.0.0.1:8008 and *:8008): give the old one up first.
            guard let old, let before = options, port == new.listen.port else { throw error }
            try? await old.close()
            listener = nil
            do throws(ServerFailure) {
                listener = try await bind(new)
            } catch {
                listener = try? await bind(before)
                throw error
            }
        }
    }

    private func bind(_ options: ServerOptions) async throws(ServerFailure) -> any Channel {
        let place = options.listen
        let isAny = place.host.isEmpty || place.host == "*"
        let hosts =
            isAny ? ["::", "0.0.0.0"] : await HostResolver.addresses(of: place.host, by: time.now + .seconds(5))
        var problem = "the host name has no address"
        for host in hosts {
            do {
                let channel = try await bootstrap(options).bind(host: host, port: place.port).get()
                return channel
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                problem =
                    "another process already listens there; stop it (`ss -ltnp` shows who it is) or choose another port"
                break
            } catch let error as IOError where error.errnoCode == EADDRNOTAVAIL {
                problem = "this machine has no such address"
            } catch let error as IOError where error.errnoCode == EACCES {
                problem = "no permission: ports below 1024 need privileges"
            } catch {
                problem = "\(error)"
            }
        }
        let name = isAny ? "*:\(place.port)" : place.description
        throw .cannotListen(
            "Couldn't start a service on '\(name)', please check your `restapi.listen` configuration: \(problem)")
    }

    private func bootstrap(_ options: ServerOptions) -> ServerBootstrap {
        let state = state
        // The kernel cuts a backlog down to net.core.somaxconn.
        return ServerBootstrap(group: PatroniEventLoop.shared)
            .serverChannelOption(.backlog, value: Int32(clamping: options.backlog ?? 65535))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)), value: 3)
            .childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)), value: 2)
            .childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)), value: 3)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.prepare(channel, state) }
            }
    }

    private static func prepare(_ channel: any Channel, _ state: ServerState) throws {
        guard let settings = state.settings, state.connections.admit(channel, limit: settings.limits.connections) else {
            throw ChannelError.eof
        }
        channel.closeFuture.whenComplete { _ in state.connections.remove(channel) }
        let pipeline = channel.pipeline.syncOperations
        if let tls = settings.tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.context)) }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = settings.limits.head
        limits.maxHeaderListSize = settings.limits.head
        limits.maxHeaderFieldCount = 100
        try pipeline.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)))
        let client = (channel.remoteAddress?.ipAddress).flatMap(IPAddress.init)?.description ?? "unknown"
        try pipeline.addHandler(ServerConnection(server: state, settings: settings, clientAddress: client))
    }
}
