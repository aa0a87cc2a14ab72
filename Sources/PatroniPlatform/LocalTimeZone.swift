// The machine's time zone, for texts that people read.

import Glibc
import PatroniCore

public enum LocalTimeZone {
    /// Seconds east of UTC at that time.
    public static func offset(at time: WallTime) -> Int {
        var seconds = time_t(time.secondsSince1970)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return Int(parts.tm_gmtoff)
    }

    /// ISO 8601 with the local offset.
    public static func iso8601(_ time: WallTime) -> String { time.iso8601(offset: offset(at: time)) }
}

extension FileReading {
    /// When the file was last written; nil when it can't be asked. Blocking.
    public static func modificationTime(_ path: String) -> WallTime? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return WallTime(microseconds: Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1000)
    }
}
