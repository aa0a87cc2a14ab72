// Where the leader's Service points: the subsets of its Endpoints (DCS-166), or EndpointSlices beside a Lease. Pure.

import PatroniConfiguration
import PatroniCore

/// The leader as an endpoint.
struct EndpointSubsets: Sendable {
    var namespace: String
    var name: String
    var ip: String
    var ports: [KubernetesSettings.Port]
    /// Our pod, when we know it.
    var pod: KubernetesObject?

    /// What to write over `current`; nil when it says the right thing already.
    func patch(over current: JSON?) -> JSON? {
        if isRight(current) { return nil }
        var address: JSONObject = ["ip": .string(ip)]
        if let pod {
            address["hostname"] = pod.hostname.map(JSON.string)
            address["nodeName"] = pod.nodeName.map(JSON.string)
            address["targetRef"] = targetRef(pod, in: current)
        }
        return [["addresses": [.object(address)], "ports": .array(ports.map { .object(Self.json($0)) })]]
    }

    /// One subset, one address, the same ports.
    private func isRight(_ current: JSON?) -> Bool {
        guard let subset = current?.array?.first, current?.array?.count == 1,
            let addresses = subset["addresses"]?.array, addresses.count == 1, addresses[0]["ip"]?.string == ip,
            let found = subset["ports"]?.array, found.count == ports.count
        else { return false }
        if ports.count == 1 { return Self.isSame(found[0], ports[0]) }
        return ports.allSatisfy { port in found.contains { Self.isSame($0, port) } }
    }

    private static func isSame(_ found: JSON, _ port: KubernetesSettings.Port) -> Bool {
        found["port"]?.int == Int64(port.port) && found["name"]?.string == port.name
            && (found["protocol"]?.string ?? "TCP") == (port.protocolName ?? "TCP")
    }

    /// A reference to our pod that stands there already is kept: its version need not follow every change of the pod.
    private func targetRef(_ pod: KubernetesObject, in current: JSON?) -> JSON {
        for subset in current?.array ?? [] {
            for address in subset["addresses"]?.array ?? []
            where address["ip"]?.string == ip && address["targetRef"]?["name"]?.string == name {
                return address["targetRef"] ?? .null
            }
        }
        return [
            "kind": "Pod", "uid": JSON(pod.uid), "namespace": .string(namespace),
            "name": .string(name), "resourceVersion": .string(pod.version.text),
        ]
    }

    static func json(_ port: KubernetesSettings.Port) -> JSONObject {
        var out: JSONObject = ["port": .int(Int64(port.port))]
        out["name"] = port.name.map(JSON.string)
        out["protocol"] = port.protocolName.map(JSON.string)
        return out
    }
}
