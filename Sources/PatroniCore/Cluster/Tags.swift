// A member's tags: what the operator wrote, and what it means.

/// The tags of one member in the order of its configuration file.
public struct Tags: Sendable, Hashable, Codable {
    public var values: JSONObject

    public init(_ values: JSONObject = JSONObject()) { self.values = values }

    private func flag(_ key: String) -> Bool? {
        guard let value = values[key] else { return nil }
        return Self.truth(value)
    }

    /// Patroni's lenient reading of a boolean (CFG-036); nil when it is none.
    public static func truth(_ value: JSON) -> Bool? {
        let text: String
        switch value {
        case .bool(let value): return value
        case .int(let value): text = String(value)
        case .string(let value): text = value.lowercased()
        default: return nil
        }
        switch text {
        case "on", "true", "yes", "1": return true
        case "off", "false", "no", "0": return false
        default: return nil
        }
    }

    private func priority(_ key: String) -> Int? {
        switch values[key] {
        case .string(let text): Int(text)
        case let value?: value.int.map { Int(clamping: $0) }
        case nil: nil
        }
    }

    /// May this member become leader (HA-340)? The boolean tag wins over the priority.
    public var mayLead: Bool {
        if let nofailover = flag("nofailover") { return !nofailover }
        return (priority("failover_priority") ?? 1) > 0
    }

    /// Decides between members with equal WAL positions (HA-339); 0 for one that may not lead.
    public var failoverPriority: Int { flag("nofailover") == true ? 0 : priority("failover_priority") ?? 1 }

    /// May commits wait for this member? As with the leadership, the boolean tag wins (HA-341).
    public var maySync: Bool {
        if let nosync = flag("nosync") { return !nosync }
        return (priority("sync_priority") ?? 1) > 0
    }

    public var syncPriority: Int { flag("nosync") == true ? 0 : priority("sync_priority") ?? 1 }

    /// The same of a member that no commit shall wait for (HA-155).
    public var withoutSynchronous: Tags {
        var copy = self
        copy.values["nosync"] = true
        copy.values["sync_priority"] = 0
        return copy
    }

    public var isCloneSource: Bool { flag("clonefrom") ?? false }
    public var excludesLoadBalancing: Bool { flag("noloadbalance") ?? false }
    /// Replicates from the archive only, never over a connection (CFG-200).
    public var isArchiveOnly: Bool { flag("nostream") ?? false }
    /// The member this one wants to stream from (CFG-199).
    public var upstream: MemberName? { values["replicatefrom"]?.string.map { MemberName($0) } }

    private static let builtin: Set<String> = ["clonefrom", "nofailover", "noloadbalance", "nosync", "nostream"]

    /// What is published: false built-in tags are left out unless their priority stands beside them (CFG-202).
    public var published: JSONObject {
        JSONObject(
            values.pairs.filter { pair in
                guard Self.builtin.contains(pair.key), pair.value.isFalsy else { return true }
                if pair.key == "nofailover" { return values["failover_priority"] != nil }
                return pair.key == "nosync" && values["sync_priority"] != nil
            })
    }
}

extension JSON {
    /// Counts as "nothing" the way Patroni sees it: null, false, zero, empty.
    public var isFalsy: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .array(let value): value.isEmpty
        case .object(let value): value.isEmpty
        }
    }
}
