// Clusters in Kubernetes: the test API server, the pods, how members log in, and what their objects say.

import Glibc
import KubernetesTestServer
import PatroniCore

extension TestCluster {
    static func startAPI(_ options: ClusterOptions, count: Int) async throws -> KubernetesTestServer {
        var setup = KubernetesTestOptions()
        setup.nodes = options.apiServers
        setup.cluster = options.scope
        setup.pods = (0..<count).map { "\(options.prefix)\($0)" }
        return try await KubernetesTestServer.start(setup)
    }

    func kubernetesSection(_ options: ClusterOptions) -> String {
        """
        kubernetes:
          namespace: \(api?.namespace ?? "default")
          labels: {application: patroni}
        \(options.kubernetes.map { "  " + $0 }.joined(separator: "\n"))
        """
    }

    /// Our members read their token from a file again and again, as in a pod; real Patroni knows only the token itself,
    /// and looks for the context that is its default.
    func writeKubeconfig(of member: TestMember) async throws {
        guard let api else { return }
        let account = try await api.writeServiceAccount(of: member.name)
        let login =
            member.implementation == lab.ours
            ? "tokenFile: \(account)/token" : "token: \(try api.token(for: member.name))"
        let text = """
            apiVersion: v1
            kind: Config
            current-context: kind-kind
            clusters:
            - name: test
              cluster: {server: 'https://\(api.service)', certificate-authority: \(api.authorityFile)}
            contexts:
            - name: kind-kind
              context: {cluster: test, user: pod, namespace: \(api.namespace)}
            users:
            - name: pod
              user: {\(login)}
            """
        try await Shell.check(
            "cat > \(member.folder)/kubeconfig <<'YAML'\n\(text)\nYAML\nchmod 644 \(member.folder)/kubeconfig")
    }

    /// Starts a cluster of three in Kubernetes and ends its API server afterwards.
    static func withKubernetes(
        _ options: ClusterOptions, members: [Implementation]? = nil,
        _ body: (TestCluster, KubernetesTestServer) async throws -> Void
    ) async throws {
        let cluster = try await start(.kubernetes, members: members, options: options)
        guard let api = cluster.api else { throw Missing(what: "API server") }
        do {
            try await cluster.run { try await body($0, api) }
        } catch {
            await api.stop()
            throw error
        }
        try await Janitor.release(cluster.folder)
        await api.stop()
    }

    /// Who has which role label, by pod.
    func roleLabels() throws -> [String: String] {
        var labels: [String: String] = [:]
        for member in members { labels[member.name] = try api?.label("role", ofPod: member.name) }
        return labels
    }

    /// Waits until the leader alone bears the leader's label and all others the follower's.
    func waitForLabels(leader: TestMember, without missing: [TestMember] = []) async throws {
        let wanted = Dictionary(
            uniqueKeysWithValues: members.filter { member in !missing.contains { $0 === member } }.map {
                ($0.name, $0 === leader ? "primary" : "replica")
            })
        try await eventually("the labels are \(wanted)", within: .seconds(20)) {
            let labels = try roleLabels()
            if labels == wanted { return true }
            throw Missing(what: "such labels but \(labels)")
        }
    }

    /// The pod's address that the leader's Endpoints lead to.
    func endpointAddress() throws -> String? {
        try api?.get("endpoints", scope)?["subsets"]?.array?.first?["addresses"]?.array?.first?["ip"]?.string
    }
}
