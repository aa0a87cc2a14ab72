// Asking the local server how it is: one prepared query a turn.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Keeps one connection to the local server and asks it. Connects again by itself; closes nothing on errors that leave
/// the connection good.
public actor Inspection {
    private let purpose: ConnectionPurpose
    private let time: any TimeSource
    private var settings: PostgresSettings
    private var connection: SQLConnection?
    private var standbyTimeline: StandbyTimeline?

    private struct StandbyTimeline {
        var timeline: Timeline
        /// What the WAL receiver received on when the timeline was asked for.
        var received: Timeline?
        /// That of the last checkpoint, which moves on when the log comes from an archive (HA-224).
        var checkpoint: Timeline?
        var postmasterStart: WallTime?
    }

    public init(_ settings: PostgresSettings, _ purpose: ConnectionPurpose, time: any TimeSource = SystemTime()) {
        self.settings = settings
        self.purpose = purpose
        self.time = time
    }

    /// New settings count from the next connection on; the old one is closed when they reach the server differently.
    public func update(_ settings: PostgresSettings) {
        if settings.localConnection(purpose) != self.settings.localConnection(purpose) { connection = nil }
        self.settings = settings
    }

    /// Lets go of the connection, e.g. before the server is stopped: a smart shutdown waits for it.
    public func close() { connection = nil }

    // MARK: the status

    /// How the server is, whatever happens to it meanwhile; its own answers tell, without pg_isready (HA-039, HA-153). `leaderTimeline` is the timeline the cluster believes in;
    /// a standby's own timeline is asked for again as long as it differs (HA-321).
    public func status(
        of postmaster: Postmaster?, leaderTimeline: Timeline? = nil, by deadline: Moment
    ) async -> ServerStatus {
        guard let postmaster, !postmaster.hasExited else { return .stopped }
        if await postmaster.status(by: deadline) == .starting { return .starting }
        do throws(SQLError) {
            return .running(try await running(leaderTimeline: leaderTimeline, by: deadline))
        } catch {
            if postmaster.hasExited { return .stopped }
            switch error {
            case .cannotConnect(.refused, _), .cannotConnect(.startingUp, _): return .starting
            case .cannotConnect, .server, .timedOut, .connectionLost, .cancelled:
                return .unresponsive(error.description)
            }
        }
    }

    /// The status query's answer (HA-038). A connection that breaks meanwhile is replaced once.
    public func running(leaderTimeline: Timeline? = nil, by deadline: Moment) async throws(SQLError) -> RunningServer {
        let rows: [SQLRow]
        do throws(SQLError) { rows = try await query(StatusQuery.statement, by: deadline) } catch {
            // It only reads, so asking once more does no harm; the server may have been restarted just now.
            guard case .connectionLost = error else { throw error }
            rows = try await query(StatusQuery.statement, by: deadline)
        }
        guard let answer = rows.first.flatMap(StatusQuery.Answer.init) else {
            throw .server(ServerComplaint(sqlState: "02000", message: "the status query returned no row"))
        }
        var server = answer.server
        if !server.isPrimary {
            server.timeline = await standbyTimeline(answer, leaderTimeline: leaderTimeline, by: deadline)
        } else {
            standbyTimeline = nil
        }
        return server
    }

    /// The walsenders, for the status page.
    public func walSenders(by deadline: Moment) async throws(SQLError) -> [WalSender] {
        try await query(WalSender.statement, by: deadline).map(WalSender.init)
    }

    // MARK: anybody's queries on this connection

    /// Runs a statement on the kept connection.
    public func query(
        _ sql: String, _ parameters: [String?] = [], by deadline: Moment
    ) async throws(SQLError) -> [SQLRow] {
        try await onConnection(by: deadline) { connection throws(SQLError) in
            try await connection.query(sql, parameters, by: deadline)
        }
    }

    /// Runs a prepared statement on the kept connection.
    public func query(
        _ statement: PreparedStatement, _ parameters: [String?] = [], by deadline: Moment
    ) async throws(SQLError) -> [SQLRow] {
        try await onConnection(by: deadline) { connection throws(SQLError) in
            try await connection.query(statement, parameters, by: deadline)
        }
    }

    private func onConnection(
        by deadline: Moment, _ ask: (SQLConnection) async throws(SQLError) -> [SQLRow]
    ) async throws(SQLError) -> [SQLRow] {
        // One from before a restart is closed by now, and noticed to be.
        if let connection, await connection.isOpen { return try await ask(connection) }
        let opened = try await SQLConnection.open(settings.localConnection(purpose), by: deadline, time: time)
        connection = opened
        return try await ask(opened)
    }

    // MARK: a standby's timeline

    /// IDENTIFY_SYSTEM gives the timeline that is replayed. It costs a connection, so it is asked only when something
    /// suggests a change, or as long as we are not where the leader is.
    private func standbyTimeline(
        _ answer: StatusQuery.Answer, leaderTimeline: Timeline?, by deadline: Moment
    ) async -> Timeline? {
        let start = answer.server.postmasterStart
        if let known = standbyTimeline, known.postmasterStart == start, known.received == answer.receivedTimeline,
            known.checkpoint == answer.checkpointTimeline,
            leaderTimeline == nil || known.timeline == leaderTimeline,
            answer.receivedTimeline == nil || answer.receivedTimeline == known.timeline
        {
            return known.timeline
        }
        // Never at the price of the status itself: part of the time that is left, and a second best answer.
        let patience = min(deadline, time.now + .seconds(2))
        if let system = try? await ReplicationCommands.identify(
            settings.localReplicationConnection(), by: patience, time: time)
        {
            standbyTimeline = StandbyTimeline(
                timeline: system.timeline, received: answer.receivedTimeline, checkpoint: answer.checkpointTimeline,
                postmasterStart: start)
            return system.timeline
        }
        return answer.receivedTimeline ?? answer.checkpointTimeline
    }
}
