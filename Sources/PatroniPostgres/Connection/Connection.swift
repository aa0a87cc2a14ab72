// One connection to PostgreSQL. libpq never waits here: every wait is a poll(2) with the caller's deadline, on a thread
// of the connection's own, so that a stopped server can stop nobody else.

import CLibpq
import Glibc
import PatroniCore
import PatroniPlatform

/// A connection that is opened at once and closed when it breaks, times out or is let go.
public actor SQLConnection {
    private nonisolated let executor: ThreadExecutor
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let time: any TimeSource
    private nonisolated let wakeUp: WakeUp
    private var handle: LibpqHandle?
    private var prepared: Set<PreparedStatement> = []

    /// As `server_version_num`, e.g. 150018; known while connected.
    public private(set) var serverVersion = 0
    /// The server process behind this connection.
    public private(set) var backendPID: Int32 = 0

    /// Connects. Several hosts and addresses are tried in turn within the one deadline.
    public static func open(
        _ parameters: ConnectionString, by deadline: Moment, time: any TimeSource = SystemTime()
    ) async throws(SQLError) -> SQLConnection {
        guard let wakeUp = WakeUp() else {
            throw .cannotConnect(.other, message: "no file descriptor left: \(Errno.last)")
        }
        let connection = SQLConnection(wakeUp, time)
        // libpq looks names up before it begins, and waits for that as long as the resolver likes. A little later than
        // its own deadline the attempt is left alone on its thread; what still comes of it is closed.
        let result = await abandoning(by: deadline + .milliseconds(200), time: time) {
            () -> Result<Void, SQLError> in
            do throws(SQLError) { return .success(try await connection.connect(parameters, by: deadline)) } catch {
                return .failure(error)
            }
        }
        guard let result else { throw .cannotConnect(.timedOut, message: "looking up the host name took too long") }
        try result.get()
        return connection
    }

    private init(_ wakeUp: WakeUp, _ time: any TimeSource) {
        executor = ThreadExecutor(name: "sql")
        self.wakeUp = wakeUp
        self.time = time
    }

    deinit { executor.stop() }

    /// False once the connection has been closed, here or by the server. Asks nobody, but reads what has arrived.
    public var isOpen: Bool {
        if let handle, !handle.isStillOpen { self.handle = nil }
        return handle != nil
    }

    public func close() { handle = nil }

    /// Runs one statement with parameters `$1` and so on; all values travel as text.
    public nonisolated func query(
        _ sql: String, _ parameters: [String?] = [], by deadline: Moment
    ) async throws(SQLError) -> [SQLRow] {
        try await cancellable { connection throws(SQLError) in
            try connection.exchange(sql, deadline) { pg in
                Self.withTexts(parameters) { values in
                    PQsendQueryParams(pg, sql, Int32(parameters.count), nil, values, nil, nil, 0)
                }
            }
        }
    }

    /// Runs a statement that is planned only once in a connection's life: for what is asked over and over.
    public nonisolated func query(
        _ statement: PreparedStatement, _ parameters: [String?] = [], by deadline: Moment
    ) async throws(SQLError) -> [SQLRow] {
        try await cancellable { connection throws(SQLError) in
            try connection.prepare(statement, deadline)
            return try connection.exchange(statement.sql, deadline) { pg in
                Self.withTexts(parameters) { values in
                    PQsendQueryPrepared(pg, statement.name, Int32(parameters.count), values, nil, nil, 0)
                }
            }
        }
    }

    /// Runs a script of one or more statements, or a replication command; the rows of the last one are returned.
    @discardableResult
    public nonisolated func execute(_ script: String, by deadline: Moment) async throws(SQLError) -> [SQLRow] {
        try await cancellable { connection throws(SQLError) in
            try connection.exchange(script, deadline) { pg in PQsendQuery(pg, script) }
        }
    }

    private nonisolated func connect(_ parameters: ConnectionString, by deadline: Moment) async throws(SQLError) {
        try await cancellable { connection throws(SQLError) in
            try connection.startConnecting(parameters, by: deadline)
        }
    }

    private func prepare(_ statement: PreparedStatement, _ deadline: Moment) throws(SQLError) {
        if prepared.contains(statement) { return }
        _ = try exchange(statement.sql, deadline) { pg in
            PQsendPrepare(pg, statement.name, statement.sql, 0, nil)
        }
        prepared.insert(statement)
    }

    /// Runs the work on the connection's thread, and wakes that from its poll when the caller's task is cancelled.
    private nonisolated func cancellable<Value: Sendable>(
        _ work: @Sendable (isolated SQLConnection) throws(SQLError) -> Value
    ) async throws(SQLError) -> Value {
        let result: Result<Value, SQLError> = await withTaskCancellationHandler {
            await onThread(work)
        } onCancel: {
            wakeUp.signal()
        }
        return try result.get()
    }

    /// A method of the actor, not a closure: a closure handed to the cancellation handler was seen to run on the
    /// cooperative pool, isolated or not, and to block it.
    private func onThread<Value: Sendable>(
        _ work: @Sendable (isolated SQLConnection) throws(SQLError) -> Value
    ) async -> Result<Value, SQLError> {
        executor.preconditionOnThread()
        wakeUp.clear()
        do throws(SQLError) { return .success(try work(self)) } catch { return .failure(error) }
    }
}

/// A statement with a name, planned once in each connection.
public struct PreparedStatement: Sendable, Hashable {
    public var name: String
    public var sql: String

    public init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }
}

// MARK: waiting

extension SQLConnection {
    private enum Readiness { case ready, timedOut, cancelled }

