// The lock in a Lease's own fields, translated from and to the annotations that the other kinds of lock have.

import PatroniCore

/// `coordination.k8s.io/v1` LeaseSpec.
struct LeaseSpec: Sendable, Hashable {
    var annotations: [String: String] = [:]

    init(_ spec: JSON) {
        if let holder = spec["holderIdentity"]?.string, !holder.isEmpty { annotations["leader"] = holder }
        annotations["ttl"] = spec["leaseDurationSeconds"]?.int.map { String($0) }
        annotations["renewTime"] = spec["renewTime"]?.string
        annotations["acquireTime"] = spec["acquireTime"]?.string
        annotations["transitions"] = spec["leaseTransitions"]?.int.map { String($0) }
    }

    /// The lock's part of `written` as the `spec` of a patch, and the rest.
    static func split(_ written: [KubernetesAnnotation]) -> (spec: JSONObject, rest: [KubernetesAnnotation]) {
        var spec = JSONObject()
        var rest: [KubernetesAnnotation] = []
        for annotation in written {
            switch annotation.name {
            case "leader": spec["holderIdentity"] = JSON(annotation.value)
            case "ttl": spec["leaseDurationSeconds"] = annotation.value.flatMap { Int64($0) }.map(JSON.int) ?? .null
            case "renewTime": spec["renewTime"] = annotation.value.map(microTime) ?? .null
            case "acquireTime": spec["acquireTime"] = annotation.value.map(microTime) ?? .null
            case "transitions":
                spec["leaseTransitions"] = annotation.value.flatMap { Int64($0) }.map(JSON.int) ?? .null
            default: rest.append(annotation)
            }
        }
        return (spec, rest)
    }

    /// MicroTime wants six digits and knows UTC as `Z`.
    static func microTime(_ text: String) -> JSON {
        var bare = Substring(text)
        if bare.hasSuffix("+00:00") { bare = bare.dropLast(6) }
        if bare.hasSuffix("Z") { bare = bare.dropLast() }
        let fraction = bare.firstIndex(of: ".").map { bare[bare.index(after: $0)...] } ?? ""
        let whole = bare.prefix { $0 != "." }
        let digits = String(fraction.prefix(6))
        return .string("\(whole).\(digits)\(String(repeating: "0", count: 6 - digits.count))Z")
    }
}
