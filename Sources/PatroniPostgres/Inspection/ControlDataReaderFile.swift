// The layout of global/pg_control, little-endian 64-bit, as PostgreSQL 13 to 18 write it.

import PatroniCore

/// Reads the file's bytes.
enum ControlFile {
    enum Problem: Error, Sendable, Hashable {
        case file(String)
        case unknownVersion(UInt32)
        case wrongChecksum
        case malformed
    }

    /// Where the fields stand. They are the same from 13 on; 18 put one byte before the checksum.
    private enum Offset {
        static let systemIdentifier = 0
        static let version = 8
        static let state = 16
        static let checkpoint = 32
        static let checkpointTimeline = 48
        static let minimumRecoveryEnd = 136
        static let minimumRecoveryTimeline = 144
        static let walLogHints = 176
        static let dataChecksums = 252
    }

    /// pg_control_version → where the checksum stands; it covers everything before it.
    private static let checksumOffset: [UInt32: Int] = [1300: 288, 1800: 292]

    /// DBState, in its order.
    private static let states: [ControlState] = [
        .startingUp, .shutDown, .shutDownInRecovery, .shuttingDown, .inCrashRecovery, .inArchiveRecovery, .inProduction,
    ]

    static func parse(_ bytes: [UInt8]) -> Result<ControlData, Problem> {
        guard bytes.count >= 296 else { return .failure(.malformed) }
        let version = UInt32(truncatingIfNeeded: number(bytes, Offset.version, 4))
        guard let checksumOffset = checksumOffset[version] else { return .failure(.unknownVersion(version)) }
        guard UInt64(CRC32C.of(bytes[..<checksumOffset])) == number(bytes, checksumOffset, 4) else {
            return .failure(.wrongChecksum)
        }
        let state = Int(number(bytes, Offset.state, 4))
        guard states.indices.contains(state),
            let identifier = SystemIdentifier(String(number(bytes, Offset.systemIdentifier, 8)))
        else { return .failure(.malformed) }
        func timeline(_ offset: Int) -> Timeline? { Timeline(number: Int64(number(bytes, offset, 4))) }
        return .success(
            ControlData(
                systemIdentifier: identifier, state: states[state], timeline: timeline(Offset.checkpointTimeline),
                checkpoint: LSN(number(bytes, Offset.checkpoint, 8)),
                minimumRecoveryEnd: LSN(number(bytes, Offset.minimumRecoveryEnd, 8)),
                minimumRecoveryTimeline: timeline(Offset.minimumRecoveryTimeline),
                allowsRewind: bytes[Offset.walLogHints] != 0 || number(bytes, Offset.dataChecksums, 4) != 0))
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The checksum of pg_control (Castagnoli's polynomial, reflected).
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
    }
}
