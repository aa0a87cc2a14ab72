// Where a cleanly stopped primary's log ends.

import PatroniCore
import PatroniPlatform

extension ControlDataReader {
    /// The shutdown checkpoint that `data` speaks of; nil unless a primary was shut down cleanly (HA-320).
    public func shutdownCheckpoint(_ data: ControlData, by deadline: Moment) async -> ShutdownCheckpoint? {
        guard data.state == .shutDown, let location = data.checkpoint, let timeline = data.timeline else { return nil }
        // With archiving on, the server switches to a new segment first, and the checkpoint is the first record
        // there. Anywhere else there was no switch, and no program needs to be asked; segments have at least 1 MiB.
        guard location.rawValue % Self.smallestSegment == Self.segmentHeader,
            let checkpoint = await record(at: location, timeline, by: deadline), checkpoint.manager == "XLOG",
            checkpoint.description.hasPrefix("CHECKPOINT_SHUTDOWN"),
            let previous = await record(at: checkpoint.previous, timeline, by: deadline), previous.manager == "XLOG",
            previous.description == "SWITCH"
        else { return ShutdownCheckpoint(location: location) }
        return ShutdownCheckpoint(location: location, lastPosition: checkpoint.previous)
    }

    private static let smallestSegment: UInt64 = 1 << 20
    /// What stands before the first record of a segment.
    private static let segmentHeader: UInt64 = 40

    private func record(at position: LSN, _ timeline: Timeline, by deadline: Moment) async -> WALRecord? {
        let arguments = ["--path=\(dataDirectory)/pg_wal", "-t", "\(timeline)", "-s", "\(position)", "-n", "1"]
        let result = try? await programs.run(.walDump, arguments, english: true, by: deadline)
        guard let record = result.flatMap({ WALRecord($0.output) }), record.position == position else { return nil }
        return record
    }
}

/// One line of pg_waldump.
struct WALRecord: Sendable, Hashable {
    var manager: String
    var position: LSN
    var previous: LSN
    var description: String

    /// Reads `rmgr: XLOG  len (rec/tot): …, lsn: 0/16B3740, prev 0/16B3708, … desc: CHECKPOINT_SHUTDOWN …`.
    init?(_ line: String) {
        func word(after label: String) -> String? {
            line.firstRange(of: label).map { found in
                String(line[found.upperBound...].drop(while: \.isWhitespace).prefix { !$0.isWhitespace && $0 != "," })
            }
        }
        guard let manager = word(after: "rmgr:"), let position = word(after: "lsn:").flatMap({ LSN($0) }),
            let previous = word(after: "prev ").flatMap({ LSN($0) }), let text = line.firstRange(of: "desc: ")
        else { return nil }
        self.manager = manager
        self.position = position
        self.previous = previous
        description = String(line[text.upperBound...]).trimmedSpaces
    }
}
