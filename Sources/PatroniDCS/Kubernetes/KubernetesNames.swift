// What a cluster's objects are called and how they are labelled (DCS-145 to DCS-148). Pure.

import PatroniConfiguration
import PatroniCore

/// A leader object.
struct KubernetesLock: Sendable, Hashable {
    var resource: KubernetesResource
    var name: String
}

extension KubernetesSettings.OlderLock {
    var resource: KubernetesResource {
        switch self {
        case .configmaps: .configmaps
        case .endpoints: .endpoints
        }
    }
}

/// Names and labels of one cluster, or of one Citus group of it.
struct KubernetesNames: Sendable, Hashable {
    private let base: String
    private let usesEndpoints: Bool
    private let usesLease: Bool
    private let group: Int?
    private let older: KubernetesResource?
    /// On every object we make.
    let labels: [KubernetesLabel]
    /// Finds all objects and pods of the cluster, whatever their group.
    let selector: String

    static let groupLabel = "citus-group"

    init(scope: String, settings: KubernetesSettings) {
        base = scope + (settings.group.map { "-\($0)" } ?? "")
        usesEndpoints = settings.usesEndpoints
        usesLease = settings.leaderObject == .lease
        group = settings.group
        older = settings.olderLock?.resource
        var labels = settings.labels
        if let index = labels.firstIndex(where: { $0.name == settings.scopeLabel }) {
            labels[index].value = scope
        } else {
            labels.append(KubernetesLabel(settings.scopeLabel, scope))
        }
        selector = labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        if let group = settings.group { labels.append(KubernetesLabel(Self.groupLabel, String(group))) }
        self.labels = labels
    }

    /// Where everything but the lock is kept.
    var resource: KubernetesResource { usesEndpoints ? .endpoints : .configmaps }
    /// What the lock is.
    var lockResource: KubernetesResource { usesLease ? .leases : resource }

    var lock: String { Self.lock(base, lockResource) }
    /// The lock that is held besides while members change over to leases.
    var olderLock: KubernetesLock? {
        guard usesLease, let older else { return nil }
        return KubernetesLock(resource: older, name: Self.lock(base, older))
    }
    /// The lock that everybody holds.
    var mainLock: KubernetesLock { KubernetesLock(resource: lockResource, name: lock) }

    private static func lock(_ base: String, _ resource: KubernetesResource) -> String {
        resource == .endpoints ? base : "\(base)-leader"
    }

    /// One for each family of addresses.
    func slice(_ family: String) -> String { "\(base)-leader-\(family.lowercased())" }
    var configuration: String { "\(base)-config" }
    var failover: String { "\(base)-failover" }
    var sync: String { "\(base)-sync" }
    /// The Service that clients use; EndpointSlices belong to it.
    var service: String { base }

    /// Is the object of our group?
    func isOurs(_ object: KubernetesObject) -> Bool {
        group.map { object.labels[Self.groupLabel] == String($0) } ?? true
    }

    var labelsJSON: JSON { .object(JSONObject(labels.map { ($0.name, .string($0.value)) })) }
}
