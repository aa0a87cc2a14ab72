// Fetching log files that pg_rewind misses, for servers whose pg_rewind can't do it (HA-242).

import PatroniCore

enum MissingWAL {
    /// The segment that pg_rewind could not open, from what it wrote; nil when that was not its trouble.
    static func segment(inOutput text: String) -> String? {
        for line in text.split(separator: "\n") {
            guard let start = line.firstRange(of: "could not open file \"") else { continue }
            let path = line[start.upperBound...].prefix { $0 != "\"" }
            let parts = path.split(separator: "/")
            guard parts.count > 1, parts[parts.count - 2] == "pg_wal", let name = parts.last.map({ String($0) }),
                WalArchiving.isSegment(name), name.count == 24
            else { continue }
            return name
        }
        return nil
    }
}
