// From raw keys to a cluster, the same for every store that keeps keys under a path.

/// One key as a store returned it.
public struct StoredKey: Sendable, Hashable {
    public var value: String
    public var version: KeyVersion
    /// Lease or session the key hangs on.
    public var session: String?

    public init(value: String, version: KeyVersion, session: String? = nil) {
        self.value = value
        self.version = version
        self.session = session
    }
}

/// The keys below a cluster's path (DCS-001 to DCS-010).
public enum ClusterKey {
    public static let initialize = "initialize"
    public static let configuration = "config"
    public static let leader = "leader"
    public static let members = "members/"
    public static let status = "status"
    public static let leaderOptime = "optime/leader"
    public static let failover = "failover"
    public static let sync = "sync"
    public static let history = "history"
    public static let failsafe = "failsafe"

    public static func member(_ name: MemberName) -> String { members + name.text }
}

extension Cluster {
    /// Reads `keys`, named relative to the cluster's path. Keys it doesn't know are passed over; malformed values end
    /// as "absent" with a complaint, so that nobody's garbage stops a cluster.
    public init(keys: [String: StoredKey]) {
        self.init()
        initialize = InitializeKey(stored: keys[ClusterKey.initialize]?.value)
        if case .invalid(let text) = initialize {
            complaints.append("initialize key holds no system identifier: \(text.prefix(40))")
        }
        if let key = keys[ClusterKey.configuration] { readConfiguration(key) }
        if let key = keys[ClusterKey.leader], !key.value.isEmpty {
            leader = Leader(name: MemberName(key.value), version: key.version, session: key.session)
        }
        if let key = keys[ClusterKey.status] {
            status = ClusterStatus(stored: key.value)
            if status == ClusterStatus(), key.value != "{}" { complaints.append("status key can't be read") }
        } else if let key = keys[ClusterKey.leaderOptime] {
            status = ClusterStatus(stored: key.value)
        }
        members = keys.compactMap { name, key in
            guard name.hasPrefix(ClusterKey.members) else { return nil }
            let member = name.dropFirst(ClusterKey.members.count)
            guard !member.isEmpty, !member.contains("/") else { return nil }
            return Member(name: MemberName(String(member)), stored: key.value)
        }.sorted { $0.name < $1.name }
        for member in members where member.connectionURL == nil {
            complaints.append("members/\(member.name) has no readable conn_url")
        }
        failover = keys[ClusterKey.failover].flatMap { FailoverRequest(stored: $0.value, version: $0.version) }
        sync = SyncState(stored: keys[ClusterKey.sync]?.value, version: keys[ClusterKey.sync]?.version)
        history = keys[ClusterKey.history].flatMap { TimelineHistory(stored: $0.value) }
        if let text = keys[ClusterKey.failsafe]?.value, let object = (try? JSON.parse(text))?.object {
            failsafe = Dictionary(
                object.pairs.compactMap { pair in pair.value.string.map { (MemberName(pair.key), $0) } },
                uniquingKeysWith: { $1 })
        }
    }

    private mutating func readConfiguration(_ key: StoredKey) {
        do throws(JSONError) {
            if let values = try StoredConfiguration.values(of: key.value) {
                configuration = StoredConfiguration(values: values, version: key.version)
            } else {
                complaints.append("config key is not a JSON object: the last good configuration stays in force")
            }
        } catch {
            complaints.append("config key is \(error): the last good configuration stays in force")
        }
    }
}
