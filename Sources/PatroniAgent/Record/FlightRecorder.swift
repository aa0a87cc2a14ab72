// The flight record in its file.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform

/// Writes changes to a bounded file beside the data, off the loop.
struct FlightRecorder: FlightRecording {
    let earlier: [FlightEntry]
    private let file: LineFile

    /// How much of an earlier run's record is read at the start.
    private static let memory = 1 << 20

    /// Reads what an earlier run has left. Blocking.
    init(_ settings: FlightRecordSettings, logger: Logger) {
        let place = settings.isEnabled ? LineFile.Place(path: settings.path, size: settings.size) : nil
        file = LineFile(place) { problem in
            logger.warning(
                "the flight record has gaps: \(problem) (flight_record.path says where it is, flight_record.enabled: false switches it off)"
            )
        }
        earlier = place.map { Self.tail($0.path) } ?? []
    }

    func write(_ entry: FlightEntry) {
        file.write { try? entry.line() }
    }

    func flush(by deadline: Moment) { file.flush(by: deadline) }

    private static func tail(_ path: String) -> [FlightEntry] {
        guard let bytes = try? FileReading.end(of: path, atMost: memory) else { return [] }
        return bytes.split(separator: UInt8(ascii: "\n")).suffix(FlightLog.capacity).compactMap { line in
            try? FlightEntry(line: String(decoding: line, as: UTF8.self))
        }
    }
}
