// The database file: found, made, opened, and noticed when it was replaced under us.

import CSQLite
import Glibc
import PatroniCore
import PatroniPlatform

/// An open store file with its tables.
struct EmbeddedFile {
    let connection: SQLiteConnection
    private let path: String
    private let identity: Identity

    /// Says which file a path leads to.
    private struct Identity: Equatable {
        var device: UInt64
        var inode: UInt64

        init?(_ path: String) {
            var info = stat()
            guard stat(path, &info) == 0 else { return nil }
            device = UInt64(info.st_dev)
            inode = UInt64(info.st_ino)
        }
    }

    /// Makes the file, readable by its owner only, if it is not there; `wait` bounds waiting for other processes.
    init(path: String, wait: Duration) throws(StoreFailure) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let code = Errno.last
            let kind: StoreFailure.Kind = code == Errno(EACCES) || code == Errno(EROFS) ? .denied : .unreachable
            throw StoreFailure(
                kind, "embedded store \(path) can't be opened: \(code); its directory must exist and be writable")
        }
        Glibc.close(descriptor)
        do throws(SQLiteError) {
            connection = try SQLiteConnection(path: path)
            connection.setBusyTimeout(wait)
            try Self.prepare(connection, wait: wait)
        } catch {
            throw error.failure(path: path)
        }
        guard let identity = Identity(path) else {
            throw StoreFailure(.unreachable, "embedded store \(path) vanished while it was opened")
        }
        self.path = path
        self.identity = identity
    }

    /// False when somebody removed or replaced the file: others would not see what we write.
    var isStillThere: Bool { Identity(path) == identity }

    private static let formatVersion: Int64 = 1

    /// Turning WAL mode on fails at once while another member does the same, whatever the busy timeout says: members
    /// that start together must not send each other away.
    private static func prepare(_ connection: SQLiteConnection, wait: Duration) throws(SQLiteError) {
        var attempts = max(1, wait.inNanoseconds / 10_000_000)
        while true {
            do throws(SQLiteError) { return try prepare(connection) } catch {
                attempts -= 1
                guard error.code == SQLITE_BUSY, attempts > 0 else { throw error }
                try? connection.execute("ROLLBACK")
                OwnThread.pause(.milliseconds(10))
            }
        }
    }

    private static func prepare(_ connection: SQLiteConnection) throws(SQLiteError) {
        // A small cache: a cluster is a few kilobytes. A commit reaches the disk before it is reported.
        try connection.execute("PRAGMA cache_size = -128")
        _ = try connection.query("PRAGMA journal_mode = WAL") { $0.text(0) }
        try connection.execute("PRAGMA synchronous = FULL")
        _ = try connection.query("PRAGMA wal_autocheckpoint = 200") { $0.int(0) }
        let version = try connection.query("PRAGMA user_version") { $0.int(0) }.first ?? 0
        if version == formatVersion { return }
        if version > formatVersion {
            throw SQLiteError(code: SQLITE_ERROR, message: "the file was written by a newer version of this program")
        }
        try connection.execute("BEGIN IMMEDIATE")
        for statement in tables { try connection.execute(statement) }
        try connection.execute("COMMIT")
    }

    private static let tables = [
        """
        CREATE TABLE IF NOT EXISTS keys (
            path TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL, session INTEGER
        ) WITHOUT ROWID
        """,
        // Times are nanoseconds of CLOCK_BOOTTIME, which mean nothing after the next boot.
        """
        CREATE TABLE IF NOT EXISTS sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, expires INTEGER NOT NULL, owner TEXT NOT NULL
        )
        """,
        "CREATE TABLE IF NOT EXISTS revision (number INTEGER NOT NULL)",
        "INSERT INTO revision SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM revision)",
        "PRAGMA user_version = \(formatVersion)",
    ]
}
