// Where a standby cluster replicates from: another cluster's primary, its archive, or both.

/// `standby_cluster` of the dynamic configuration (CFG-219 to CFG-223). At least one of host, port and restore_command
/// is there (HA-221).
public struct RemoteSource: Sendable, Hashable, Codable {
    /// One host, or several separated by commas.
    public var hosts: String?
    /// One port for all hosts, or as many as there are hosts.
    public var ports: String?
    /// The slot on the remote primary; nil: none is used (HA-223).
    public var slotName: String?
    /// How members are filled, the standby leader as well as its replicas (HA-066); empty: `basebackup`.
    public var createReplicaMethods: [String] = []
    public var restoreCommand: String?
    public var archiveCleanupCommand: String?
    /// Of the standby leader only (HA-225).
    public var recoveryMinApplyDelay: String?

    /// Nil when the section makes no standby cluster.
    public init?(_ section: JSONObject) {
        func text(_ key: String) -> String? {
            switch section[key] {
            case .string(let text)? where !text.isEmpty: text
            case .int(let number)? where number != 0: String(number)
            default: nil
            }
        }
        hosts = text("host")
        ports = text("port")
        restoreCommand = text("restore_command")
        guard hosts != nil || ports != nil || restoreCommand != nil else { return nil }
        slotName = text("primary_slot_name")
        archiveCleanupCommand = text("archive_cleanup_command")
        recoveryMinApplyDelay = text("recovery_min_apply_delay")
        switch section["create_replica_methods"] {
        case .array(let methods)?: createReplicaMethods = methods.compactMap(\.string)
        case .string(let methods)?:
            createReplicaMethods = methods.split(separator: ",").map { name in
                String(name.drop(while: \.isWhitespace).prefix { !$0.isWhitespace })
            }
        default: break
        }
    }

    /// There is a server to stream from; otherwise only an archive.
    public var hasServer: Bool { hosts != nil || ports != nil }

    /// Any of several hosts may be a standby at the moment.
    public var hasSeveralHosts: Bool { hosts?.contains(",") ?? false }
}
