// Replication commands: who a server is and how its timelines came about.

import PatroniCore
import PatroniPlatform

/// A server's answer to IDENTIFY_SYSTEM.
public struct SystemIdentity: Sendable, Hashable {
    public var systemIdentifier: SystemIdentifier
    /// Of a primary the one it writes, of a standby the one it replays.
    public var timeline: Timeline
    public var position: LSN
}

/// Asks over a replication connection that is closed again at once, so that no walsender is taken away for long.
public enum ReplicationCommands {
    /// IDENTIFY_SYSTEM; `parameters` come from ``PostgresSettings``'s replication connections.
    public static func identify(
        _ parameters: ConnectionString, by deadline: Moment, time: any TimeSource = SystemTime()
    ) async throws(SQLError) -> SystemIdentity {
        let connection = try await SQLConnection.open(parameters, by: deadline, time: time)
        return try await identify(connection, by: deadline)
    }

    /// IDENTIFY_SYSTEM on a replication connection that is open.
    public static func identify(
        _ connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> SystemIdentity {
        let row = try await connection.execute("IDENTIFY_SYSTEM", by: deadline).first
        guard let row, let identifier = row["systemid"].flatMap(SystemIdentifier.init),
            let timeline = row.int("timeline").flatMap({ Timeline(number: $0) }), let position = row.lsn("xlogpos")
        else { throw .connectionLost("IDENTIFY_SYSTEM was answered oddly") }
        return SystemIdentity(systemIdentifier: identifier, timeline: timeline, position: position)
    }

    /// The text of a timeline's history file, on a replication connection that is open.
    public static func timelineHistory(
        _ timeline: Timeline, on connection: SQLConnection, by deadline: Moment
    ) async throws(SQLError) -> String {
        let row = try await connection.execute("TIMELINE_HISTORY \(timeline)", by: deadline).first
        guard let content = row?["content"] else { throw .connectionLost("TIMELINE_HISTORY was answered oddly") }
        return content
    }
}
