// Whose replication slots are kept for a while after their members went away: `retain_slots` in the leader's report.

/// The leader's memory of slots that were in use. Their members may come back and want to go on where they were.
public struct RetainedSlots: Sendable, Hashable, Codable {
    private var lastUsed: [String: Moment] = [:]

    public init() {}

    /// A new leader starts all timers anew: it can't know how long a member has been away (DCS-206).
    public init(inherited names: [String], at now: Moment) {
        for name in names { lastUsed[name] = now }
    }

    /// Takes in which slots exist on the leader, and says which to keep and which have just been given up (DCS-061).
    public mutating func update(
        existing: some Sequence<String>, cluster: Cluster, me: MemberName, ttl: Duration, at now: Moment
    ) -> (kept: [String], expired: [String]) {
        for name in cluster.status.retainedSlots ?? [] where lastUsed[name] == nil { lastUsed[name] = now }
        var owners = Set(cluster.members.filter { !$0.tags.isArchiveOnly }.map(\.name.slotName))
        owners.insert(me.slotName)
        let permanent = Set(PermanentSlots.configured(cluster).keys)
        for name in existing where owners.contains(name) && !permanent.contains(name) { lastUsed[name] = now }
        let expired = lastUsed.filter { now - $0.value >= ttl }.keys.sorted()
        for name in expired { lastUsed[name] = nil }
        return (lastUsed.keys.sorted(), expired)
    }
}
