// What a query returned, as text with a few typed readings.

import PatroniCore

/// One row of a result.
public struct SQLRow: Sendable, Hashable {
    /// The column names, in order.
    public let columns: [String]
    public let values: [String?]

    public init(columns: [String], values: [String?]) {
        self.columns = columns
        self.values = values
    }

    /// Nil for SQL's null, and when there is no such column.
    public subscript(index: Int) -> String? { values.indices.contains(index) ? values[index] : nil }

    /// Nil for SQL's null, and when there is no such column.
    public subscript(name: String) -> String? { columns.firstIndex(of: name).flatMap { values[$0] } }

    public func int(_ name: String) -> Int64? { self[name].flatMap { Int64($0) } }
    public func lsn(_ name: String) -> LSN? { self[name].flatMap { LSN($0) } }
    public func bool(_ name: String) -> Bool { self[name] == "t" }

    /// Reads a column made by ``epoch(_:)``.
    public func time(_ name: String) -> WallTime? { int(name).map { WallTime(microseconds: $0) } }

    /// The SQL that turns a timestamptz into microseconds since 1970, free of time zones and date styles.
    public static func epoch(_ expression: String) -> String {
        "(pg_catalog.date_part('epoch', \(expression)) * 1000000)::bigint"
    }
}
