// What can go wrong with SQL, told apart as far as the rules care.

import PatroniCore

/// A query or connection that failed.
public enum SQLError: Error, Sendable, Hashable, CustomStringConvertible {
    case cannotConnect(ConnectFailure, message: String)
    /// The server refused; the connection is still good.
    case server(ServerComplaint)
    /// No answer by the deadline: the server may hang. The connection has been closed, the statement cancelled if
    /// somebody listened.
    case timedOut(String)
    /// The connection broke before the answer was complete. Whether the statement took effect is unknown.
    case connectionLost(String)
    case cancelled

    public enum ConnectFailure: Sendable, Hashable {
        /// Nobody listens there.
        case refused
        /// Starting up, in recovery without hot standby, or shutting down (57P03, 57P01, 57P02).
        case startingUp
        case authentication
        case tooManyConnections
        case timedOut
        case other
    }

    public var description: String {
        switch self {
        case .cannotConnect(_, let message): "could not connect to PostgreSQL: \(message)"
        case .server(let complaint): complaint.description
        case .timedOut(let what): "PostgreSQL did not answer in time: \(what)"
        case .connectionLost(let message): "the connection to PostgreSQL was lost: \(message)"
        case .cancelled: "the query was cancelled"
        }
    }

    /// The five-character code, when the server gave one.
    public var sqlState: String? { if case .server(let complaint) = self { complaint.sqlState } else { nil } }

    /// The connection can't be used any more.
    public var isConnectionGone: Bool {
        switch self {
        case .cannotConnect, .timedOut, .connectionLost: true
        case .server, .cancelled: false
        }
    }
}

/// An error message of the server.
public struct ServerComplaint: Sendable, Hashable, CustomStringConvertible {
    public var sqlState: String
    public var message: String
    public var detail: String?
    public var hint: String?

    public init(sqlState: String, message: String, detail: String? = nil, hint: String? = nil) {
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
    }

    public var description: String { "\(message) (SQLSTATE \(sqlState))" + (detail.map { ": \($0)" } ?? "") }
}

extension SQLError.ConnectFailure {
    init(sqlState: String) {
        self =
            switch sqlState {
            case "57P01", "57P02", "57P03": .startingUp
            case "53300": .tooManyConnections
            case let state where state.hasPrefix("28"): .authentication
            default: .other
            }
    }
}
