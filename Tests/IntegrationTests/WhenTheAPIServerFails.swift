// Clusters in Kubernetes whose API servers die, fall silent, or refuse.

import Glibc
import KubernetesTestServer
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite(
        "When the API server fails", .serialized,
        .disabled(if: RealKubernetes.isUsed, "only the test API server fails at will"))
    struct WhenTheAPIServerFails {
        /// No demotion happened while `body` ran: no write failed, the timeline is the same.
        private func unharmed(
            _ cluster: TestCluster, maximumGap: Duration = .seconds(3), _ body: (TestMember) async throws -> Void
        ) async throws {
            let leader = try await cluster.waitForLeader()
            let timeline = try await leader.timeline()
            let writer = try await SteadyWriter(leader)
            try await body(leader)
            let result = await writer.stop()
            print("\(result)")
            #expect(result.failures == 0)
            #expect(result.longestGap < maximumGap)
            #expect(try await cluster.waitForLeader() === leader)
            #expect(try await leader.timeline() == timeline)
            let log = await leader.agent?.log ?? ""
            #expect(!log.contains("demoted self"))
        }

        @Test(arguments: [true, false])
        func `one of two API servers dies in the middle of a renewal and the leader keeps its lock`(
            _ bypasses: Bool
        ) async throws {
            var options = InKubernetes.Lock.endpoints.options
            options.apiServers = 2
            options.kubernetes.append("bypass_api_service: \(bypasses)")
            try await TestCluster.withTestAPI(options) { cluster, api in
                try await unharmed(cluster) { leader in
                    // The one that got the last renewal: the next one lands there, its answer is lost, it is gone.
                    let renewals = RequestPattern(method: "PATCH", resource: "endpoints", name: cluster.scope)
                    let node = try await eventually("a renewal") { api.requests(renewals).last?.node }
                    let fault = api.add(.carryOutInSilence, on: renewals, times: 1)
                    try await eventually("a renewal without an answer", every: .milliseconds(5)) {
                        api.timesMet(fault) > 0 ? true : nil
                    }
                    await api.kill(node: node)
                    try await Task.sleep(for: .seconds(1))
                    api.list([1 - node])
                    try await Task.sleep(for: .seconds(25))
                    #expect(try await api.annotation("leader", of: "endpoints", cluster.scope) == leader.name)
                    let later = api.requests(
                        renewals, after: api.requests(renewals).last { $0.node == node }?.number ?? 0)
                    #expect(later.count > 5, "it goes on at the other one")
                }
            }
        }

        @Test func `with failsafe mode the primary takes writes while the API is silent for longer than ttl`()
            async throws
        {
            var options = InKubernetes.Lock.configmaps.options
            options.dynamic.append("failsafe_mode: true")
            try await TestCluster.withTestAPI(options) { cluster, api in
                try await eventually("the members are written down for failsafe mode") {
                    let text = try await api.annotation("failsafe", of: "configmaps", "\(cluster.scope)-leader")
                    return try JSON.parse(text ?? "").object?.count == 3 ? true : nil
                }
                try await unharmed(cluster) { leader in
                    await api.freeze(node: 0)
                    try await Task.sleep(for: .seconds(35))
                    #expect(try await leader.status(of: "/primary") == 200)
                    await api.thaw(node: 0)
                    try await cluster.becomeHealthy()
                }
            }
        }

        @Test func `without failsafe mode the primary stops before its lease ends, and comes back`() async throws {
            try await TestCluster.withTestAPI(InKubernetes.Lock.configmaps.options) { cluster, api in
                let leader = try await cluster.waitForLeader()
                let frozen = ContinuousClock.now
                await api.freeze(node: 0)
                try await eventually("no primary accepts writes", within: .seconds(25), every: .milliseconds(50)) {
                    await leader.isWritable ? nil : true
                }
                let passed = ContinuousClock.now - frozen
                print("API silent, failsafe mode off: stopped after \(passed)")
                #expect(passed < .seconds(20))
                await api.thaw(node: 0)
                try await cluster.becomeHealthy()
            }
        }

        @Test func `rights are taken away and given back`() async throws {
            try await TestCluster.withTestAPI(InKubernetes.Lock.endpoints.options) { cluster, api in
                // For a moment, as when roles are changed or an API server has just started: nothing happens.
                try await unharmed(cluster) { _ in
                    api.take()
                    try await Task.sleep(for: .seconds(2))
                    api.giveBack()
                    try await Task.sleep(for: .seconds(6))
                }
                let leader = try await cluster.waitForLeader()
                api.take("patch", "endpoints")
                try await eventually("no primary accepts writes", within: .seconds(25), every: .milliseconds(50)) {
                    await leader.isWritable ? nil : true
                }
                let log = await leader.agent?.log ?? ""
                #expect(log.contains("Permission denied") || log.contains("403"), "\(log.suffix(2000))")
                api.giveBack()
                try await cluster.becomeHealthy()
            }
        }
    }
}
