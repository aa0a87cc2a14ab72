// The store in Kubernetes when the API server does what API servers do: lose answers, refuse, move, forget.

import KubernetesTestServer
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite(.enabled(if: !KubernetesBench.isReal, "faults need the test server")) struct KubernetesFaultTests {
    private func leading(_ kind: StoreKind = .configMaps) async throws -> (
        StoreBench, KubernetesTestServer, any ConfigurationStore
    ) {
        let bench = try await StoreBench(kind)
        let server = try #require(bench.kubernetes?.server)
        let a = try await bench.store("a", ttl: .seconds(20))
        _ = try await a.readCluster(by: bench.soon())
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        return (bench, server, a)
    }

    @Test(arguments: [Fault.loseAnswer, .carryOutAndSay(status: 504), .throttle(), .reset, .refuse(status: 503)])
    func aRenewalWhoseAnswerIsLostIsTriedAgainAndHolds(fault: Fault) async throws {
        let (bench, server, a) = try await leading()
        let met = server.add(fault, on: .patch("configmaps", "\(bench.scope)-leader"), times: 1)
        #expect(await a.renewLeader(by: bench.soon()) == .held)
        #expect(server.timesMet(met) == 1)
        await a.close()
    }

    /// As Patroni's: the lock and the report in one PATCH.
    @Test(arguments: [
        (StoreKind.configMaps, ["configmaps"]), (.endpoints, ["endpoints"]), (.lease, ["leases"]),
        (.leaseAndEndpoints, ["endpoints", "leases"]),
    ]) func aLeadersLoopIsOneWriteOfEachLock(kind: StoreKind, locks: [String]) async throws {
        let (bench, server, a) = try await leading(kind)
        await bench.pause(0.5)
        for number in 5..<8 {
            let before = server.lastRequest
            let status = ClusterStatus(position: LSN(number: Int64(number)), retainedSlots: ["b"])
            #expect(await a.renewLeader(reporting: status, by: bench.soon()) == .held)
            #expect(await a.writeStatus(status, by: bench.soon()).isWritten)
            let writes = server.requests(RequestPattern(method: "PATCH"), after: before)
            #expect(writes.compactMap(\.resource) == locks, "\(writes)")
            #expect(writes.allSatisfy { $0.body.contains("renewTime") && $0.body.contains("\"optime\":\"\(number)\"") })
        }
        await a.close()
    }

    @Test func aReportWhoseAnswerIsLostIsTakenForOurs() async throws {
        let (bench, server, a) = try await leading()
        server.add(.loseAnswer, on: .patch("configmaps", "\(bench.scope)-leader"), times: 1)
        #expect(await a.renewLeader(reporting: ClusterStatus(position: LSN(number: 9)), by: bench.soon()) == .held)
        #expect(try server.annotation("optime", of: "configmaps", "\(bench.scope)-leader") == "9")
        await a.close()
    }

    @Test func aForeignWriteBesideOursCostsNothingAndAnotherLeaderIsBelieved() async throws {
        let (bench, server, a) = try await leading(.endpoints)
        let touch: JSON = ["metadata": ["annotations": ["somebody": "was here"]]]
        server.add(.changedBefore(touch), on: .patch("endpoints", bench.scope), times: 1)
        #expect(await a.renewLeader(by: bench.soon()) == .held)
        let other: JSON = ["metadata": ["annotations": ["leader": "b", "renewTime": "now"]]]
        server.add(.changedBefore(other), on: .patch("endpoints", bench.scope), times: 1)
        #expect(await a.renewLeader(by: bench.soon()) == .lostTo("b"))
        #expect(await a.writeStatus(ClusterStatus(position: LSN(number: 9)), by: bench.soon()) == .conflict)
        #expect(try server.annotation("leader", of: "endpoints", bench.scope) == "b")
        await a.close()
    }

    @Test func rightsTakenAwayAreNoAnswerAndRightsGivenBackAreUsed() async throws {
        let (bench, server, a) = try await leading()
        server.take("patch", "configmaps")
        let outcome = await a.renewLeader(by: bench.soon(1))
        if case .unknown(let failure) = outcome {
            #expect(failure.kind == .denied)
            #expect(failure.explanation.contains("configmaps"))
        } else {
            Issue.record("\(outcome)")
        }
        server.giveBack()
        #expect(await a.renewLeader(by: bench.soon()) == .held)
        await a.close()
    }

    @Test func aLostHistoryIsReadAnew() async throws {
        let (bench, server, a) = try await leading()
        let b = try await bench.store("b", ttl: .seconds(20))
        #expect(try await b.readCluster(by: bench.soon()).leader?.name == "a")
        let news = NewsReader(b)
        await bench.pause(0.3)
        server.compact()
        server.expireWatches()
        #expect(await news.heard(.missedSome, within: 5))
        _ = await a.writeFailover(FailoverRequest(leader: "a", candidate: nil), ifVersion: nil, by: bench.soon())
        #expect(await news.heard(.failover, within: 5))
        await a.close()
        await b.close()
    }

    @Test func theLeaderTakesItsLabelOffAPodThatDoesNotLead() async throws {
        let (bench, server, a) = try await leading()
        try server.addPod("dead", address: "10.77.0.12", labels: ["role": "primary"])
        for _ in 0..<50 where try server.label("role", ofPod: "dead") != nil {
            _ = try await a.readCluster(by: bench.soon())
            _ = await a.publishMember(["state": "running", "role": "primary"], by: bench.soon())
            await bench.pause(0.1)
        }
        #expect(try server.label("role", ofPod: "dead") == nil)
        #expect(try server.label("role", ofPod: "a") == "primary")
        await a.close()
    }

    @Test func foreignObjectsWithOurLabelsAreLeftAloneAndNotRead() async throws {
        let (bench, server, a) = try await leading()
        let labels: JSON = ["application": "patroni", "cluster-name": .string(bench.scope)]
        let annotations: JSON = ["leader": "x", "config": "{}", "status": "{}"]
        let foreign: JSONObject = [
            "metadata": ["name": "foreign", "labels": labels, "annotations": annotations]
        ]
        try server.create("configmaps", foreign)
        await bench.pause(0.3)
        let cluster = try await a.readCluster(by: bench.soon())
        #expect(cluster.leader?.name == "a")
        #expect(cluster.configuration == nil)
        #expect(cluster.members.isEmpty)
        #expect(try server.get("configmaps", "foreign")?["metadata"]?["annotations"] == annotations)
        await a.close()
    }

    @Test func whatIsSentIsWhatPatroniSends() async throws {
        let (bench, server, a) = try await leading(.endpoints)
        #expect(await a.writeStatus(ClusterStatus(position: LSN(number: 7)), by: bench.soon()).isWritten)
        let sent = try #require(server.requests(.patch("endpoints", bench.scope)).last)
        let body = try JSON.parse(sent.body)
        let annotations = try #require(body["metadata"]?["annotations"]?.object)
        #expect(annotations.keys == ["leader", "ttl", "renewTime", "acquireTime", "transitions", "optime"])
        #expect(annotations["optime"] == "7")
        #expect(annotations["ttl"] == "20")
        #expect(body["metadata"]?.object?.keys == ["namespace", "name", "labels", "annotations", "resourceVersion"])
        // The first write named the address; the second had no reason to.
        #expect(body["subsets"] == nil)
        let stored = try server.get("endpoints", bench.scope)
        #expect(stored?["subsets"]?.array?.first?["addresses"]?.array?.first?["ip"] == "10.77.0.11")
        #expect(await a.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(try server.get("endpoints", bench.scope)?["subsets"]?.array?.isEmpty ?? true)
        await a.close()
    }

    @Test func aLeaseLeadsItsServiceToTheLeader() async throws {
        let (bench, server, a) = try await leading(.lease)
        let slice = "\(bench.scope)-leader-ipv4"
        for _ in 0..<50 where try server.get("endpointslices", slice) == nil { await bench.pause(0.1) }
        let found = try #require(try server.get("endpointslices", slice))
        #expect(found["endpoints"]?.array?.first?["addresses"] == ["10.77.0.11"])
        #expect(found["metadata"]?["labels"]?["kubernetes.io/service-name"] == .string(bench.scope))
        let lease = try #require(try server.get("leases", "\(bench.scope)-leader"))
        #expect(lease["spec"]?["holderIdentity"] == "a")
        #expect(await a.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(try server.get("endpointslices", slice)?["endpoints"]?.array?.isEmpty ?? true)
        await a.close()
    }

    /// A member that follows renews nothing, so nothing tells it that its slices lead elsewhere.
    @Test func whoLeadsAgainLeadsTheServiceBackToItself() async throws {
        let (bench, server, a) = try await leading(.lease)
        let slice = "\(bench.scope)-leader-ipv4"
        func address() throws -> JSON? {
            try server.get("endpointslices", slice)?["endpoints"]?.array?.first?["addresses"]
        }
        for _ in 0..<50 where try address() != ["10.77.0.11"] { await bench.pause(0.1) }
        #expect(try address() == ["10.77.0.11"])
        try server.patch("endpointslices", slice, ["endpoints": [["addresses": ["10.77.0.12"]]]])
        #expect(try address() == ["10.77.0.12"])
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        for _ in 0..<50 where try address() != ["10.77.0.11"] { await bench.pause(0.1) }
        #expect(try address() == ["10.77.0.11"])
        await a.close()
    }

    @Test func whoChangesOverToALeaseRespectsTheOlderLockAndIsRespectedByIt() async throws {
        let bench = try await StoreBench(.leaseAndEndpoints)
        guard case .kubernetes(var old) = bench.settings else { return }
        old.leaderObject = .auto
        old.olderLock = nil
        var new = old
        new.leaderObject = .lease
        let before = try await bench.store("old", .kubernetes(old), ttl: .seconds(20))
        let during = try await bench.store("during", ttl: .seconds(20))
        let after = try await bench.store("after", .kubernetes(new), ttl: .seconds(20))
        #expect(await before.acquireLeader(by: bench.soon()) == .held)
        #expect(await during.acquireLeader(by: bench.soon()) == .lostTo("old"))
        #expect(await before.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(await during.acquireLeader(by: bench.soon()) == .held)
        #expect(await before.acquireLeader(by: bench.soon()) == .lostTo("during"))
        #expect(await after.acquireLeader(by: bench.soon()) == .lostTo("during"))
        #expect(await during.writeStatus(ClusterStatus(position: LSN(number: 5)), by: bench.soon()).isWritten)
        for store in [before, during, after] {
            let cluster = try await store.readCluster(by: bench.soon())
            #expect(cluster.leader?.name == "during")
            #expect(cluster.status.position == LSN(number: 5))
        }
        #expect(await during.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(await after.acquireLeader(by: bench.soon()) == .held)
        #expect(await during.acquireLeader(by: bench.soon()) == .lostTo("after"))
        for store in [before, during, after] { await store.close() }
    }
}

