// Bytes of the write-ahead log, here and on the leader. Two promotions that don't know of each other may give themselves
// the same number; what they write is never the same, for their first record holds the time.

import PatroniCore
import PatroniPlatform

/// Whether two logs agree where they should.
public enum LogComparison: Sendable, Hashable {
    case equal
    /// Two logs that are called the same differ in the piece that begins here.
    case different(at: LSN)
    /// Nobody has the bytes any more, or they may not be read.
    case unknown(String)
}

/// A few bytes of the log within one segment.
struct LogPiece: Sendable, Hashable {
    var start: LSN
    var count: Int

    /// What is worth looking at between two positions: the first record, and the last page before the end.
    static func pieces(from begin: LSN, to end: LSN, segment: UInt64) -> [LogPiece] {
        guard begin < end, segment > 0 else { return [] }
        var pieces: [LogPiece] = []
        if begin > .zero {
            let reach = min(begin.rawValue + 1024, end.rawValue, (begin.rawValue / segment + 1) * segment)
            pieces.append(LogPiece(start: begin, count: Int(reach - begin.rawValue)))
        }
        let last = (end.rawValue - 1) / segment * segment
        let start = max(begin.rawValue, last, end.rawValue > 8192 ? end.rawValue - 8192 : 0)
        pieces.append(LogPiece(start: LSN(start), count: Int(end.rawValue - start)))
        return pieces
    }

    /// The file of `timeline` that holds the piece.
    func file(_ timeline: Timeline, segment: UInt64) -> String {
        let number = start.rawValue / segment
        let perName = 0x1_0000_0000 / segment
        return UInt64(timeline.rawValue).inFileName + (number / perName).inFileName + (number % perName).inFileName
    }

    func offset(segment: UInt64) -> Int { Int(start.rawValue % segment) }
}

/// Compares through a connection to the leader, whose user may read files as pg_rewind does.
struct LogBytes {
    let wal: String
    let leader: SQLConnection

    private static let segmentSize = """
        SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS size
        """
    private static let bytes = """
        SELECT pg_catalog.encode(pg_catalog.pg_read_binary_file($1, $2::bigint, $3::bigint, true), 'hex') AS bytes
        """

    /// `timelines`: ours first, then those under whose names the leader may have a copy of the same segment.
    func compare(
        _ part: SharedLog, timelines: [Timeline], by deadline: Moment
    ) async -> LogComparison {
        do throws(SQLError) {
            guard let size = try await leader.query(Self.segmentSize, by: deadline).first?.int("size"), size > 0 else {
                return .unknown("the leader does not tell the size of its log files")
            }
            var answer = LogComparison.unknown("the log of timeline \(part.timeline) is gone")
            for piece in LogPiece.pieces(from: part.begin, to: part.end, segment: UInt64(size)) {
                guard let ours = await own(piece, part.timeline, UInt64(size), by: deadline),
                    ours.contains(where: { $0 != 0 }),
                    let theirs = try await theirs(piece, timelines, UInt64(size), by: deadline)
                else { continue }
                if Self.hex(ours) != theirs { return .different(at: piece.start) }
                answer = .equal
            }
            return answer
        } catch { return .unknown("\(error)") }
    }

    private func own(_ piece: LogPiece, _ timeline: Timeline, _ segment: UInt64, by deadline: Moment) async -> [UInt8]?
    {
        let path = wal + "/" + piece.file(timeline, segment: segment)
        let read = await offPool(by: deadline) {
            try? FileReading.part(of: path, from: piece.offset(segment: segment), count: piece.count)
        }
        guard let bytes = read ?? nil, bytes.count == piece.count else { return nil }
        return bytes
    }

    /// As hexadecimal digits; nil when no file has all of it.
    private func theirs(
        _ piece: LogPiece, _ timelines: [Timeline], _ segment: UInt64, by deadline: Moment
    ) async throws(SQLError) -> String? {
        for timeline in timelines {
            let rows = try await leader.query(
                Self.bytes,
                [
                    "pg_wal/" + piece.file(timeline, segment: segment), "\(piece.offset(segment: segment))",
                    "\(piece.count)",
                ], by: deadline)
            if let found = rows.first?["bytes"], found.utf8.count == 2 * piece.count { return found }
        }
        return nil
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
