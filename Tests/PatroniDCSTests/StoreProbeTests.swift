// What preflight learns from a store: rights, verb by verb, and the server's clock.

import KubernetesTestServer
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniDCS

@Suite("What preflight asks of a store") struct StoreProbeTests {
    private let time = SystemTime()

    private func probe(
        _ server: KubernetesTestServer, _ change: (inout KubernetesSettings) -> Void = { _ in }
    ) async throws -> StoreProbe.Rights {
        let file = "\(server.folder)/kubeconfig"
        try DurableFile.write(file, server.kubeconfig(of: "patronidemo-0"))
        var settings = KubernetesSettings(labels: [KubernetesLabel("application", "patroni")])
        settings.context = "test"
        settings.namespace = server.namespace
        change(&settings)
        let local = Endpoint(host: "127.0.0.1", port: 1)
        let configuration = AgentConfiguration(
            scope: "patronidemo", name: "patronidemo-0",
            restAPI: RestAPISettings(listen: local, connectAddress: local),
            postgres: PostgresSettings(
                listenAddresses: "", port: 1, connectAddress: local, dataDirectory: "", passfile: ""),
            store: .kubernetes(settings))
        return await StoreProbe.rights(
            configuration, time: time, by: time.now + .seconds(10), environment: ["KUBECONFIG": file])
    }

    @Test func `what the manifests grant is enough for every way to keep a cluster`() async throws {
        let server = try await KubernetesTestServer.start()
        for usesEndpoints in [false, true] {
            for leader in [KubernetesSettings.LeaderObject.auto, .lease] {
                let rights = try await probe(server) {
                    $0.usesEndpoints = usesEndpoints
                    $0.leaderObject = leader
                    $0.bypassesService = true
                }
                guard case .known(let missing, let all, let account) = rights else {
                    Issue.record("\(rights)")
                    return
                }
                #expect(missing.isEmpty, "endpoints \(usesEndpoints), \(leader): \(missing.map(\.words))")
                #expect(all.count >= 10)
                #expect(account == KubernetesAccount(namespace: server.namespace, name: server.cluster))
            }
        }
        await server.stop()
    }

    @Test func `a right that is missing is named, with the objects that grant it`() async throws {
        let server = try await KubernetesTestServer.start()
        server.take("patch", "pods")
        server.take("get", "endpoints", name: "kubernetes")
        let rights = try await probe(server) { $0.bypassesService = true }
        await server.stop()
        guard case .known(let missing, _, let account) = rights else {
            Issue.record("\(rights)")
            return
        }
        #expect(missing.map(\.words) == ["patch pods in patroni-lab", "get endpoints/kubernetes in default"])
        #expect(missing.map { $0.need == .always } == [true, false])
        let manifest = KubernetesRight.manifest(granting: missing, to: account)
        let objects = try manifest.split(separator: "---\n").map { try YAML.parse(String($0)) }
        #expect(objects.compactMap { $0["kind"]?.string } == ["Role", "RoleBinding", "Role", "RoleBinding"])
        #expect(
            objects[0]["rules"]?.text()
                == #"[{"apiGroups":[""],"resources":["pods"],"verbs":["patch"]}]"#)
        #expect(
            objects[2]["rules"]?.text()
                == #"[{"apiGroups":[""],"resources":["endpoints"],"verbs":["get"],"resourceNames":["kubernetes"]}]"#)
        #expect(
            objects[3]["subjects"]?.text()
                == #"[{"kind":"ServiceAccount","name":"patronidemo","namespace":"patroni-lab"}]"#)
        #expect(objects[2]["metadata"]?["namespace"]?.string == "default")
    }

    @Test func `who can't be asked is unknown, not refused`() async throws {
        let server = try await KubernetesTestServer.start()
        await server.stop()
        let rights = try await probe(server)
        guard case .unknown(let failure) = rights else {
            Issue.record("\(rights)")
            return
        }
        #expect(failure.kind == .unreachable)
    }

    @Test func `a date as HTTP writes it is understood`() {
        #expect(WallTime(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT")?.iso8601() == "1994-11-06T08:49:37+00:00")
        #expect(WallTime(httpDate: "Sunday, 06-Nov-94 08:49:37 GMT") == nil)
        #expect(WallTime(httpDate: "") == nil)
    }
}