/// As a pod: service account files, the Service's address, the servers behind it.
@Suite struct KubernetesInPodTests {
    private func inPod(
        _ server: KubernetesTestServer, _ pod: String, bypasses: Bool = false
    ) async throws -> (KubernetesStore, String) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let folder = try await server.writeServiceAccount(of: pod)
        var settings = KubernetesSettings(labels: [KubernetesLabel("application", "patroni")])
        settings.bypassesService = bypasses
        let environment = [
            "KUBERNETES_SERVICE_HOST": server.service.host, "KUBERNETES_SERVICE_PORT": "\(server.service.port)",
        ]
        let access = try KubernetesAccess.find(settings, environment: environment, directory: folder)
        #expect(access.namespace == server.namespace)
        let gateway = try KubernetesGateway(
            access: access, bypasses: bypasses, retriable: [500, 503, 504], seed: 0, time: SystemTime(), logger: logger)
        let store = KubernetesStore(
            gateway: gateway, settings: settings, scope: server.cluster, namespace: server.namespace,
            member: MemberName(pod), isControl: false, time: SystemTime(), logger: logger)
        await store.setTimings(ttl: .seconds(20), loopWait: .seconds(1), retryTimeout: .seconds(5))
        return (store, folder)
    }

    private func soon(_ seconds: Double = 5) -> Moment { SystemTime().now + .seconds(seconds) }

    @Test func aReplacedTokenIsReadAtOnceWhenTheOldOneIsRefused() async throws {
        let server = try await KubernetesTestServer.start()
        let (store, _) = try await inPod(server, "patronidemo-0")
        #expect(await store.acquireLeader(by: soon()) == .held)
        let fresh = try server.token(for: "patronidemo-0")
        try await server.writeServiceAccount(of: "patronidemo-0", token: fresh)
        server.revokeTokens(of: "patronidemo-0", but: fresh)
        #expect(await store.renewLeader(by: soon()) == .held)
        server.revokeTokens(of: "patronidemo-0")
        let outcome = await store.renewLeader(by: soon(1))
        if case .unknown(let failure) = outcome { #expect(failure.kind == .denied) } else { Issue.record("\(outcome)") }
        await store.close()
        await server.stop()
    }

    @Test func anAnswerOfTheServerThatWasLeftMeanwhileIsNoReasonToGoBack() async throws {
        var options = KubernetesTestOptions()
        options.nodes = 2
        let server = try await KubernetesTestServer.start(options)
        let (store, _) = try await inPod(server, "patronidemo-0", bypasses: true)
        let gateway = await store.gateway
        let pods = RequestPattern(method: "GET", resource: "pods")
        let fault = server.add(.delay(.milliseconds(200)), on: pods, times: 1)
        let call = KubernetesCall(path: KubernetesResource.pods.path(server.namespace))
        let deadline = soon()
        let slow = Task { try await gateway.call(call, by: deadline) }
        for _ in 0..<1000 where server.timesMet(fault) == 0 { try await Task.sleep(for: .milliseconds(2)) }
        await gateway.refreshServers(age: .zero, by: soon())
        let chosen = try #require(await gateway.servers.current.address)
        _ = try await slow.value
        #expect(await gateway.servers.current.address == chosen)
        await store.close()
        await server.stop()
    }

    @Test func whenTheAPIServerInUseDiesTheLockIsRenewedAtAnother() async throws {
        var options = KubernetesTestOptions()
        options.nodes = 2
        let server = try await KubernetesTestServer.start(options)
        let (store, _) = try await inPod(server, "patronidemo-0", bypasses: true)
        await store.gateway.refreshServers(age: .zero, by: soon())
        let current = try #require(await store.gateway.servers.current.address)
        #expect(await store.acquireLeader(by: soon()) == .held)
        _ = try await store.readCluster(by: soon())
        let number = try #require(server.nodes.firstIndex { $0.host == current })
        await server.kill(node: number)
        #expect(await store.renewLeader(by: soon()) == .held)
        #expect(await store.gateway.servers.current.address == server.nodes[1 - number].host)
        #expect(try await store.readCluster(by: soon()).leader?.name == "patronidemo-0")
        // One that is no longer listed is left.
        try await server.restart(node: number)
        server.list([number])
        await store.gateway.refreshServers(age: .zero, by: soon())
        #expect(await store.gateway.servers.current.address == current)
        #expect(await store.renewLeader(by: soon()) == .held)
        await store.close()
        await server.stop()
    }

    @Test func withoutTheRightToReadTheListTheServiceIsUsed() async throws {
        let server = try await KubernetesTestServer.start()
        server.take("get", "endpoints", name: "kubernetes")
        server.take("get", "endpointslices", name: "kubernetes")
        let (store, _) = try await inPod(server, "patronidemo-0", bypasses: true)
        await store.gateway.refreshServers(age: .zero, by: soon())
        if case .refused = await store.gateway.servers.bypass {} else { Issue.record("the refusal was not noticed") }
        #expect(await store.acquireLeader(by: soon()) == .held)
        await store.close()
        await server.stop()
    }
}
