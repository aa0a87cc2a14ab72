// Clusters in Kubernetes: the test API server, the pods, how members log in, and what their objects say.

import Glibc
import KubernetesTestServer
import PatroniCore

extension TestCluster {
    static func startAPI(_ options: ClusterOptions, count: Int, folder: String) async throws -> any KubernetesAPI {
        let pods = (0..<count).map { "\(options.prefix)\($0)" }
        if RealKubernetes.isUsed { return try await RealKubernetes(cluster: options.scope, pods: pods, folder: folder) }
        var setup = KubernetesTestOptions()
        setup.nodes = options.apiServers
        setup.cluster = options.scope
        setup.pods = pods
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
        let login =
            member.implementation == lab.ours
            ? "tokenFile: \(try await api.tokenFile(of: member.name))"
            : "token: \(try await api.newToken(of: member.name))"
        let text = """
            apiVersion: v1
            kind: Config
            current-context: kind-kind
            clusters:
            - name: test
              cluster: {server: 'https://\(api.address)', certificate-authority: \(api.authorityFile)}
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
        _ body: (TestCluster, any KubernetesAPI) async throws -> Void
    ) async throws {
        let cluster = try await start(.kubernetes, members: members, options: options)
        guard let api = cluster.api else { throw Missing(what: "API server") }
        do { try await cluster.run { try await body($0, api) } } catch {
            await api.stop()
            throw error
        }
        try await Janitor.release(cluster.folder)
        await api.stop()
    }

    /// The same for tests that need what only the test server can do.
    static func withTestAPI(_ options: ClusterOptions, _ body: (TestCluster, KubernetesTestServer) async throws -> Void)
        async throws
    {
        try await withKubernetes(options) { cluster, api in
            guard let api = api as? KubernetesTestServer else { throw Missing(what: "test API server") }
            try await body(cluster, api)
        }
    }

    /// Restarts the members with other options one after the other, the leader last.
    func restart(with options: ClusterOptions) async throws {
        let leader = try await waitForLeader()
        for member in members.filter({ $0 !== leader }) + [leader] {
            try await member.stop()
            try await writeFiles(of: member, options)
            try await becomeHealthy()
        }
    }

    // MARK: labels

    /// Who has which role label, by pod.
    func roleLabels(_ label: String = "role") async throws -> [String: String] {
        var labels: [String: String] = [:]
        for member in members { labels[member.name] = try await api?.label(label, ofPod: member.name) }
        return labels
    }

    /// Waits until the leader alone bears the leader's label and all others the follower's.
    func waitForLabels(leader: TestMember, value: String = "primary", label: String = "role") async throws {
        let wanted = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0 === leader ? value : "replica") })
        try await eventually("the labels are \(wanted)", within: .seconds(20)) {
            let labels = try await roleLabels(label)
            if labels == wanted { return true }
            throw Missing(what: "such labels but \(labels)")
        }
    }

    // MARK: where clients are led

    /// The pod's address that the leader's Endpoints lead to.
    func endpointAddress() async throws -> String? {
        try await api?.get("endpoints", scope)?["subsets"]?.array?.first?["addresses"]?.array?.first?["ip"]?.string
    }

    /// The cluster's Service leads to this member and nowhere else, where the kind of lock has a say in it.
    func expectRoute(to member: TestMember, _ lock: IntegrationTests.InKubernetes.Lock) async throws {
        guard let address = try await api?.podAddress(member.name) else { throw Missing(what: "pod's address") }
        switch lock {
        case .configmaps: break
        case .endpoints:
            try await eventually("the Endpoints lead to \(address)") {
                try await endpointAddress() == address ? true : nil
            }
        case .lease:
            try await eventually("the EndpointSlice leads to \(member.name)") { try await slice(member, address) }
        }
    }

    /// True when there is one slice, as kube-proxy wants it: of our Service, for IPv4, with our pod alone in it.
    private func slice(_ member: TestMember, _ address: String) async throws -> Bool? {
        let slices = try await api?.all("endpointslices") ?? []
        guard let slice = slices.first, slices.count == 1 else { throw Missing(what: "single slice but \(slices)") }
        let endpoints = slice["endpoints"]?.array ?? []
        let owner = slice["metadata"]?["ownerReferences"]?.array?.first
        let isRight =
            slice["metadata"]?["name"] == .string("\(scope)-leader-ipv4") && slice["addressType"] == "IPv4"
            && slice["metadata"]?["labels"]?["kubernetes.io/service-name"] == .string(scope)
            && owner?["kind"] == "Lease" && owner?["name"] == .string("\(scope)-leader") && endpoints.count == 1
            && endpoints.first?["addresses"] == [.string(address)] && endpoints.first?["conditions"]?["ready"] == true
            && endpoints.first?["targetRef"]?["name"] == .string(member.name)
            && slice["ports"]?.array?.first?["port"] == 5432
        if isRight { return true }
        throw Missing(what: "such slice but \(JSON.object(slice).text())")
    }
}