    /// Waits for the socket, the deadline or a cancellation; never longer.
    private func wait(_ socket: Int32, _ events: Int32, _ deadline: Moment, mayCancel: Bool = true) -> Readiness {
        while true {
            if mayCancel, Task.isCancelled { return .cancelled }
            var descriptors = [
                pollfd(fd: socket, events: Int16(events), revents: 0),
                pollfd(fd: mayCancel ? wakeUp.descriptor : -1, events: Int16(POLLIN), revents: 0),
            ]
            let left = (deadline - time.now).inNanoseconds
            if left <= 0 { return .timedOut }
            // Rounded up, so that the loop doesn't spin through the last millisecond; a minute at most at a time.
            let count = poll(&descriptors, 2, Int32(min(60_000, left / 1_000_000 + 1)))
            if count > 0, descriptors[0].revents != 0 { return .ready }
            if count > 0, descriptors[1].revents != 0 { wakeUp.clear() }
        }
    }

    fileprivate func startConnecting(_ parameters: ConnectionString, by deadline: Moment) throws(SQLError) {
        guard let handle = LibpqHandle.start(parameters) else {
            throw .cannotConnect(.other, message: "out of memory")
        }
        // Puts the SQLSTATE into the message, the only way to learn it before the connection stands.
        PQsetErrorVerbosity(handle.pg, PQERRORS_VERBOSE)
        var status = PGRES_POLLING_WRITING
        while status != PGRES_POLLING_OK {
            if status == PGRES_POLLING_FAILED || PQstatus(handle.pg) == CONNECTION_BAD { throw handle.connectError }
            let events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT
            switch wait(PQsocket(handle.pg), events, deadline) {
            case .ready: status = PQconnectPoll(handle.pg)
            case .timedOut: throw .cannotConnect(.timedOut, message: "no answer from \(handle.host) in time")
            case .cancelled: throw .cancelled
            }
        }
        PQsetErrorVerbosity(handle.pg, PQERRORS_DEFAULT)
        guard PQsetnonblocking(handle.pg, 1) == 0 else { throw handle.connectError }
        serverVersion = Int(PQserverVersion(handle.pg))
        backendPID = PQbackendPID(handle.pg)
        self.handle = handle
    }

    /// Sends one request and reads all of its answer.
    fileprivate func exchange(
        _ what: String, _ deadline: Moment, _ send: (OpaquePointer) -> Int32
    ) throws(SQLError) -> [SQLRow] {
        guard isOpen, let handle else { throw .connectionLost("it is closed") }
        if Task.isCancelled { throw .cancelled }
        // It may have been queued behind somebody else's statement; the connection is none the worse for it.
        if time.now >= deadline { throw .timedOut(Self.shortened(what)) }
        do throws(SQLError) {
            guard send(handle.pg) == 1 else { throw .connectionLost(handle.message) }
            try flush(handle, what, deadline)
            return try results(handle, what, deadline)
        } catch {
            if error.isConnectionGone { self.handle = nil }
            throw error
        }
    }

    private func flush(_ handle: LibpqHandle, _ what: String, _ deadline: Moment) throws(SQLError) {
        while true {
            let left = PQflush(handle.pg)
            if left == 0 { return }
            if left < 0 { throw .connectionLost(handle.message) }
            switch wait(PQsocket(handle.pg), POLLIN | POLLOUT, deadline, mayCancel: false) {
            case .ready: if PQconsumeInput(handle.pg) == 0 { throw .connectionLost(handle.message) }
            case .timedOut, .cancelled: throw .timedOut(Self.shortened(what))
            }
        }
    }

    private func results(_ handle: LibpqHandle, _ what: String, _ deadline: Moment) throws(SQLError) -> [SQLRow] {
        var rows: [SQLRow] = []
        var failure: SQLError?
        var deadline = deadline
        var wasCancelled = false
        while true {
            while PQisBusy(handle.pg) == 1 {
                switch wait(PQsocket(handle.pg), POLLIN, deadline, mayCancel: !wasCancelled) {
                case .ready: if PQconsumeInput(handle.pg) == 0 { throw .connectionLost(handle.message) }
                case .timedOut:
                    handle.cancel()
                    throw wasCancelled
                        ? .connectionLost("the server did not react to a cancellation")
                        : .timedOut(Self.shortened(what))
                case .cancelled:
                    // The server has a second to confirm; after that the connection is given up.
                    handle.cancel()
                    wasCancelled = true
                    deadline = min(deadline, time.now + .seconds(1))
                }
            }
            guard let result = PQgetResult(handle.pg) else { break }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE: rows = Self.rows(result)
            case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: rows = []
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                throw .connectionLost("the statement began a COPY, which this connection can't do")
            default: failure = failure ?? handle.error(result)
            }
        }
        if wasCancelled { throw failure?.isConnectionGone == true ? .connectionLost(handle.message) : .cancelled }
        if let failure { throw failure }
        if PQstatus(handle.pg) == CONNECTION_BAD { throw .connectionLost(handle.message) }
        return rows
    }

    private static func rows(_ result: OpaquePointer) -> [SQLRow] {
        let columns = (0..<PQnfields(result)).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
        return (0..<PQntuples(result)).map { row in
            let values = (0..<PQnfields(result)).map { column -> String? in
                if PQgetisnull(result, row, column) == 1 { return nil }
                return PQgetvalue(result, row, column).map { String(cString: $0) }
            }
            return SQLRow(columns: columns, values: values)
        }
    }

    private static func shortened(_ sql: String) -> String {
        let words = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.count > 80 ? words.prefix(77) + "..." : words
    }

    /// The parameters as an array of C strings, which live until `body` returns.
    fileprivate static func withTexts<Result>(
        _ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let copies = texts.map { text in text.map { strdup($0) } ?? nil }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { $0.map { UnsafePointer($0) } }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
