// The files in which PostgreSQL notes how its timelines came about.

import PatroniCore
import PatroniPlatform

public enum HistoryFile {
    /// Where one timeline's file lies.
    public static func path(of timeline: Timeline, in wal: String) -> String {
        wal + "/" + UInt64(timeline.rawValue).inFileName + ".history"
    }

    /// The timelines before this one, and where that was read; nil when there is no file. Blocking.
    public static func read(_ timeline: Timeline, in wal: String) -> (history: TimelineHistory, path: String)? {
        let path = path(of: timeline, in: wal)
        guard let text = try? FileReading.text(path) else { return nil }
        return (TimelineHistory(historyFile: text), path)
    }
}

extension UInt64 {
    /// As the names of the log's files have numbers: `0000000A`.
    var inFileName: String {
        let digits = String(self, radix: 16, uppercase: true)
        return String(repeating: "0", count: Swift.max(0, 8 - digits.count)) + digits
    }
}
