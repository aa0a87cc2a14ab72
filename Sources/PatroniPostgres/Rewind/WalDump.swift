// Where the last record of the local log ends, which only pg_waldump can tell.

import PatroniCore
import PatroniPlatform

public struct WalDump: Sendable {
    public let files: ServerFiles
    public let programs: PostgresPrograms

    public init(_ files: ServerFiles, _ programs: PostgresPrograms) {
        self.files = files
        self.programs = programs
    }

    /// Where the last record of the log ends; nil when it is not the last, or can't be read (HA-237).
    public func end(ofLastRecord position: LSN, _ timeline: Timeline, by deadline: Moment) async -> LSN? {
        let arguments = ["--path=\(files.wal)", "-t", "\(timeline)", "-s", "\(position)", "-n", "2"]
        guard let result = try? await programs.run(.walDump, arguments, english: true, by: deadline) else { return nil }
        return Self.end(ofLastRecord: position, output: result.output, errors: result.errorOutput)
    }

    /// pg_waldump reads the record and then complains about what follows: the place it names is the record's end.
    static func end(ofLastRecord position: LSN, output: String, errors: String) -> LSN? {
        let records = output.split(separator: "\n")
        let complaints = errors.split(separator: "\n")
        guard records.count == 1, complaints.count == 1, WALRecord(String(records[0]))?.position == position,
            let complaint = complaints[0].firstRange(of: "error in WAL record at \(position): ")
        else { return nil }
        // The wording changes with the version and with what a recycled segment holds; the place is always behind " at ".
        let words = complaints[0][complaint.upperBound...].split(separator: " ")
        let places = zip(words, words.dropFirst()).filter { $0.0 == "at" }.compactMap { pair in
            LSN(String(pair.1.prefix { $0.isHexDigit || $0 == "/" }))
        }
        return places.last
    }
}
