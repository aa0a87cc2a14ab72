// One connection to an SQLite file. Blocking: it belongs to an actor with a thread of its own.

import CSQLite
import Glibc
import PatroniCore

/// What SQLite complained about.
struct SQLiteError: Error, Sendable {
    var code: Int32
    var message: String

    /// The file is of no use through this connection any more.
    var spoilsConnection: Bool {
        [SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN, SQLITE_READONLY].contains(code)
    }

    func failure(path: String) -> StoreFailure {
        let (kind, advice): (StoreFailure.Kind, String) =
            switch code {
            case SQLITE_BUSY, SQLITE_LOCKED: (.unavailable, "another process holds its lock")
            case SQLITE_FULL: (.unavailable, "no space is left on its disk")
            case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: (.denied, "this user may not write it")
            case SQLITE_NOTADB: (.protocolViolation, "it is not an SQLite database; choose another embedded.path")
            case SQLITE_CORRUPT: (.protocolViolation, "the database is damaged")
            case SQLITE_CANTOPEN: (.unreachable, "it can't be opened")
            case SQLITE_IOERR: (.unavailable, "reading or writing it failed")
            default: (.protocolViolation, "unexpected answer")
            }
        return StoreFailure(kind, "embedded store \(path): \(advice) (\(message))")
    }
}

enum SQLiteValue {
    case text(String)
    case int(Int64)
    case null
}

/// The current row of a query; columns count from zero.
struct SQLiteRow {
    fileprivate let statement: OpaquePointer

    func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(statement, column) else { return "" }
        let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
        return String(decoding: bytes, as: UTF8.self)
    }

    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }
}

final class SQLiteConnection {
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]

    init(path: String) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened else { throw SQLiteError(code: SQLITE_NOMEM, message: "out of memory") }
        handle = opened
        if code != SQLITE_OK { throw SQLiteError(code: code & 0xFF, message: String(cString: sqlite3_errmsg(opened))) }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(handle)
    }

    /// How long a lock held by another process is waited for.
    func setBusyTimeout(_ duration: Duration) {
        sqlite3_busy_timeout(handle, Int32(clamping: max(0, duration.inNanoseconds / 1_000_000)))
    }

    var changedRows: Int { Int(sqlite3_changes(handle)) }
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    func execute(_ sql: String, _ values: SQLiteValue...) throws(SQLiteError) {
        try run(sql, values) { _ in }
    }

    func query<Value>(
        _ sql: String, _ values: SQLiteValue..., read: (SQLiteRow) -> Value
    ) throws(SQLiteError) -> [Value] {
        var rows: [Value] = []
        try run(sql, values) { rows.append(read($0)) }
        return rows
    }

    private func run(_ sql: String, _ values: [SQLiteValue], _ each: (SQLiteRow) -> Void) throws(SQLiteError) {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (offset, value) in values.enumerated() {
            let index = Int32(offset + 1)
            let code =
                switch value {
                case .text(let text): csqlite_bind_text(statement, index, text, Int32(text.utf8.count))
                case .int(let number): sqlite3_bind_int64(statement, index, number)
                case .null: sqlite3_bind_null(statement, index)
                }
            if code != SQLITE_OK { throw lastError(code) }
        }
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            if code != SQLITE_ROW { throw lastError(code) }
            each(SQLiteRow(statement: statement))
        }
    }

    /// Few different statements are ever run; each is prepared once.
    private func prepared(_ sql: String) throws(SQLiteError) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw lastError(code) }
        statements[sql] = statement
        return statement
    }

    private func lastError(_ code: Int32) -> SQLiteError {
        SQLiteError(code: code & 0xFF, message: String(cString: sqlite3_errmsg(handle)))
    }
}
