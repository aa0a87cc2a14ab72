// The faults that tests of the store and of whole clusters rely on do what they say.

import KubernetesTestServer
import PatroniCore
import PatroniHTTP
import Testing

@Suite("A test API server that fails") struct FaultTests {
    private let leader = "/api/v1/namespaces/patroni-lab/configmaps/demo-leader"

    private func start(nodes: Int = 1) async throws -> (KubernetesTestServer, TestClient) {
        var options = KubernetesTestOptions()
        options.nodes = nodes
        let server = try await KubernetesTestServer.start(options)
        try server.create("configmaps", ["metadata": ["name": "demo-leader", "annotations": ["leader": "nobody"]]])
        let client = try TestClient(
            server.service, authority: server.authorityFile, token: try server.token(for: "patronidemo-0"))
        return (server, client)
    }

    private func patch(_ value: String) -> JSON { ["metadata": ["annotations": ["leader": .string(value)]]] }

    private func holder(_ server: KubernetesTestServer) throws -> String? {
        try server.annotation("leader", of: "configmaps", "demo-leader")
    }

    @Test func `a lost answer has landed, a refused one has not`() async throws {
        let (server, client) = try await start()
        let lost = server.add(.loseAnswer, on: .patch("configmaps"), times: 1)
        await #expect(throws: HTTPFailure.self) { _ = try await client.ask(.patch, leader, patch("a")) }
        #expect(try holder(server) == "a")
        #expect(server.timesMet(lost) == 1)
        server.add(.carryOutAndSay(status: 504), on: .patch("configmaps"), times: 1)
        #expect(try await client.ask(.patch, leader, patch("b")).status == 504)
        #expect(try holder(server) == "b")
        server.add(.refuse(status: 503, retryAfter: 2), on: .patch("configmaps"), times: 1)
        let refused = try await client.ask(.patch, leader, patch("c"))
        #expect(refused.status == 503)
        #expect(refused.header("retry-after") == "2")
        server.add(.reset, on: .patch("configmaps"), times: 1)
        await #expect(throws: HTTPFailure.self) { _ = try await client.ask(.patch, leader, patch("c")) }
        server.add(.carryOutInSilence, on: .patch("configmaps"), times: 1)
        await #expect(throws: HTTPFailure.self) { _ = try await client.ask(.patch, leader, patch("d"), seconds: 1) }
        #expect(try holder(server) == "d")
    }

    @Test func `somebody else's change in between makes a true conflict`() async throws {
        let (server, client) = try await start()
        let seen = try #require(try server.get("configmaps", "demo-leader")?["metadata"]?["resourceVersion"])
        server.add(.changedBefore(patch("other")), on: .patch("configmaps"), times: 1)
        let body: JSON = ["metadata": ["annotations": ["leader": "me"], "resourceVersion": seen]]
        #expect(try await client.ask(.patch, leader, body).status == 409)
        #expect(try holder(server) == "other")
    }

    @Test func `a killed API server resets, a frozen one is silent, the other serves on`() async throws {
        let (server, _) = try await start(nodes: 2)
        let token = try server.token(for: "patronidemo-0")
        let first = try TestClient(server.nodes[0], authority: server.authorityFile, token: token)
        let second = try TestClient(server.nodes[1], authority: server.authorityFile, token: token)
        let watch = try await first.watch("/api/v1/namespaces/patroni-lab/configmaps?watch=true")
        await watch.waitForEvents(1)
        await server.freeze(node: 0)
        await #expect(throws: HTTPFailure.self) { _ = try await first.ask(.get, leader, seconds: 1) }
        #expect(try await second.ask(.patch, leader, patch("a")).status == 200)
        #expect(watch.events.count == 1)
        await server.thaw(node: 0)
        await watch.waitForEvents(2)
        #expect(watch.events.count == 2)
        await server.kill(node: 0)
        #expect(await watch.waitForEnd() == .lost)
        await #expect(throws: HTTPFailure.self) { _ = try await first.ask(.get, leader, seconds: 2) }
        #expect(try await second.ask(.get, leader).status == 200)
        try await server.restart(node: 0)
        #expect(try await first.ask(.get, leader).status == 200)
    }

