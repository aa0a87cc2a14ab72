// The local copy of a cluster's keys, kept up to date by a watch (DCS-103). A struct: who may believe it, and when.

import PatroniCore
import PatroniPorts

/// Keys at one revision. Events are applied in the order of revisions; what a direct read already showed is passed over.
struct EtcdView: Sendable {
    private(set) var keys: [String: StoredKey] = [:]
    /// Everything up to here is in ``keys``; nil before the first read.
    private(set) var revision: Int64?
    /// The latest revision that we know of, from our own writes and reads: an older view is not shown to anybody.
    private(set) var minimum: Int64 = 0
    /// When the servers last confirmed the copy; nil when nobody watches, or nothing was read since the watch began.
    private(set) var confirmedAt: Moment?

    /// Is the copy as good as a read? It is when the stream lives, was heard a short while ago, and nothing we know of
    /// is missing.
    func isFresh(_ now: Moment, within silence: Duration) -> Bool {
        guard let confirmedAt, let revision else { return false }
        return now - confirmedAt <= silence && revision >= minimum
    }

    var lacksOwnWrites: Bool { (revision ?? 0) < minimum }

    /// Something of ours was written at `revision`.
    mutating func expect(_ revision: Int64) { minimum = max(minimum, revision) }

    /// Takes over what a read showed, with the news in it. `isNewest` is said of reads through the quorum: they are
    /// believed even if everything was newer before (a cluster made anew).
    mutating func replace(_ read: [String: StoredKey], at revision: Int64, isNewest: Bool) -> [StoreChange] {
        if let own = self.revision, revision < own, !isNewest { return [] }
        let news = self.revision == nil ? [] : StoreChange.between(keys, read)
        keys = read
        self.revision = revision
        minimum = isNewest ? revision : max(minimum, revision)
        return news
    }

    /// The stream is alive, and the copy was compared with a read since it began.
    mutating func confirm(_ now: Moment) { confirmedAt = now }

    /// The stream said something: what was confirmed before still holds.
    mutating func heard(_ now: Moment) { if confirmedAt != nil { confirmedAt = now } }

    /// The stream ended, or may have.
    mutating func doubt() { confirmedAt = nil }

    /// Forgets everything: the servers no longer have the history that the stream needs.
    mutating func forget() {
        revision = nil
        confirmedAt = nil
    }

    /// Applies the events of one message. An event is a key's new state or, with nil, its end.
    mutating func apply(_ events: [(key: String, modified: Int64, stored: StoredKey?)]) -> [StoreChange] {
        guard let base = revision else { return [] }
        var news: [StoreChange] = []
        var latest = base
        for event in events where event.modified > base {
            let before = keys[event.key]?.value
            keys[event.key] = event.stored
            latest = max(latest, event.modified)
            if let change = StoreChange(key: event.key, before: before, after: event.stored?.value) {
                news.append(change)
            }
        }
        revision = latest
        return news
    }
}
