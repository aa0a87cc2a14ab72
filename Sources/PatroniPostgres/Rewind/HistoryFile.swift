// The files in which PostgreSQL notes how its timelines came about.

import PatroniCore
import PatroniPlatform

public enum HistoryFile {
    /// Where one timeline's file lies.
    public static func path(of timeline: Timeline, in wal: String) -> String {
        let digits = String(timeline.rawValue, radix: 16, uppercase: true)
        return wal + "/" + String(repeating: "0", count: 8 - digits.count) + digits + ".history"
    }

    /// The timelines before this one, and the file's text; nil when there is no file. Blocking.
    public static func read(_ timeline: Timeline, in wal: String) -> (history: TimelineHistory, path: String)? {
        let path = path(of: timeline, in: wal)
        guard let text = try? FileReading.text(path) else { return nil }
        return (TimelineHistory(historyFile: text), path)
    }
}