    @Test func `the service leads only to the API servers that are listed`() async throws {
        let (server, client) = try await start(nodes: 2)
        await server.kill(node: 1)
        server.list([0])
        for _ in 1...4 { #expect(try await client.ask(.get, leader).status == 200) }
        let listed = try await client.ask(.get, "/api/v1/namespaces/default/endpoints/kubernetes")
        #expect(try JSON.parse(listed.body)["subsets"]?.array?.first?["addresses"] == [["ip": "127.0.0.2"]])
        let slice = try await client.ask(
            .get, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        #expect(try JSON.parse(slice.body)["endpoints"]?.array?.first?["addresses"] == ["127.0.0.2"])
    }

    @Test func `rights are taken from one pod or from all, and given back`() async throws {
        let (server, client) = try await start()
        let other = try TestClient(
            server.service, authority: server.authorityFile, token: try server.token(for: "patronidemo-1"))
        server.take("patch", "configmaps", from: "patronidemo-0")
        #expect(try await client.ask(.patch, leader, patch("a")).status == 403)
        #expect(try await client.ask(.get, leader).status == 200)
        #expect(try await other.ask(.patch, leader, patch("b")).status == 200)
        let review: JSON = [
            "spec": ["resourceAttributes": ["verb": "patch", "resource": "configmaps", "namespace": "patroni-lab"]]
        ]
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        #expect(try JSON.parse(try await client.ask(.post, path, review).body)["status"]?["allowed"] == false)
        #expect(try JSON.parse(try await other.ask(.post, path, review).body)["status"]?["allowed"] == true)
        server.giveBack()
        #expect(try await client.ask(.patch, leader, patch("c")).status == 200)
    }

    @Test func `a revoked token and one whose time is over are nobody's`() async throws {
        let (server, client) = try await start()
        var short = client
        short.token = try server.token(for: "patronidemo-0", seconds: 1)
        #expect(try await short.ask(.get, leader).status == 200)
        server.revokeTokens(of: "patronidemo-0", but: short.token)
        #expect(try await client.ask(.get, leader).status == 401)
        try await Task.sleep(for: .milliseconds(1100))
        #expect(try await short.ask(.get, leader).status == 401)
    }

    @Test func `a watch gets bookmarks when it asked, and 410 when the past is forgotten`() async throws {
        let (server, client) = try await start()
        let watches = "/api/v1/namespaces/patroni-lab/configmaps?watch=true"
        let plain = try await client.watch(watches)
        let marked = try await client.watch(watches + "&allowWatchBookmarks=true")
        await plain.waitForEvents(1)
        await marked.waitForEvents(1)
        server.sendBookmarks()
        await marked.waitForEvents(2)
        #expect(marked.events.last?["type"] == "BOOKMARK")
        #expect(marked.events.last?["object"]?["metadata"]?["resourceVersion"] == .string(String(server.version)))
        server.compact()
        let late = try await client.watch(watches + "&resourceVersion=5")
        #expect(await late.waitForEnd() == .proper)
        #expect(late.events.last?["object"]?["code"] == 410)
        let exact = try await client.ask(
            .get, "/api/v1/namespaces/patroni-lab/configmaps?resourceVersion=5&resourceVersionMatch=Exact")
        #expect(exact.status == 410)
        server.expireWatches()
        #expect(await plain.waitForEnd() == .proper)
        #expect(plain.events.last?["type"] == "ERROR")
    }

    @Test func `a lagging API server keeps its watches waiting, not its reads`() async throws {
        let (server, client) = try await start()
        let watch = try await client.watch("/api/v1/namespaces/patroni-lab/configmaps?watch=true")
        await watch.waitForEvents(1)
        server.holdWatches(node: 0)
        #expect(try await client.ask(.patch, leader, patch("a")).status == 200)
        await watch.waitForEvents(2, seconds: 0)
        #expect(watch.events.count == 1)
        server.letWatchesGo(node: 0)
        await watch.waitForEvents(2)
        #expect(watch.events.count == 2)
    }

    @Test func `with its store away it fails, and lists from memory`() async throws {
        let (server, client) = try await start()
        server.setOutage(.answers(status: 500))
        #expect(try await client.ask(.get, leader).status == 500)
        #expect(try await client.ask(.patch, leader, patch("a")).status == 500)
        let list = "/api/v1/namespaces/patroni-lab/configmaps?resourceVersion=0"
        #expect(try await client.ask(.get, list).status == 200)
        server.setOutage(.none)
        #expect(try await client.ask(.patch, leader, patch("a")).status == 200)
    }
}
