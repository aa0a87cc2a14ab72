// libpq's connection object: its lifetime, its messages, its way to cancel.

import CLibpq
import Glibc
import PatroniCore
import PatroniPlatform

/// Owns a `PGconn`; letting go of it closes the socket without a word to the server that could block.
final class LibpqHandle {
    let pg: OpaquePointer

    private init(_ pg: OpaquePointer) { self.pg = pg }

    deinit { PQfinish(pg) }

    /// Begins to connect without waiting.
    static func start(_ parameters: ConnectionString) -> LibpqHandle? {
        let pairs = parameters.parameters.sorted { $0.key < $1.key }
        let keys = pairs.map { strdup($0.key) } + [nil]
        let values = pairs.map { strdup($0.value) } + [nil]
        defer { for copy in keys + values { free(copy) } }
        let (keyPointers, valuePointers) = (
            keys.map { $0.map { UnsafePointer($0) } }, values.map { $0.map { UnsafePointer($0) } }
        )
        guard let pg = PQconnectStartParams(keyPointers, valuePointers, 0) else { return nil }
        // Notices would go to standard error, past the log.
        PQsetNoticeReceiver(pg, { _, _ in }, nil)
        return LibpqHandle(pg)
    }

    /// Reads what has arrived while nobody asked: notices, or the server's farewell and the end of the stream.
    var isStillOpen: Bool {
        for _ in 0..<100 where PQstatus(pg) == CONNECTION_OK {
            var socket = pollfd(fd: PQsocket(pg), events: Int16(POLLIN), revents: 0)
            if poll(&socket, 1, 0) <= 0 { return true }
            if PQconsumeInput(pg) == 0 { return false }
        }
        return PQstatus(pg) == CONNECTION_OK
    }

    /// The last message in one line.
    var message: String {
        let text = PQerrorMessage(pg).map { String(cString: $0) } ?? ""
        let lines = text.split(whereSeparator: \.isNewline).map { String($0).trimmedSpaces }
        return lines.isEmpty ? "no reason given" : lines.joined(separator: "; ")
    }

    var host: String {
        let host = PQhost(pg).map { String(cString: $0) } ?? "PostgreSQL"
        let port = PQport(pg).map { String(cString: $0) } ?? ""
        return port.isEmpty ? host : "\(host):\(port)"
    }

    /// Why connecting failed. With verbose messages the server's SQLSTATE stands in front of its text.
    var connectError: SQLError {
        let text = message
        if let (state, shown) = Self.sqlState(in: text) {
            return .cannotConnect(SQLError.ConnectFailure(sqlState: state), message: shown)
        }
        let hints: [(String, SQLError.ConnectFailure)] = [
            ("Connection refused", .refused), ("No such file or directory", .refused),
            ("password", .authentication), ("authentication", .authentication), ("timeout expired", .timedOut),
        ]
        return .cannotConnect(hints.first { text.contains($0.0) }?.1 ?? .other, message: text)
    }

    /// Finds `FATAL:  57P03: text` and takes code and source location out of it.
    static func sqlState(in message: String) -> (state: String, message: String)? {
        let words = message.split(separator: " ", omittingEmptySubsequences: true)
        guard
            let index = words.firstIndex(where: { word in
                word.utf8.count == 6 && word.hasSuffix(":")
                    && word.dropLast().allSatisfy { $0.isASCII && ($0.isNumber || $0.isUppercase) }
                    && word.dropLast().contains(where: \.isNumber)
            })
        else { return nil }
        var rest = words[...]
        rest.remove(at: index)
        let text = rest.joined(separator: " ")
        let shown = text.firstRange(of: "; LOCATION:").map { String(text[..<$0.lowerBound]) } ?? text
        return (String(words[index].dropLast()), shown)
    }

    func error(_ result: OpaquePointer) -> SQLError {
        func field(_ code: Int32) -> String? { PQresultErrorField(result, code).map { String(cString: $0) } }
        // libpq makes results without a code when the connection breaks.
        guard let state = field(Int32(UInt8(ascii: "C"))) else { return .connectionLost(message) }
        let text = field(Int32(UInt8(ascii: "M"))) ?? message
        // After these the server closes the connection: shutdown, crash, database dropped, recovery conflict.
        if ["57P01", "57P02", "57P03", "57P04", "57P05"].contains(state) { return .connectionLost(text) }
        return .server(
            ServerComplaint(
                sqlState: state, message: text, detail: field(Int32(UInt8(ascii: "D"))),
                hint: field(Int32(UInt8(ascii: "H")))))
    }

    /// Asks the server to drop the running statement, on a thread that waits in our place: PQcancel connects and
    /// reads without a deadline, and a stopped server never answers it.
    func cancel() {
        guard let request = PQgetCancel(pg) else { return }
        // The pointer belongs to that thread alone from here on.
        let address = UInt(bitPattern: request)
        let code = OwnThread.start(name: "sql cancel", stackBytes: 256 * 1024) {
            guard let request = OpaquePointer(bitPattern: address) else { return }
            var reason = [CChar](repeating: 0, count: 256)
            _ = PQcancel(request, &reason, Int32(reason.count))
            PQfreeCancel(request)
        }
        if code != 0 { PQfreeCancel(request) }
    }
}
