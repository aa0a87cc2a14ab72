// The network library's errors in an operator's words.

import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

extension HTTPFailure {
    init(_ error: any Error, target: String) {
        switch error {
        case let failure as HTTPFailure: self = failure
        case let error as HTTPClientError: self.init(client: error, target: target)
        case let error as NIOConnectionError: self = .cannotConnect("\(target): \(Self.reason(error))")
        case let error as IOError:
            let text = Self.text(errno: error.errnoCode)
            // Only the calls that open a connection tell us that nothing was sent.
            self =
                error.errnoCode == ECONNREFUSED || error.errnoCode == EHOSTUNREACH || error.errnoCode == ENETUNREACH
                ? .cannotConnect("\(target): \(text)") : .broken("\(target): \(text)")
        case let error as ChannelError:
            if case .connectTimeout = error {
                self = .cannotConnect("\(target): no connection in time")
            } else {
                self = .broken("\(target): the connection was closed (\(error))")
            }
        case let error as NIOSSLExtraError: self = .tls("\(target): \(error.description)")
        // The other side died: it may have read the request before.
        case NIOSSLError.uncleanShutdown: self = .broken("\(target): the connection broke off")
        case let error as NIOSSLError: self = .tls("\(target): TLS failed: \(error)")
        case is CancellationError: self = .timedOut("\(target): cancelled")
        default: self = .broken("\(target): \(error)")
        }
    }

    private init(client error: HTTPClientError, target: String) {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout:
            self = .cannotConnect("\(target): no connection in time")
        case .getConnectionFromPoolTimeout, .deadlineExceeded, .readTimeout, .writeTimeout:
            self = .timedOut("\(target): no answer in time")
        case .cancelled: self = .timedOut("\(target): cancelled")
        case .invalidURL, .emptyHost, .emptyScheme: self = .cannotConnect("\(target): not a valid address")
        case .remoteConnectionClosed:
            self = .broken("\(target): the connection was closed before the answer was complete")
        default: self = .broken("\(target): \(error.shortDescription)")
        }
    }

    private static func reason(_ error: NIOConnectionError) -> String {
        if let failure = error.connectionErrors.last {
            if let io = failure.error as? IOError { return text(errno: io.errnoCode) }
            if case .connectTimeout? = failure.error as? ChannelError { return "no connection in time" }
            return "\(failure.error)"
        }
        return "the name \(error.host) can't be resolved"
    }

    private static func text(errno number: CInt) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        return buffer.withUnsafeMutableBufferPointer { space in
            guard let start = space.baseAddress, strerror_r(number, start, space.count) == 0 else {
                return "error \(number)"
            }
            return String(cString: start)
        }
    }
}
