// How the embedded store notices what others wrote: a cheap look at a counter, and at the clock for expiry.

import PatroniCore
import PatroniPlatform
import PatroniPorts

extension EmbeddedBackend {
    /// How long news may lie unnoticed. The look costs a few microseconds.
    private static var interval: Duration { .milliseconds(50) }

    func startWatching() {
        if watcher != nil || isControl { return }
        let time = time
        watcher = Task { [weak self] in
            while !Task.isCancelled {
                await time.sleep(until: time.now + Self.interval)
                guard let self else { return }
                await self.look()
            }
        }
    }

    /// SQLite's data_version moves when another connection commits; expiry moves nothing until somebody writes.
    private func look() {
        // Without a connection there is nothing to look at: the next call opens one and says what is wrong.
        guard !Task.isCancelled, let connection, connection.isStillThere else { return }
        let database = connection.connection
        let deadline = time.now + Self.interval
        if let nextExpiry, nextExpiry <= time.now {
            self.nextExpiry = nil
            // Whoever sees an expired key removes it, so that everybody notices.
            if (try? transaction(deadline, { _ throws(SQLiteError) in () })) == nil { publishChanges(database) }
            return
        }
        database.setBusyTimeout(Self.interval)
        let version = try? database.query("PRAGMA data_version", read: { $0.int(0) }).first
        if let version, version != lastDataVersion { publishChanges(database) }
    }

    /// Compares the keys with what they were; called after own commits too, so that news come from one place.
    func publishChanges(_ database: SQLiteConnection) {
        if isControl || watcher == nil { return }
        guard let version = try? database.query("PRAGMA data_version", read: { $0.int(0) }).first,
            let keys = try? livingKeys(database)
        else { return }
        lastDataVersion = version
        let expiry = try? database.query(
            "SELECT min(expires) FROM sessions WHERE boot = ?", .text(boot), read: { $0.isNull(0) ? nil : $0.int(0) })
        nextExpiry = expiry?.first.flatMap { $0 }.map(Moment.init(nanoseconds:))
        defer { lastSeen = keys }
        guard let lastSeen else { return }
        for change in StoreChange.between(lastSeen, keys) { news.yield(change) }
    }
}
