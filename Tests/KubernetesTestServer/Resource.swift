// The kinds of objects the test server keeps, and how they are named in paths and messages.

import PatroniCore

/// One resource of the API, `endpoints` or `leases.coordination.k8s.io`.
struct Resource: Sendable, Hashable {
    var group = ""
    var version = "v1"
    var plural: String
    var kind: String
    /// A PUT of what is not there makes it.
    var isMadeByPut = false
    /// A PUT without resourceVersion is taken.
    var isReplacedBlindly = true

    static let configMaps = Resource(plural: "configmaps", kind: "ConfigMap")
    static let endpoints = Resource(plural: "endpoints", kind: "Endpoints", isMadeByPut: true)
    static let pods = Resource(plural: "pods", kind: "Pod")
    static let services = Resource(plural: "services", kind: "Service", isMadeByPut: true)
    static let namespaces = Resource(plural: "namespaces", kind: "Namespace")
    static let endpointSlices = Resource(
        group: "discovery.k8s.io", plural: "endpointslices", kind: "EndpointSlice")
    static let leases = Resource(
        group: "coordination.k8s.io", plural: "leases", kind: "Lease", isMadeByPut: true, isReplacedBlindly: false)

    static let all = [configMaps, endpoints, pods, services, namespaces, endpointSlices, leases]

    static func named(_ plural: String) -> Resource? { all.first { $0.plural == plural } }

    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
    /// As messages about an object say it: `leases.coordination.k8s.io`.
    var qualified: String { group.isEmpty ? plural : "\(plural).\(group)" }
    /// As messages about an invalid object say it: `Lease.coordination.k8s.io`.
    var qualifiedKind: String { group.isEmpty ? kind : "\(kind).\(group)" }
}

/// Where one object is kept. Sorted as the real store lists them: by namespace and name.
struct ObjectKey: Sendable, Hashable, Comparable {
    var resource: Resource
    var namespace: String
    var name: String

    static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}
