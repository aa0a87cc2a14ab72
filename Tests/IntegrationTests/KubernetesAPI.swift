// The API that a cluster under test lives in, as its administrator sees it: the test server, or a real one.

import KubernetesTestServer
import PatroniCore

/// What tests ask and change past the members' rights. Resources are named as in paths, `configmaps` or `leases`.
protocol KubernetesAPI: Sendable {
    var namespace: String { get }
    /// `host:port` that members talk to.
    var address: String { get }
    /// The file of the certificate authority.
    var authorityFile: String { get }
    /// The administrator's kubeconfig.
    func administratorKubeconfig() async throws -> String

    /// Nil when it is not there.
    func get(_ resource: String, _ name: String) async throws -> JSONObject?
    func all(_ resource: String) async throws -> [JSONObject]
    func create(_ resource: String, _ object: JSONObject) async throws
    /// A strategic merge patch, with `status` by the door for it.
    func change(_ resource: String, _ name: String, _ patch: JSON) async throws
    func remove(_ resource: String, _ name: String) async throws

    /// A running pod as a controller and the kubelet would make it, with a label of its cluster.
    func addPod(_ name: String, address: String) async throws
    /// A new token of a pod.
    func newToken(of pod: String) async throws -> String
    /// A file with a token that is as good as new; members read it again and again.
    func tokenFile(of pod: String) async throws -> String
    func stop() async
}

extension KubernetesAPI {
    /// The text of an annotation.
    func annotation(_ annotation: String, of resource: String, _ name: String) async throws -> String? {
        try await get(resource, name)?["metadata"]?["annotations"]?[annotation]?.string
    }

    func label(_ label: String, ofPod name: String) async throws -> String? {
        try await get("pods", name)?["metadata"]?["labels"]?[label]?.string
    }

    /// Annotations of an object; nil removes.
    func annotate(_ resource: String, _ name: String, _ annotations: [String: String?]) async throws {
        let values = annotations.map { ($0.key, $0.value.map(JSON.string) ?? .null) }
        try await change(resource, name, ["metadata": ["annotations": .object(JSONObject(values))]])
    }

    func podAddress(_ name: String) async throws -> String? { try await get("pods", name)?["status"]?["podIP"]?.string }

    /// As when a pod comes back with another address; the object stays.
    func setAddress(_ address: String, ofPod name: String) async throws {
        try await change("pods", name, ["status": ["podIP": .string(address), "podIPs": [["ip": .string(address)]]]])
    }
}

extension KubernetesTestServer: KubernetesAPI {
    var address: String { "\(service)" }

    func administratorKubeconfig() async throws -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: test
        clusters:
        - {name: test, cluster: {server: 'https://\(service)', certificate-authority: \(authorityFile)}}
        contexts:
        - {name: test, context: {cluster: test, user: administrator, namespace: \(namespace)}}
        users:
        - {name: administrator, user: {token: \(administratorToken())}}
        """
    }

    func get(_ resource: String, _ name: String) async throws -> JSONObject? { try get(resource, name, in: nil) }
    func create(_ resource: String, _ object: JSONObject) async throws { try create(resource, object, in: nil) }
    func change(_ resource: String, _ name: String, _ patch: JSON) async throws {
        try self.patch(resource, name, patch, in: nil)
    }
    func remove(_ resource: String, _ name: String) async throws { try delete(resource, name, in: nil) }
    func addPod(_ name: String, address: String) async throws { try addPod(name, address: address, labels: [:]) }
    func newToken(of pod: String) async throws -> String { try token(for: pod, seconds: nil) }
    func tokenFile(of pod: String) async throws -> String { "\(try await writeServiceAccount(of: pod))/token" }
}
