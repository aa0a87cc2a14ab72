// The `failsafe` key: who has to agree before a primary may go on without the store (HA-212).

/// Member → REST address, as far as this member knows what the store holds.
///
/// Who is not in the map may not race (HA-092), who is in it is asked (HA-213). So a primary has to ask everybody whom
/// the store *might* list: a write whose answer was lost counts as well as the last one that was confirmed.
public struct FailsafeMap: Sendable, Hashable, Codable {
    /// What the store is known to have said last.
    public private(set) var confirmed: [MemberName: String] = [:]
    /// Written, without an answer.
    private var undecided: [[MemberName: String]] = []
    /// When each member's own key was last seen.
    private var seen: [MemberName: Moment] = [:]

    public init(confirmed: [MemberName: String] = [:]) { self.confirmed = confirmed }

    /// Takes in what was read; no map and an empty one are the same (DCS-201).
    public mutating func read(_ map: [MemberName: String]?) {
        confirmed = map ?? [:]
        undecided.removeAll { $0 == confirmed }
    }

    public mutating func wrote(_ map: [MemberName: String], _ outcome: WriteOutcome) {
        switch outcome {
        case .written:
            confirmed = map
            undecided = []
        case .unknown: if !undecided.contains(map) { undecided.append(map) }
        case .conflict: break
        }
    }

    /// Whom `me` has to ask. Nil when the store is not known to list `me`: then failsafe mode can't help.
    public func circle(of me: MemberName) -> [MemberName: String]? {
        guard confirmed[me] != nil else { return nil }
        var all = confirmed
        for map in undecided { all.merge(map) { $1 } }
        all[me] = nil
        return all
    }

    /// What the leader publishes: itself and all members. One whose key has just gone keeps its place for a ttl: after an
    /// outage all keys are gone for a moment, and who is not in the map can neither agree nor take over.
    public mutating func next(
        _ members: [Member], me: MemberName, apiURL: String, at now: Moment, ttl: Duration
    ) -> [MemberName: String] {
        var map = [me: apiURL]
        for member in members where member.name != me {
            guard let url = member.apiURL else { continue }
            map[member.name] = url
            seen[member.name] = now
        }
        for (name, url) in confirmed where map[name] == nil {
            let last = seen[name] ?? now
            seen[name] = last
            if now - last < ttl { map[name] = url } else { seen[name] = nil }
        }
        return map
    }
}
