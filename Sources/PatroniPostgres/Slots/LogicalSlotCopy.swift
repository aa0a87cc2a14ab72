// Permanent logical slots on a standby: a slot's file is read from the primary and put in place while the standby is
// stopped, as no PostgreSQL before 17 can copy one by itself (HA-271, HA-273).

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// The state of logical slots as read from a primary.
public struct LogicalSlotCopy: Sendable, Hashable {
    public struct Slot: Sendable, Hashable {
        public var name: String
        public var database: String
        public var plugin: String
        /// The content of its state file.
        public var state: [UInt8]
    }

    public var slots: [Slot]

    private static let query = """
        SELECT slot_name, database, plugin,
         pg_catalog.encode(pg_catalog.pg_read_binary_file('pg_replslot/' || slot_name || '/state'), 'hex')
         FROM pg_catalog.pg_replication_slots
         WHERE NOT pg_catalog.pg_is_in_recovery() AND slot_type = 'logical' AND slot_name = ANY($1::name[])
        """

    /// Reads the slots that `leader` has under these names.
    public static func read(
        _ names: [String], from leader: Endpoint, _ server: LocalServer, by deadline: Moment,
        time: any TimeSource = SystemTime()
    ) async throws(SQLError) -> LogicalSlotCopy {
        var source = ConnectionString(to: leader, as: server.rewindUser, database: server.settings.database)
        source["target_session_attrs"] = "read-write"
        let connection = try await SQLConnection.open(source, by: deadline, time: time)
        defer { Task { await connection.close() } }
        // Slot names are lower-case words, so they need no quotes.
        let rows = try await connection.query(Self.query, ["{" + names.joined(separator: ",") + "}"], by: deadline)
        return LogicalSlotCopy(
            slots: rows.compactMap { row in
                guard let name = row[0], let database = row[1], let plugin = row[2], let state = row[3].flatMap(bytes)
                else { return nil }
                return Slot(name: name, database: database, plugin: plugin, state: state)
            })
    }

    static func bytes(hexadecimal text: String) -> [UInt8]? {
        let digits = text.utf8.map { UInt8(hexadecimalDigit: $0) }
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// Puts the slots into the data directory of a stopped server. Blocking.
    public func write(dataDirectory: String) throws(FileError) {
        for slot in slots {
            let place = "\(dataDirectory)/pg_replslot/\(slot.name)"
            let temporary = place + ".tmp"
            try FileTree.remove(temporary)
            try FileTree.create(temporary)
            try DurableFile.write(temporary + "/state", slot.state)
            try FileTree.remove(place)
            try DurableFile.move(temporary, to: place)
        }
    }
}

extension UInt8 {
    fileprivate init?(hexadecimalDigit digit: UInt8) {
        switch digit {
        case 0x30...0x39: self = digit - 0x30
        case 0x61...0x66: self = digit - 0x61 + 10
        case 0x41...0x46: self = digit - 0x41 + 10
        default: return nil
        }
    }
}
