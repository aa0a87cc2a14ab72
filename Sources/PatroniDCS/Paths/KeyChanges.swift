// From changed keys to news the agent understands.

import PatroniCore
import PatroniPorts

extension StoreChange {
    /// What it means that `key` was `before` and is `after` now; nil for what nobody waits for.
    init?(key: String, before: String?, after: String?) {
        switch key {
        case ClusterKey.leader: self = .leader(after.flatMap { $0.isEmpty ? nil : MemberName($0) })
        case ClusterKey.configuration:
            // The first configuration wakes nobody (DCS-208).
            if before == nil { return nil }
            self = .configuration
        case ClusterKey.failover: self = .failover
        case ClusterKey.sync: self = .sync
        case ClusterKey.status, ClusterKey.leaderOptime: self = .status
        case ClusterKey.initialize: self = .initialize
        default:
            guard key.hasPrefix(ClusterKey.members) else { return nil }
            self = .member(MemberName(String(key.dropFirst(ClusterKey.members.count))))
        }
    }

    /// The news between two views.
    static func between(_ before: [String: StoredKey], _ after: [String: StoredKey]) -> [StoreChange] {
        let keys = Set(before.keys).union(after.keys).sorted()
        return keys.compactMap { key in
            let (old, new) = (before[key], after[key])
            if old?.value == new?.value, old?.version == new?.version { return nil }
            return StoreChange(key: key, before: old?.value, after: new?.value)
        }
    }
}
