// A namespace of its own on a real API server (`make test-kubernetes`), with the rights that deploy/ grants.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Asked with curl, as the administrator whose kubeconfig `PATRONI_TEST_KUBECONFIG` names: in JSON, with certificates in it,
/// as the laboratory writes it. Nothing but the API server is needed: pods are objects that nobody runs.
final class RealKubernetes: KubernetesAPI {
    static var kubeconfig: String? { Lab.variable("PATRONI_TEST_KUBECONFIG") }
    static var isUsed: Bool { kubeconfig != nil }

    let namespace: String
    let address: String
    private let cluster: String
    private let folder: String

    var authorityFile: String { "\(folder)/ca.crt" }

    func administratorKubeconfig() async throws -> String {
        guard let file = Self.kubeconfig else { throw Missing(what: "kubeconfig") }
        return try await Shell.check("cat \(Shell.quoted(file))")
    }

    /// `cluster`: the scope, also the service account's name and the pods' label. Pods have the addresses 10.77.0.11 and on.
    init(cluster: String, pods: [String], folder: String) async throws {
        guard let file = Self.kubeconfig else { throw Missing(what: "kubeconfig") }
        self.cluster = cluster
        self.folder = "\(folder)/kubernetes"
        namespace = "t\(SystemTime().now.nanoseconds)"
        let text = try JSON.parse(try await Shell.check("cat \(Shell.quoted(file))"))
        let place = text["clusters"]?.array?.first?["cluster"]
        let user = text["users"]?.array?.first?["user"]
        guard let url = place?["server"]?.string, url.hasPrefix("https://") else { throw Missing(what: "server") }
        address = String(url.dropFirst("https://".count))
        try await Shell.check("mkdir -p \(self.folder) && chmod 755 \(self.folder)")
        for (name, data) in [
            ("ca.crt", place?["certificate-authority-data"]), ("admin.crt", user?["client-certificate-data"]),
            ("admin.key", user?["client-key-data"]),
        ] {
            guard let data = data?.string else { throw Missing(what: "\(name) in the kubeconfig") }
            let mode = name == "ca.crt" ? "644" : "600"
            try await Shell.check(
                "umask 077; echo \(data) | base64 -d >\(self.folder)/\(name); chmod \(mode) \(self.folder)/\(name)")
        }
        try await makeSurroundings()
        for (index, pod) in pods.enumerated() { try await addPod(pod, address: "10.77.0.\(11 + index)") }
    }

