// Host names to addresses, without blocking a thread that others need.

import Glibc
import NIOCore
import NIOPosix
import PatroniCore
import PatroniPlatform

/// Asks the system's resolver on a thread made for the question.
public enum HostResolver {
    /// The addresses of a name, or the address itself when it is one already. Empty when there is none or the resolver
    /// did not answer by the deadline.
    public static func addresses(
        of host: String, by deadline: Moment, time: any TimeSource = SystemTime()
    ) async -> [String] {
        if let address = IPAddress(host) { return [address.description] }
        let left = deadline - time.now
        if left <= .zero { return [] }
        let promise = PatroniEventLoop.shared.any().makePromise(of: [String].self)
        let timeout = PatroniEventLoop.shared.any().scheduleTask(in: .nanoseconds(left.inNanoseconds)) {
            promise.succeed([])
        }
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        pool.submit { state in
            guard case .active = state else { return }
            let found = lookUp(host)
            // Only the first of the two decides.
            promise.futureResult.eventLoop.execute {
                timeout.cancel()
                promise.succeed(found)
            }
        }
        let found = try? await promise.futureResult.get()
        pool.shutdownGracefully { _ in }
        return found ?? []
    }

    private static func lookUp(_ host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let entry = next?.pointee {
            var name = [CChar](repeating: 0, count: 64)
            if getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0
            {
                let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !found.contains(text) { found.append(text) }
            }
            next = entry.ai_next
        }
        return found
    }
}
