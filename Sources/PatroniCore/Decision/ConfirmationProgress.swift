// Notices a synchronous standby that is connected and confirms nothing.

/// When packets are lost on the way from a standby to the primary only, its stream goes on saying `streaming`, and every
/// commit that waits for it hangs until TCP or `wal_sender_timeout` gives up. So a standby that has something to
/// confirm and confirms nothing for half a ``ClusterSettings/ttl`` is not counted on any more, until it has caught up.
/// With a look every second it has left the set within the ttl: no write waits longer for a lost standby than it would
/// for a lost primary.
public struct ConfirmationProgress: Sendable, Hashable {
    private struct Entry: Sendable, Hashable {
        /// Folded.
        var name: String
        var position = LSN.zero
        /// Since when it has owed something without getting any further.
        var owingSince: Moment?
        /// Where it must get to before it is believed again.
        var untrustedBelow: LSN?
    }

    private var entries: [Entry] = []

    public init() {}

    /// How long a standby may owe a confirmation.
    public static func patience(_ settings: ClusterSettings) -> Duration { settings.ttl / 2 }

    /// Whom not to wait for.
    public var stalled: Set<String> { Set(entries.lazy.filter { $0.untrustedBelow != nil }.map(\.name)) }

    public func isStalled(_ name: MemberName) -> Bool {
        entries.contains { $0.untrustedBelow != nil && $0.name == name.folded }
    }

    mutating func note(_ now: SynchronousReplication.View) {
        var found: [(name: String, position: LSN)] = []
        for stream in now.status.streams {
            guard let position = stream.position(now.status.commitLevel) else { continue }
            let name = stream.name.folded
            if let place = found.firstIndex(where: { $0.name == name }) {
                found[place].position = max(found[place].position, position)
            } else {
                found.append((name, position))
            }
        }
        let end = now.status.position
        // One that comes back with a new stream begins anew.
        entries = found.map { name, position in
            var entry = entries.first { $0.name == name } ?? Entry(name: name)
            if position >= end {
                entry.owingSince = nil
            } else if position > entry.position || entry.owingSince == nil {
                entry.owingSince = now.now
            }
            entry.position = position
            if let since = entry.owingSince, now.now - since >= Self.patience(now.settings) {
                entry.untrustedBelow = entry.untrustedBelow ?? end
            }
            if let least = entry.untrustedBelow, position >= least { entry.untrustedBelow = nil }
            return entry
        }
    }
}
