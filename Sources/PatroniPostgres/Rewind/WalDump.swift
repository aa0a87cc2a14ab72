// Reading single records of the local log with pg_waldump: where the last checkpoint ends, and what came before it.

import PatroniCore
import PatroniPlatform

/// One record of the write-ahead log.
public struct WalRecord: Sendable, Hashable {
    public var manager: String
    public var position: LSN
    public var previous: LSN
    public var description: String

    /// Reads a line of pg_waldump.
    init?(line: some StringProtocol) {
        func field(_ label: String, upTo end: String) -> String? {
            guard let start = line.firstRange(of: label) else { return nil }
            let rest = line[start.upperBound...]
            return String(rest[..<(rest.firstRange(of: end)?.lowerBound ?? rest.endIndex)]).trimmed
        }
        guard line.hasPrefix("rmgr:"), let manager = field("rmgr:", upTo: "len "),
            let position = field("lsn:", upTo: ",").flatMap({ LSN($0) }),
            let previous = field("prev ", upTo: ",").flatMap({ LSN($0) }),
            let start = line.firstRange(of: "desc: ")
        else { return nil }
        self.manager = manager
        self.position = position
        self.previous = previous
        description = String(line[start.upperBound...]).trimmed
    }

    var isShutdownCheckpoint: Bool {
        manager == "XLOG" && description.lowercased().hasPrefix("checkpoint")
            && description.lowercased().hasSuffix("shutdown")
    }

    var isSegmentSwitch: Bool { manager == "XLOG" && ["SWITCH", "xlog switch"].contains(description) }
}

/// Where a cleanly stopped primary ended.
public struct ShutdownPosition: Sendable, Hashable {
    /// The shutdown checkpoint's own position: what a successor must have received.
    public var checkpoint: LSN
    /// What to publish as the last position (HA-013, HA-320).
    public var last: LSN
}

public struct WalDump: Sendable {
    public let files: ServerFiles
    public let programs: PostgresPrograms

    public init(_ files: ServerFiles, _ programs: PostgresPrograms) {
        self.files = files
        self.programs = programs
    }

    public func record(_ timeline: Timeline, at position: LSN, by deadline: Moment) async -> WalRecord? {
        guard let result = await run(timeline, position, count: 1, deadline) else { return nil }
        return result.output.split(separator: "\n").first.flatMap { WalRecord(line: $0) }
    }

    /// Where the last record of the log ends; nil when it is not the last, or can't be read.
    public func end(ofLastRecord position: LSN, _ timeline: Timeline, by deadline: Moment) async -> LSN? {
        guard let result = await run(timeline, position, count: 2, deadline) else { return nil }
        return Self.end(ofLastRecord: position, output: result.output, errors: result.errorOutput)
    }

    /// pg_waldump reads the record and then complains about what follows: the place it names is the record's end.
    static func end(ofLastRecord position: LSN, output: String, errors: String) -> LSN? {
        let records = output.split(separator: "\n")
        let complaints = errors.split(separator: "\n")
        guard records.count == 1, complaints.count == 1, WalRecord(line: records[0])?.position == position,
            let complaint = complaints[0].firstRange(of: "error in WAL record at \(position): ")
        else { return nil }
        // The wording changes with the version and with what a recycled segment holds; the place is always behind " at ".
        let words = complaints[0][complaint.upperBound...].split(separator: " ")
        let places = zip(words, words.dropFirst()).filter { $0.0 == "at" }.compactMap { pair in
            LSN(String(pair.1.prefix { $0.isHexDigit || $0 == "/" }))
        }
        return places.last
    }

    /// Nil unless the server was stopped cleanly as a primary. With archiving the log is switched to a new file before
    /// the checkpoint: then what counts is the end of the old file, or nobody would ever have caught up.
    public func shutdownPosition(_ control: ControlData, by deadline: Moment) async -> ShutdownPosition? {
        guard control.state == .shutDown, let checkpoint = control.checkpoint, let timeline = control.timeline else {
            return nil
        }
        var position = ShutdownPosition(checkpoint: checkpoint, last: checkpoint)
        if let record = await record(timeline, at: checkpoint, by: deadline), record.position == checkpoint,
            record.isShutdownCheckpoint,
            let previous = await self.record(timeline, at: record.previous, by: deadline),
            previous.position == record.previous, previous.isSegmentSwitch
        {
            position.last = previous.position
        }
        return position
    }

    private func run(
        _ timeline: Timeline, _ position: LSN, count: Int, _ deadline: Moment
    ) async -> ProgramResult? {
        try? await programs.run(
            .walDump, ["-p", files.wal, "-t", timeline.description, "-s", position.description, "-n", String(count)],
            english: true, by: deadline)
    }
}
