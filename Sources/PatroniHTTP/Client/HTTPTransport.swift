// The one HTTP client: etcd and the other members' REST APIs are reached through it. Every call ends by its deadline.

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Sends requests over kept connections, HTTP/1.1 only, redirects not followed.
public final class HTTPTransport: Sendable {
    private let client: HTTPClient
    private let time: any TimeSource

    /// Fails when a certificate or key of `tls` can't be used. Names in `addresses` are not looked up: the connection
    /// goes to the address given there, and the certificate must still be the name's.
    public init(
        tls: ClientTLSSettings = ClientTLSSettings(), addresses: [String: String] = [:],
        time: any TimeSource = SystemTime()
    ) throws(HTTPFailure) {
        var configuration = HTTPClient.Configuration()
        configuration.dnsOverride = addresses
        configuration.tlsConfiguration = try TLSConfiguration(tls)
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // A refused connection is news to act on (the next host, the failsafe), not something to retry in silence.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(60)
        client = HTTPClient(eventLoopGroupProvider: .shared(PatroniEventLoop.shared), configuration: configuration)
        self.time = time
    }

    deinit {
        // Shutting down twice is harmless; not at all is a trap of the library's in debug builds.
        _ = client.shutdown()
    }

    /// Asks, and waits for the whole answer.
    public func send(
        _ request: HTTPRequest, by deadline: Moment, maximumBody: Int = 16 << 20
    ) async throws(HTTPFailure) -> HTTPAnswer {
        let answer = await before(deadline) { await self.exchange(request, by: deadline, maximumBody: maximumBody) }
        guard let answer else { throw .timedOut("\(request.target): no answer in time") }
        return try answer.get()
    }

    /// Asks, and hands over the answer's body as it arrives, for as long as it takes. Ending the task or the iteration
    /// closes the connection.
    public func stream(_ request: HTTPRequest, headBy deadline: Moment) async throws(HTTPFailure) -> HTTPStream {
        let target = request.target
        do {
            let response = try await client.execute(HTTPClientRequest(request), deadline: ioDeadline(deadline))
            return HTTPStream(
                status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
                body: response.body, target: target)
        } catch {
            throw HTTPFailure(error, target: target)
        }
    }

    /// Closes all connections; requests under way fail.
    public func shutdown() async {
        try? await client.shutdown()
    }

    private func exchange(
        _ request: HTTPRequest, by deadline: Moment, maximumBody: Int
    ) async -> Result<HTTPAnswer, HTTPFailure> {
        do {
            let response = try await client.execute(HTTPClientRequest(request), deadline: ioDeadline(deadline))
            var body: [UInt8] = []
            for try await chunk in response.body {
                if body.count + chunk.readableBytes > maximumBody { return .failure(.tooLarge(limit: maximumBody)) }
                body.append(contentsOf: chunk.readableBytesView)
            }
            if Task.isCancelled { return .failure(.timedOut("\(request.target): the answer did not end in time")) }
            return .success(
                HTTPAnswer(
                    status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
                    body: body))
        } catch {
            return .failure(HTTPFailure(error, target: request.target))
        }
    }

    /// The library's deadline ends with the answer's head; this one covers the body too.
    private func before<Value: Sendable>(
        _ deadline: Moment, _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let time = time
        return await withTaskGroup(of: Value?.self) { group in
            group.addTask { await work() }
            group.addTask {
                await time.sleep(until: deadline)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func ioDeadline(_ deadline: Moment) -> NIODeadline {
        // A day at most: the library's arithmetic traps on overflow.
        .now() + .nanoseconds(min(max(0, (deadline - time.now).inNanoseconds), 86_400_000_000_000))
    }
}

/// An answer whose body is still arriving.
public struct HTTPStream: Sendable {
    public let status: Int
    public let headers: [(name: String, value: String)]
    fileprivate let body: HTTPClientResponse.Body
    fileprivate let target: String

    /// Hands over the pieces of the body as the network delivers them, until its end, the task's, or a false answer.
    /// To be called once; the connection is closed when it returns before the end.
    public func forEach(_ take: ([UInt8]) async -> Bool) async throws(HTTPFailure) {
        do {
            for try await chunk in body where !(await take(Array(chunk.readableBytesView))) { return }
        } catch {
            throw HTTPFailure(error, target: target)
        }
    }
}

extension HTTPRequest {
    /// Scheme, address and path, for messages: a query may hold secrets, user and password certainly do.
    var target: String {
        let plain = url.prefix { $0 != "?" }
        guard let scheme = plain.firstRange(of: "://"), let at = plain.lastIndex(of: "@"), at > scheme.upperBound else {
            return String(plain)
        }
        return String(plain[..<scheme.upperBound] + plain[plain.index(after: at)...])
    }
}

extension HTTPClientRequest {
    fileprivate init(_ request: HTTPRequest) {
        self.init(url: request.url)
        method = HTTPMethod(rawValue: request.method.rawValue)
        for (name, value) in request.headers { headers.add(name: name, value: value) }
        if let body = request.body { self.body = .bytes(body, length: .known(Int64(body.count))) }
    }
}
