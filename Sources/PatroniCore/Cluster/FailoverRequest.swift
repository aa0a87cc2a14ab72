// An operator's wish to move the leadership: `failover`.

/// With `leader` it is a switchover, without it a manual failover (HA-106).
public struct FailoverRequest: Sendable, Hashable, Codable {
    public var leader: MemberName?
    public var candidate: MemberName?
    public var scheduledAt: WallTime?
    /// Nil when the key was just written by ourselves.
    public var version: KeyVersion?

    public init(leader: MemberName?, candidate: MemberName?, scheduledAt: WallTime? = nil, version: KeyVersion? = nil) {
        self.leader = leader
        self.candidate = candidate
        self.scheduledAt = scheduledAt
        self.version = version
    }

    public var isSwitchover: Bool { leader != nil }
    /// As operators call it, at the beginning of log lines.
    public var word: String { isSwitchover ? "switchover" : "manual failover" }

    public var json: JSONObject {
        var out = JSONObject()
        out["leader"] = leader.map { .string($0.text) }
        out["member"] = candidate.map { .string($0.text) }
        out["scheduled_at"] = scheduledAt.map { .string($0.iso8601()) }
        return out
    }

    /// Nil for an empty, cleared (`{}`) or unreadable key; `from:to` of old versions is understood (DCS-037).
    public init?(stored text: String, version: KeyVersion?) {
        self.init(leader: nil, candidate: nil, version: version)
        if let parsed = try? JSON.parse(text), let object = parsed.object {
            leader = object["leader"]?.string.flatMap(Self.name)
            candidate = (object["member"] ?? object["candidate"])?.string.flatMap(Self.name)
            if let schedule = object["scheduled_at"]?.string, case .absolute(let time)? = WallTime.parse(schedule) {
                scheduledAt = time
            }
        } else {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            leader = parts.first.map(String.init).flatMap(Self.name)
            candidate = parts.count > 1 ? Self.name(String(parts[1])) : nil
        }
        if leader == nil, candidate == nil { return nil }
    }

    private static func name(_ text: String) -> MemberName? {
        let trimmed = text.drop { $0 == " " }
        return trimmed.isEmpty ? nil : MemberName(String(trimmed))
    }
}
