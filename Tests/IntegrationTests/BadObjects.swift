// Objects in Kubernetes that are not as they should be: malformed, somebody else's, another cluster's.

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Bad objects in Kubernetes", .serialized) struct BadObjects {
        @Test func `malformed annotations and foreign objects do a running cluster no harm`() async throws {
            try await TestCluster.withKubernetes(InKubernetes.Lock.configmaps.options) { cluster, api in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                let scope = cluster.scope
                let labels: JSON = ["application": "patroni", "cluster-name": .string(scope)]
                let foreign: JSONObject = [
                    "metadata": [
                        "name": "somebody-elses", "labels": labels,
                        "annotations": ["leader": "nobody", "config": "{\"ttl\":1}", "initialize": "12345"],
                    ]
                ]
                try await api.create("configmaps", foreign)
                try await api.addPod("not-a-member", address: "10.77.0.77")
                try await api.annotate("pods", "not-a-member", ["status": "{\"conn_url\": 5, [nonsense"])
                let found = try #require(try await api.get("configmaps", "somebody-elses"))
                let replica = try #require(try await cluster.replicas().first)
                for text in ["", "{", "[]", "\"text\"", "{\"conn_url\":7}", "null"] {
                    try await api.annotate("pods", replica.name, ["status": text])
                    try await Task.sleep(for: .milliseconds(300))
                }
                try await api.create(
                    "configmaps", ["metadata": ["name": .string("\(scope)-failover"), "labels": labels]])
                for text in ["{", "[1,2", "17"] {
                    try await api.annotate("configmaps", "\(scope)-config", ["history": text])
                    try await api.annotate("configmaps", "\(scope)-failover", ["leader": nil, "scheduled_at": text])
                    try await api.annotate(
                        "configmaps", "\(scope)-leader", ["slots": text, "retain_slots": text, "optime": text])
                    try await Task.sleep(for: .seconds(3))
                }
                try await cluster.becomeHealthy()
                #expect(try await cluster.waitForLeader() === leader)
                #expect(try await leader.timeline() == timeline)
                #expect(try await api.get("configmaps", "somebody-elses") == found, "it is not ours to write")
                for member in cluster.members { #expect(member.isAgentRunning) }
                #expect(try await leader.control("list \(scope)").output.contains(leader.name))
            }
        }

        @Test func `a malformed configuration annotation does no harm and the leader restores the last good one`()
            async throws
        {
            try await TestCluster.withKubernetes(InKubernetes.Lock.configmaps.options) { cluster, api in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                let name = "\(cluster.scope)-config"
                let good = try JSON.parse(try #require(try await api.annotation("config", of: "configmaps", name)))
                try await api.annotate("configmaps", name, ["config": "{\"ttl\": "])
                try await eventually("the last good configuration is back") {
                    try JSON.parse(try await api.annotation("config", of: "configmaps", name) ?? "") == good
                        ? true : nil
                }
                #expect(try await cluster.waitForLeader() === leader)
                #expect(try await leader.timeline() == timeline)
            }
        }

        @Test func `data of another cluster are refused with a clear word and nothing is overwritten`() async throws {
            let lab = try await Lab.shared.value
            let options = InKubernetes.Lock.endpoints.options
            try await TestCluster.withKubernetes(options, members: [lab.ours]) { cluster, api in
                let member = cluster.members[0]
                try await member.stop()
                let name = "\(cluster.scope)-config"
                let own = try #require(try await api.annotation("initialize", of: "endpoints", name))
                try await api.annotate("endpoints", name, ["initialize": "7000000000000000001"])
                let before = try await api.get("endpoints", name)
                let leader = try await api.get("endpoints", cluster.scope)
                try member.start()
                try await eventually("it says whose data these are") {
                    let log = await member.agent?.log ?? ""
                    return log.contains("system ID mismatch") && log.contains(own)
                        && log.contains("7000000000000000001")
                        ? true : nil
                }
                try await Task.sleep(for: .seconds(5))
                #expect(try await api.get("endpoints", name) == before)
                #expect(try await api.get("endpoints", cluster.scope) == leader)
                #expect(await !member.isWritable)
                try await api.annotate("endpoints", name, ["initialize": .some(own)])
                if !member.isAgentRunning { try member.start() }
                try await cluster.waitForLeader(within: .seconds(60))
            }
        }
    }
}
