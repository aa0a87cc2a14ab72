// What a test reads and writes itself, past rights and faults, as an administrator or a controller would.

import Glibc
import PatroniCore
import PatroniPlatform
import Synchronization

extension KubernetesTestServer {
    private func key(_ resource: String, _ name: String, _ namespace: String?) throws -> ObjectKey {
        guard let known = Resource.named(resource) else {
            throw TestServerError(description: "no resource \(resource)")
        }
        return ObjectKey(resource: known, namespace: namespace ?? self.namespace, name: name)
    }

    /// Nil when it is not there.
    public func get(_ resource: String, _ name: String, in namespace: String? = nil) throws -> JSONObject? {
        let key = try key(resource, name, namespace)
        return core.state.withLock { $0.store.objects[key] }
    }

    /// The text of an annotation.
    public func annotation(_ annotation: String, of resource: String, _ name: String) throws -> String? {
        try get(resource, name)?["metadata"]?["annotations"]?[annotation]?.string
    }

    public func label(_ label: String, ofPod name: String) throws -> String? {
        try get("pods", name)?["metadata"]?["labels"]?[label]?.string
    }

    /// All of a kind, by name.
    public func all(_ resource: String) throws -> [JSONObject] {
        let key = try key(resource, "", nil)
        return core.state.withLock { $0.store.list(key.resource, key.namespace, Selector()) }
    }

    @discardableResult
    public func create(_ resource: String, _ object: JSONObject, in namespace: String? = nil) throws -> JSONObject {
        let key = try key(resource, "", namespace)
        return try core.change { (state) throws(StatusError) in
            try state.store.create(object, key.resource, key.namespace)
        }
    }

    /// A strategic merge patch.
    @discardableResult
    public func patch(
        _ resource: String, _ name: String, _ patch: JSON, in namespace: String? = nil
    ) throws -> JSONObject {
        let key = try key(resource, name, namespace)
        return try core.change { (state) throws(StatusError) in
            try state.store.update(key) { (old) throws(StatusError) in
                try Patching.apply(patch, .strategic, to: old)
            }
        }
    }

    /// Annotations of an object; nil removes.
    public func annotate(_ resource: String, _ name: String, _ annotations: [String: String?]) throws {
        let values = annotations.map { ($0.key, $0.value.map(JSON.string) ?? .null) }
        try patch(resource, name, ["metadata": ["annotations": .object(JSONObject(values))]])
    }

    public func delete(_ resource: String, _ name: String, in namespace: String? = nil) throws {
        let key = try key(resource, name, namespace)
        try core.change { (state) throws(StatusError) in
            let gone = try state.store.delete(key)
            if key.resource == .pods { self.core.endTokens(of: gone, &state) }
        }
    }

    /// A new version that says the same.
    public func touch(_ resource: String, _ name: String) throws {
        let key = try key(resource, name, nil)
        try core.change { (state) throws(StatusError) in _ = try state.store.touch(key) }
    }

    /// Takes over a recorded object as it is, but for its version; returns the new version.
    @discardableResult
    public func load(_ resource: String, _ object: JSONObject, in namespace: String? = nil) throws -> Int {
        let key = try key(resource, "", namespace)
        return core.change { state in
            _ = state.store.load(object, key.resource, key.namespace)
            return state.store.version
        }
    }

    /// The counter of versions.
    public var version: Int { core.state.withLock { $0.store.version } }
    /// The next write gets at least this version plus one.
    public func skipVersions(to version: Int) { core.change { $0.store.skipVersions(to: version) } }

    // MARK: pods

    /// A running pod as a StatefulSet's controller and the kubelet would make it.
    public func addPod(_ name: String, address: String, labels: [String: String] = [:]) throws {
        var all: JSONObject = [
            "application": "patroni", "cluster-name": .string(cluster),
            "statefulset.kubernetes.io/pod-name": .string(name),
        ]
        for (label, value) in labels { all[label] = .string(value) }
        try create(
            "pods",
            [
                "metadata": ["name": .string(name), "generateName": .string(cluster + "-"), "labels": .object(all)],
                "spec": [
                    "containers": [["name": .string(cluster), "image": "patroni"]], "nodeName": "lab-node",
                    "hostname": .string(name), "subdomain": .string(cluster), "serviceAccountName": .string(cluster),
                ],
                "status": [
                    "phase": "Running", "hostIP": "10.77.0.200", "podIP": .string(address),
                    "podIPs": [["ip": .string(address)]],
                ],
            ])
    }

    /// As when a pod comes back with another address; the object stays.
    public func setAddress(_ address: String, ofPod name: String) throws {
        try patch("pods", name, ["status": ["podIP": .string(address), "podIPs": [["ip": .string(address)]]]])
    }

    // MARK: tokens

    /// A new token of a pod; older ones count on. With `seconds` it ends by itself.
    public func token(for pod: String, seconds: Int? = nil) throws -> String {
        guard let object = try get("pods", pod), let uid = object["metadata"]?["uid"]?.string else {
            throw TestServerError(description: "no pod \(pod)")
        }
        let identity = Identity(user: "system:serviceaccount:\(namespace):\(cluster)", pod: pod, podUID: uid)
        let end = core.time.wallTime.secondsSince1970 + Int64(seconds ?? 3607)
        let expires = seconds.map { core.time.now + .seconds($0) }
        return core.change {
            $0.tokens.issue(identity, namespace: self.namespace, expires: expires, claimedEnd: end)
        }
    }

    /// A token that may do everything.
    public func administratorToken() -> String {
        core.change {
            $0.tokens.issue(.administrator, namespace: self.namespace, expires: nil, claimedEnd: 4_000_000_000)
        }
    }

    /// From now on 401 for the pod's tokens, or for all but one of them.
    public func revokeTokens(of pod: String, but kept: String? = nil) {
        core.change { state in state.tokens.revoke { identity, token in identity.pod == pod && token != kept } }
    }

    /// Writes `token`, `ca.crt` and `namespace` as the kubelet does for a pod; returns the folder.
    @discardableResult
    public func writeServiceAccount(of pod: String, token: String? = nil) async throws -> String {
        let here = "\(folder)/\(pod)"
        let token = try token ?? self.token(for: pod)
        let script = """
            mkdir -p \(here) && cp \(authorityFile) \(here)/ca.crt && printf %s \(namespace) >\(here)/namespace \
            && printf %s \(token) >\(here)/token.new && mv \(here)/token.new \(here)/token && chmod -R a+rX \(here)
            """
        let shell = try DetachedProcess.start("/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
        await shell.waitForExit()
        return here
    }

    /// A kubeconfig with a pod's token that leads to the service, or to `address`.
    public func kubeconfig(of pod: String, address: Endpoint? = nil) throws -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: test
        clusters:
        - name: test
          cluster: {server: 'https://\(address ?? service)', certificate-authority: \(authorityFile)}
        contexts:
        - name: test
          context: {cluster: test, user: pod, namespace: \(namespace)}
        users:
        - name: pod
          user: {token: \(try token(for: pod))}
        """
    }
}