    /// Namespace, service account, and the Role of the plain manifests: it must suffice.
    private func makeSurroundings() async throws {
        try await create("namespaces", ["metadata": ["name": .string(namespace)]])
        try await create("serviceaccounts", ["metadata": ["name": .string(cluster)]])
        let manifests = try await Shell.check("cat \(Lab.root)/deploy/kubernetes/patroni.yaml")
        let role = try manifests.split(separator: "\n---\n").map { try YAML.parse(String($0)) }.first {
            $0["kind"]?.string == "Role" && $0["metadata"]?["namespace"] == nil
        }
        guard let rules = role?["rules"] else { throw Missing(what: "Role in the manifests") }
        try await create("roles", ["metadata": ["name": .string(cluster)], "rules": rules])
        let account: JSON = ["kind": "ServiceAccount", "name": .string(cluster), "namespace": .string(namespace)]
        try await create(
            "rolebindings",
            [
                "metadata": ["name": .string(cluster)], "subjects": [account],
                "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": .string(cluster)],
            ])
    }

    // MARK: requests

    private static let groups = [
        "leases": "coordination.k8s.io", "endpointslices": "discovery.k8s.io", "roles": "rbac.authorization.k8s.io",
        "rolebindings": "rbac.authorization.k8s.io",
    ]

    private func path(_ resource: String, _ name: String? = nil) -> String {
        let root = Self.groups[resource].map { "/apis/\($0)/v1" } ?? "/api/v1"
        let place = resource == "namespaces" ? root : "\(root)/namespaces/\(namespace)"
        return "\(place)/\(resource)" + (name.map { "/\($0)" } ?? "")
    }

    private struct Refused: Error { var request: String, answer: Answer }

    private func ask(
        _ method: String, _ path: String, _ body: JSON? = nil, type: String = "application/json",
        alsoAccepting other: Int = 200
    ) async throws -> Answer {
        let data = body.map { "-H 'Content-Type: \(type)' --data-binary @- <<<\(Shell.quoted($0.text()))" } ?? ""
        let result = try await Shell.check(
            "curl -sS -m 30 --cacert \(authorityFile) --cert \(folder)/admin.crt --key \(folder)/admin.key -X \(method)"
                + " -w '\\n%{http_code}' \(Shell.quoted("https://\(address)\(path)")) \(data)")
        let parts = result.split(separator: "\n", omittingEmptySubsequences: false)
        let answer = Answer(status: parts.last.flatMap { Int($0) } ?? 0, body: parts.dropLast().joined(separator: "\n"))
        guard (200...299).contains(answer.status) || answer.status == other else {
            throw Refused(request: "\(method) \(path)", answer: answer)
        }
        return answer
    }

    func get(_ resource: String, _ name: String) async throws -> JSONObject? {
        let answer = try await ask("GET", path(resource, name), alsoAccepting: 404)
        return answer.status == 404 ? nil : answer.json
    }

    func all(_ resource: String) async throws -> [JSONObject] {
        try await ask("GET", path(resource)).json["items"]?.array?.compactMap(\.object) ?? []
    }

    func create(_ resource: String, _ object: JSONObject) async throws {
        _ = try await ask("POST", path(resource), .object(object))
    }

    func change(_ resource: String, _ name: String, _ patch: JSON) async throws {
        let door = patch["status"] == nil ? "" : "/status"
        // A strategic merge would add to the addresses of a pod instead of replacing them.
        let type = door.isEmpty ? "application/strategic-merge-patch+json" : "application/merge-patch+json"
        _ = try await ask("PATCH", path(resource, name) + door, patch, type: type)
    }

    func remove(_ resource: String, _ name: String) async throws {
        _ = try await ask("DELETE", path(resource, name) + "?gracePeriodSeconds=0")
    }

    // MARK: pods

    func addPod(_ name: String, address: String) async throws {
        let labels: JSON = ["application": "patroni", "cluster-name": .string(cluster)]
        let metadata: JSON = ["name": .string(name), "generateName": .string(cluster + "-"), "labels": labels]
        let spec: JSON = [
            "containers": [["name": .string(cluster), "image": "patroni"]], "nodeName": "lab-node",
            "hostname": .string(name), "subdomain": .string(cluster), "serviceAccountName": .string(cluster),
            "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0,
        ]
        try await create("pods", ["metadata": metadata, "spec": spec])
        let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map { type -> JSON in
            ["type": .string(type), "status": "True"]
        }
        let status: JSON = [
            "phase": "Running", "podIP": .string(address), "podIPs": [["ip": .string(address)]],
            "hostIP": "10.77.0.200", "conditions": .array(conditions),
        ]
        try await change("pods", name, ["status": status])
    }

    func newToken(of pod: String) async throws -> String {
        guard let uid = try await get("pods", pod)?["metadata"]?["uid"]?.string else {
            throw Missing(what: "pod \(pod)")
        }
        let bound: JSON = ["kind": "Pod", "apiVersion": "v1", "name": .string(pod), "uid": .string(uid)]
        let answer = try await ask(
            "POST", path("serviceaccounts", cluster) + "/token",
            [
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": ["expirationSeconds": 7200, "boundObjectRef": bound],
            ])
        guard let token = answer.json["status"]?["token"]?.string else { throw Missing(what: "token of \(pod)") }
        return token
    }

    func tokenFile(of pod: String) async throws -> String {
        let file = "\(folder)/\(pod).token"
        try await Shell.check("printf %s \(try await newToken(of: pod)) >\(file).new && mv \(file).new \(file)")
        return file
    }

    /// What is in it goes by controllers that a laboratory lacks; the laboratory goes as a whole.
    func stop() async { try? await remove("namespaces", namespace) }
}
