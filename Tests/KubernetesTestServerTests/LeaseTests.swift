// Leases and endpoint slices, as kube-apiserver 1.20.2 and 1.36.2 were seen to treat them.

import KubernetesTestServer
import PatroniCore
import PatroniHTTP
import Testing

@Suite("Leases and endpoint slices") struct LeaseTests {
    private let leases = "/apis/coordination.k8s.io/v1/namespaces/patroni-lab/leases"
    private let slices = "/apis/discovery.k8s.io/v1/namespaces/patroni-lab/endpointslices"

    private func start() async throws -> (KubernetesTestServer, TestClient) {
        let server = try await KubernetesTestServer.start()
        let client = try TestClient(
            server.service, authority: server.authorityFile, token: try server.token(for: "patronidemo-0"))
        return (server, client)
    }

    private func lease(_ spec: JSON, version: String? = nil) -> JSON {
        var metadata: JSONObject = ["name": "demo"]
        metadata["resourceVersion"] = version.map(JSON.string)
        return ["metadata": .object(metadata), "spec": spec]
    }

    @Test func `a lease's times have six digits and come back in UTC`() async throws {
        let (_, client) = try await start()
        let bad = try await client.ask(.post, leases, lease(["renewTime": "2026-11-21T01:44:29Z"]))
        #expect(bad.status == 400)
        let good = try await client.ask(
            .post, leases, lease(["holderIdentity": "a", "renewTime": "2026-11-21T01:44:29.123463+00:00"]))
        #expect(good.status == 201)
        #expect(try JSON.parse(good.body)["spec"]?["renewTime"] == "2026-11-21T01:44:29.123463Z")
        let other = try await client.ask(
            .patch, "\(leases)/demo", ["spec": ["renewTime": "2026-11-21T03:44:30.500000+02:00"]])
        #expect(try JSON.parse(other.body)["spec"]?["renewTime"] == "2026-11-21T01:44:30.500000Z")
        let wrong = try await client.ask(.patch, "\(leases)/demo", ["spec": ["renewTime": "2026-11-21T01:44:30.5Z"]])
        #expect(wrong.status == 422)
    }

    @Test func `a lease is replaced only by whoever names its version`() async throws {
        let (_, client) = try await start()
        let made = try await client.ask(.put, "\(leases)/demo", lease(["holderIdentity": "a"]))
        #expect(made.status == 201)
        let version = try #require(try JSON.parse(made.body)["metadata"]?["resourceVersion"]?.string)
        let blind = try await client.ask(.put, "\(leases)/demo", lease(["holderIdentity": "b"]))
        #expect(blind.status == 422)
        #expect(
            try JSON.parse(blind.body)["message"]?.string?.contains(
                "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update") == true)
        let stale = try await client.ask(.put, "\(leases)/demo", lease(["holderIdentity": "b"], version: "3"))
        #expect(stale.status == 409)
        #expect(
            try JSON.parse(stale.body)["details"]
                == ["name": "demo", "group": "coordination.k8s.io", "kind": "leases"])
        let right = try await client.ask(.put, "\(leases)/demo", lease(["holderIdentity": ""], version: version))
        #expect(right.status == 200)
        #expect(try JSON.parse(right.body)["spec"] == ["holderIdentity": ""])
        let invalid = try await client.ask(.patch, "\(leases)/demo", ["spec": ["leaseDurationSeconds": 0]])
        #expect(invalid.status == 422)
        #expect(
            try JSON.parse(invalid.body)["message"]
                == "Lease.coordination.k8s.io \"demo\" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"
        )
    }

    @Test func `a slice keeps its family, and its ports get names and protocols`() async throws {
        let (_, client) = try await start()
        let body: JSON = [
            "metadata": ["name": "demo"], "addressType": "IPv4",
            "endpoints": [["addresses": ["10.0.0.1"], "conditions": ["ready": true]]], "ports": [["port": 5432]],
        ]
        let made = try JSON.parse(try await client.ask(.post, slices, body).body)
        #expect(made["ports"] == [["port": 5432, "protocol": "TCP", "name": ""]])
        #expect(made["metadata"]?["generation"] == 1)
        let family = try await client.ask(.patch, "\(slices)/demo", ["addressType": "IPv6"])
        #expect(family.status == 422)
        let emptied = try JSON.parse(try await client.ask(.patch, "\(slices)/demo", ["endpoints": []]).body)
        #expect(emptied["endpoints"] == .null)
        #expect(emptied["metadata"]?["generation"] == 2)
        let loopback: JSON = [
            "metadata": ["name": "x"], "addressType": "IPv4", "endpoints": [["addresses": ["127.0.0.1"]]],
        ]
        #expect(try await client.ask(.post, slices, loopback).status == 422)
    }

    @Test func `a cluster of old has no endpoint slices`() async throws {
        var options = KubernetesTestOptions()
        options.hasEndpointSlices = false
        let server = try await KubernetesTestServer.start(options)
        let client = try TestClient(
            server.service, authority: server.authorityFile, token: try server.token(for: "patronidemo-0"))
        #expect(try await client.ask(.get, slices).status == 404)
    }
}
