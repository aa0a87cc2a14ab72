// `kubernetes`: the API server as the store (CFG-165 to CFG-180).

import PatroniCore

/// How the store in Kubernetes is configured.
public struct KubernetesSettings: Sendable, Equatable {
    /// A port of the leader's endpoint.
    public struct Port: Sendable, Equatable {
        public var name: String?
        public var port: Int
        public var protocolName: String?

        public init(name: String? = nil, port: Int = 5432, protocolName: String? = nil) {
            self.name = name
            self.port = port
            self.protocolName = protocolName
        }
    }

    /// What the lock is.
    public enum LeaderObject: String, Sendable, Equatable { case auto, lease }
    /// The lock that members hold as well while they change over to leases.
    public enum OlderLock: String, Sendable, Equatable { case configmaps, endpoints }

    /// In the order in which they are written.
    public var labels: [KubernetesLabel]
    /// Nil: the pod's own.
    public var namespace: String?
    public var context = "kind-kind"
    public var scopeLabel = "cluster-name"
    public var roleLabel = "role"
    public var leaderLabelValue = "primary"
    public var followerLabelValue = "replica"
    public var standbyLeaderLabelValue = "primary"
    public var temporaryRoleLabel: String?
    public var bootstrapLabels: [KubernetesLabel] = []
    public var usesEndpoints = false
    public var leaderObject = LeaderObject.auto
    public var olderLock: OlderLock?
    /// Nil: as the pod object says.
    public var podIP: String?
    public var ports = [Port()]
    public var bypassesService = false
    /// Nil: the service account's.
    public var authorities: String?
    public var retriableStatuses: Set<Int> = [500, 503, 504]
    /// Citus group; nil for a plain cluster.
    public var group: Int?

    public init(labels: [KubernetesLabel]) { self.labels = labels }
}

/// A label with its value.
public struct KubernetesLabel: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension KubernetesSettings {
    init(_ reader: TreeReader) throws(ConfigurationError) {
        func labels(_ path: String) -> [KubernetesLabel] {
            reader.texts(in: path).map { KubernetesLabel($0.name, $0.value) }
        }
        self.init(labels: labels("kubernetes.labels"))
        if self.labels.isEmpty {
            throw ConfigurationError(
                "kubernetes.labels is not defined: labels that this cluster's pods have and other pods have not")
        }
        func text(_ name: String) -> String? { reader.nonEmpty("kubernetes.\(name)") }
        namespace = text("namespace")
        context = text("context") ?? context
        scopeLabel = text("scope_label") ?? scopeLabel
        roleLabel = text("role_label") ?? roleLabel
        leaderLabelValue = text("leader_label_value") ?? leaderLabelValue
        followerLabelValue = text("follower_label_value") ?? followerLabelValue
        standbyLeaderLabelValue = text("standby_leader_label_value") ?? standbyLeaderLabelValue
        temporaryRoleLabel = text("tmp_role_label")
        bootstrapLabels = labels("kubernetes.bootstrap_labels")
        usesEndpoints = reader.flag("kubernetes.use_endpoints")
        leaderObject = text("leader_object").flatMap { LeaderObject(rawValue: $0.lowercased()) } ?? .auto
        olderLock = text("migrate_lock_from").flatMap { OlderLock(rawValue: $0.lowercased()) }
        podIP = text("pod_ip")
        bypassesService = reader.flag("kubernetes.bypass_api_service")
        authorities = text("cacert")
        for code in reader.list("kubernetes.retriable_http_codes") ?? [] {
            guard let number = Int(code), (400...599).contains(number) else {
                throw ConfigurationError(
                    "kubernetes.retriable_http_codes: '\(code)' is not allowed, expected numbers from 400 to 599")
            }
            retriableStatuses.insert(number)
        }
        if let value = reader.value("kubernetes.ports"), !value.isNull { ports = try Self.ports(value) }
        group = reader.tree.value("citus.group")?.int.map { Int(clamping: $0) }
    }

    private static func ports(_ value: JSON) throws(ConfigurationError) -> [Port] {
        let wanted = "kubernetes.ports: expected a list of {name: …, port: …}, the port from 1 to 65535"
        guard let list = value.array else { throw ConfigurationError(wanted) }
        var ports: [Port] = []
        for item in list {
            guard let table = item.object, let number = SettingNumber.whole(table["port"] ?? 5432),
                (1...65535).contains(number)
            else { throw ConfigurationError(wanted) }
            func text(_ key: String) -> String? {
                table[key].flatMap { $0.isNull || $0.pythonText.isEmpty ? nil : $0.pythonText }
            }
            ports.append(Port(name: text("name"), port: Int(number), protocolName: text("protocol")))
        }
        if ports.isEmpty { throw ConfigurationError(wanted) }
        return ports
    }
}
