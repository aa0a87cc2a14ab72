// Whole clusters with Kubernetes as their store: from bootstrap through switchover and failover, labels and addresses.

import Glibc
import KubernetesTestServer
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("In Kubernetes", .serialized) struct InKubernetes {
        /// What holds the lock, and the object that it is.
        enum Lock: String, CaseIterable, CustomTestStringConvertible {
            case configmaps, endpoints, lease
            var testDescription: String { rawValue }

            var options: ClusterOptions {
                var options = ClusterOptions()
                switch self {
                case .configmaps: options.kubernetes = ["use_endpoints: false"]
                case .endpoints: options.kubernetes = ["use_endpoints: true"]
                case .lease: options.kubernetes = ["leader_object: lease"]
                }
                return options
            }

            func holder(_ api: any KubernetesAPI, scope: String) async throws -> String? {
                switch self {
                case .configmaps: try await api.annotation("leader", of: "configmaps", "\(scope)-leader")
                case .endpoints: try await api.annotation("leader", of: "endpoints", scope)
                case .lease:
                    try await api.all("leases").compactMap { $0["spec"]?["holderIdentity"]?.string }.first
                }
            }
        }

        @Test(arguments: Lock.allCases)
        func `a cluster is born, hands over, loses its leader's node and gets it back`(_ lock: Lock) async throws {
            try await TestCluster.withKubernetes(lock.options) { cluster, api in
                let first = try await cluster.waitForLeader()
                #expect(try await lock.holder(api, scope: cluster.scope) == first.name)
                try await cluster.waitForLabels(leader: first)
                try await first.sql("CREATE TABLE rows (t text)")

                let candidate = try #require(cluster.members.first { $0 !== first })
                let done = try await first.control(
                    "switchover \(cluster.scope) --candidate \(candidate.name) --force")
                #expect(done.output.contains("Successfully switched over to \"\(candidate.name)\""), "\(done)")
                #expect(try await cluster.waitForLeader(otherThan: first) === candidate)
                #expect(try await lock.holder(api, scope: cluster.scope) == candidate.name)
                try await cluster.becomeHealthy()
                try await cluster.waitForLabels(leader: candidate)
                try await cluster.write("INSERT INTO rows VALUES ('before')")

                try await candidate.killNode()
                let heir = try await cluster.waitForLeader(otherThan: candidate, within: .seconds(50))
                #expect(try await lock.holder(api, scope: cluster.scope) == heir.name)
                // The dead can't take the label off themselves: Services would lead to them.
                try await eventually("only \(heir.name) is labelled as the leader") {
                    let labels = try await cluster.roleLabels()
                    return labels.filter { $0.value == "primary" }.keys.sorted() == [heir.name] ? true : nil
                }
                try await cluster.expectRoute(to: heir, lock)
                try await cluster.becomeHealthy()
                try await cluster.waitForLabels(leader: heir)
                #expect(try await heir.sql("SELECT string_agg(t, ',') FROM rows") == "before")
            }
        }

        @Test(arguments: [Lock.configmaps, .endpoints])
        func `beside real Patroni leadership goes both ways`(_ lock: Lock) async throws {
            let lab = try await Lab.shared.value
            let python = try await lab.realPatroni()
            try await TestCluster.withKubernetes(lock.options, members: [lab.ours, python, lab.ours]) { cluster, api in
                let (ours, theirs) = (cluster.members[0], cluster.members[1])
                #expect(try await cluster.waitForLeader() === ours)
                try await cluster.waitForLabels(leader: ours)
                let scope = cluster.scope
                let there = try await theirs.control("switchover \(scope) --candidate \(theirs.name) --force")
                #expect(there.output.contains("Successfully switched over to \"\(theirs.name)\""), "\(there)")
                #expect(try await cluster.waitForLeader(otherThan: ours) === theirs)
                try await cluster.becomeHealthy()
                try await cluster.waitForLabels(leader: theirs)
                #expect(try await lock.holder(api, scope: scope) == theirs.name)
                let back = try await ours.control("switchover \(scope) --candidate \(ours.name) --force")
                #expect(back.output.contains("Successfully switched over to \"\(ours.name)\""), "\(back)")
                #expect(try await cluster.waitForLeader(otherThan: theirs) === ours)
                try await cluster.becomeHealthy()
                try await cluster.waitForLabels(leader: ours)
                try await BesideRealPatroni.compareLists(cluster, ours: lab.ours, python: python)
            }
        }

        @Test func `a pod's new address is where the leader's endpoint leads to`() async throws {
            try await TestCluster.withKubernetes(Lock.endpoints.options) { cluster, api in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                try await cluster.expectRoute(to: leader, .endpoints)
                try await api.setAddress("10.77.0.99", ofPod: leader.name)
                try await eventually("the endpoint leads to the new address") {
                    try await cluster.endpointAddress() == "10.77.0.99" ? true : nil
                }
                #expect(try await cluster.waitForLeader() === leader)
                #expect(try await leader.timeline() == timeline)
            }
        }

        @Test(.disabled(if: RealKubernetes.isUsed, "no real API server ends a token at once"))
        func `tokens are exchanged while the cluster runs`() async throws {
            try await TestCluster.withTestAPI(Lock.configmaps.options) { cluster, api in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                let writer = try await SteadyWriter(leader)
                // As the kubelet does: the new token is there well before the old one ends. A minute is how long a
                // member may go on with what it has read.
                var tokens: [String: String] = [:]
                for member in cluster.members {
                    let token = try api.token(for: member.name)
                    tokens[member.name] = token
                    try await api.writeServiceAccount(of: member.name, token: token)
                }
                try await Task.sleep(for: .seconds(65))
                for (name, token) in tokens { api.revokeTokens(of: name, but: token) }
                let last = api.lastRequest
                try await Task.sleep(for: .seconds(15))
                let later = api.requests(after: last)
                #expect(!later.isEmpty)
                #expect(later.filter { $0.status == 401 }.isEmpty)
                let result = await writer.stop()
                #expect(result.failures == 0, "\(result)")
                #expect(try await leader.timeline() == timeline)
            }
        }
    }
}
