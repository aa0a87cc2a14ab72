// The embedded store's transactions: what is expired is gone, whoever looks.

import CSQLite
import Logging
import PatroniCore
import PatroniPlatform

extension EmbeddedBackend {
    /// The connection, opened anew when there is none or its file was replaced.
    func database(_ deadline: Moment) throws(StoreFailure) -> SQLiteConnection {
        if let connection, !connection.isStillThere {
            logger.warning("embedded store \(path): the file was removed or replaced, opening it again")
            self.connection = nil
            sessionID = nil
        }
        let wait = deadline - time.now
        if connection == nil {
            connection = try EmbeddedFile(path: path, wait: wait)
            lastDataVersion = -1
        }
        guard let database = connection?.connection else {
            throw StoreFailure(.unreachable, "embedded store \(path) is closed")
        }
        database.setBusyTimeout(wait)
        return database
    }

    /// Runs `work` alone among all processes. When it throws, or comes too late, nothing happened.
    func transaction<Value>(
        _ deadline: Moment, _ work: (SQLiteConnection) throws(SQLiteError) -> Value
    ) throws(StoreFailure) -> Value {
        let database = try database(deadline)
        let session = (sessionID, renewedAt)
        do throws(SQLiteError) {
            try database.execute("BEGIN IMMEDIATE")
            guard time.now < deadline else {
                throw SQLiteError(code: SQLITE_BUSY, message: "the lock came too late")
            }
            try removeExpired(database)
            let value = try work(database)
            try database.execute("COMMIT")
            publishChanges(database)
            return value
        } catch {
            if database.isInTransaction { try? database.execute("ROLLBACK") }
            // A session made in vain is not ours: its number will be given to somebody else.
            (sessionID, renewedAt) = session
            if error.spoilsConnection { connection = nil }
            throw error.failure(path: path)
        }
    }

    func readAllNow(_ deadline: Moment) throws(StoreFailure) -> [String: StoredKey] {
        let database = try database(deadline)
        startWatching()
        // The first look is the base that later ones are compared with; taken before the answer, so nothing is missed.
        if lastSeen == nil { publishChanges(database) }
        do throws(SQLiteError) {
            if try expiredSessions(database) == 0 { return try livingKeys(database) }
        } catch {
            if error.spoilsConnection { connection = nil }
            throw error.failure(path: path)
        }
        return try transaction(deadline) { db throws(SQLiteError) in try livingKeys(db) }
    }

    // MARK: inside a transaction

    func livingKeys(_ database: SQLiteConnection) throws(SQLiteError) -> [String: StoredKey] {
        let rows = try database.query(
            """
            SELECT path, value, version, session FROM keys
            WHERE path >= ? AND path < ? AND (session IS NULL
                OR session IN (SELECT id FROM sessions WHERE boot = ? AND expires > ?))
            """, .text(cluster.prefix), .text(cluster.end), .text(boot), .int(time.now.nanoseconds),
            read: { (path: $0.text(0), key: Self.storedKey($0)) })
        var keys: [String: StoredKey] = [:]
        for (path, key) in rows { if let name = cluster.relative(path) { keys[name] = key } }
        return keys
    }

    func current(_ key: String, _ database: SQLiteConnection) throws(SQLiteError) -> StoredKey? {
        try database.query(
            "SELECT path, value, version, session FROM keys WHERE path = ?", .text(cluster.full(key)),
            read: Self.storedKey
        ).first
    }

    func holds(
        _ condition: WriteCondition, _ key: String, _ database: SQLiteConnection
    ) throws(SQLiteError) -> Bool {
        if condition == .always { return true }
        let stored = try current(key, database)
        return switch condition {
        case .always: true
        case .absent: stored == nil
        case .version(let version): stored?.version == version
        case .value(let value): stored?.value == value
        }
    }

    func store(
        _ key: String, _ value: String, _ session: Int64?, _ database: SQLiteConnection
    ) throws(SQLiteError) -> KeyVersion {
        try database.execute("UPDATE revision SET number = number + 1")
        let revision = try database.query("SELECT number FROM revision") { $0.int(0) }.first ?? 0
        try database.execute(
            "INSERT OR REPLACE INTO keys (path, value, version, session) VALUES (?, ?, ?, ?)",
            .text(cluster.full(key)), .text(value), .int(revision), session.map(SQLiteValue.int) ?? .null)
        return KeyVersion(revision)
    }

    func remove(_ key: String, _ database: SQLiteConnection) throws(SQLiteError) {
        try database.execute("DELETE FROM keys WHERE path = ?", .text(cluster.full(key)))
    }

    /// Our session, prolonged when `isForced` or when the last time is `loop_wait` ago, made anew when it has ended.
    func livingSession(_ database: SQLiteConnection, isForced: Bool) throws(SQLiteError) -> Int64 {
        let now = time.now
        if let sessionID {
            let isAlive = try !database.query(
                "SELECT 1 FROM sessions WHERE id = ? AND owner = ?", .int(sessionID), .text(owner), read: { _ in 0 }
            ).isEmpty
            let isDue = renewedAt.map { now - $0 >= loopWait } ?? true
            if isAlive, !isForced, !isDue { return sessionID }
            if isAlive {
                try database.execute(
                    "UPDATE sessions SET expires = ? WHERE id = ?", .int((now + ttl).nanoseconds), .int(sessionID))
                renewedAt = now
                return sessionID
            }
        }
        try database.execute(
            "INSERT INTO sessions (boot, expires, owner) VALUES (?, ?, ?)", .text(boot),
            .int((now + ttl).nanoseconds), .text(owner))
        let made = database.lastInsertedRow
        sessionID = made
        renewedAt = now
        return made
    }

    private func expiredSessions(_ database: SQLiteConnection) throws(SQLiteError) -> Int64 {
        try database.query(
            "SELECT count(*) FROM sessions WHERE boot <> ? OR expires <= ?", .text(boot), .int(time.now.nanoseconds),
            read: { $0.int(0) }
        ).first ?? 0
    }

    private func removeExpired(_ database: SQLiteConnection) throws(SQLiteError) {
        guard try expiredSessions(database) > 0 else { return }
        try database.execute(
            "DELETE FROM sessions WHERE boot <> ? OR expires <= ?", .text(boot), .int(time.now.nanoseconds))
        try database.execute(
            "DELETE FROM keys WHERE session IS NOT NULL AND session NOT IN (SELECT id FROM sessions)")
    }

    private static func storedKey(_ row: SQLiteRow) -> StoredKey {
        StoredKey(
            value: row.text(1), version: KeyVersion(row.int(2)), session: row.isNull(3) ? nil : String(row.int(3)))
    }
}
