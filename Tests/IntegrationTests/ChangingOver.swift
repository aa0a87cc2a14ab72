// Clusters in Kubernetes that change how they are kept and labelled while they run (docs/kubernetes.md).

import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Changing over in Kubernetes", .serialized) struct ChangingOver {
        @Test(arguments: [InKubernetes.Lock.endpoints, .configmaps])
        func `from the old lock to a Lease, member by member`(_ older: InKubernetes.Lock) async throws {
            var options = older.options
            let kept = options.kubernetes
            try await TestCluster.withKubernetes(options) { cluster, api in
                let scope = cluster.scope
                try await cluster.waitForLeader().sql("CREATE TABLE rows (t text)")

                options.kubernetes = kept + ["leader_object: lease", "migrate_lock_from: \(older)"]
                try await cluster.restart(with: options)
                let second = try await cluster.waitForLeader()
                #expect(try await older.holder(api, scope: scope) == second.name)
                #expect(try await InKubernetes.Lock.lease.holder(api, scope: scope) == second.name)
                try await cluster.expectRoute(to: second, .lease)
                try await cluster.expectRoute(to: second, older)
                try await second.killNode()
                let heir = try await cluster.waitForLeader(otherThan: second, within: .seconds(50))
                #expect(try await older.holder(api, scope: scope) == heir.name)
                #expect(try await InKubernetes.Lock.lease.holder(api, scope: scope) == heir.name)
                try await cluster.becomeHealthy()

                options.kubernetes = kept + ["leader_object: lease"]
                try await cluster.restart(with: options)
                try await api.remove("\(older)", older == .endpoints ? scope : "\(scope)-leader")
                let third = try await cluster.waitForLeader()
                let candidate = try #require(try await cluster.replicas().first)
                let done = try await third.control("switchover \(scope) --candidate \(candidate.name) --force")
                #expect(done.output.contains("Successfully switched over to \"\(candidate.name)\""), "\(done)")
                #expect(try await cluster.waitForLeader(otherThan: third) === candidate)
                try await cluster.expectRoute(to: candidate, .lease)
                #expect(try await older.holder(api, scope: scope) == nil, "nobody makes the old lock again")
                try await cluster.becomeHealthy()
                try await cluster.write("INSERT INTO rows VALUES ('after')")
            }
        }

        @Test func `Services are led from the old role label to the new one without a gap`() async throws {
            var options = InKubernetes.Lock.configmaps.options
            let kept = options.kubernetes
            let old = "master"
            let older = ["leader_label_value: \(old)", "standby_leader_label_value: \(old)"]
            options.kubernetes = kept + older
            try await TestCluster.withKubernetes(options) { cluster, api in
                let services = Services(cluster: cluster, api: api)
                try await services.make()
                try await cluster.waitForLabels(leader: cluster.waitForLeader(), value: old)
                try await services.expect("role=\(old)", "role=replica")

                // Before the members are restarted it is refused, and says who is in the way.
                let early = try await services.migrate("to-temporary --temporary-label tmp_role")
                #expect(!early.succeeded)
                for member in cluster.members { #expect(early.output.contains("Not ready: \(member.name) has role=")) }
                #expect(early.errors.contains("Nothing was changed"), "\(early)")
                try await services.expect("role=\(old)", "role=replica")

                options.kubernetes = kept + older + ["tmp_role_label: tmp_role"]
                try await cluster.restart(with: options)
                try await cluster.waitForLabels(leader: cluster.waitForLeader(), label: "tmp_role")
                let dry = try await services.migrate("to-temporary --dry-run")
                #expect(dry.succeeded && dry.output.contains("Would change Service main:"), "\(dry)")
                try await services.expect("role=\(old)", "role=replica")
                let turned = try await services.migrate("to-temporary")
                #expect(turned.succeeded && turned.output.contains("Changed Service main:"), "\(turned)")
                try await services.expect("tmp_role=primary", "tmp_role=replica")

                // The command goes by the new values, the members still by the old ones: too early to turn back.
                options.kubernetes = kept + ["tmp_role_label: tmp_role"]
                let operators = try await services.configuration(options)
                let tooSoon = try await services.migrate("to-role", configuration: operators)
                #expect(!tooSoon.succeeded && tooSoon.output.contains("has role=\(old), not primary"), "\(tooSoon)")
                try await services.expect("tmp_role=primary", "tmp_role=replica")
                try await cluster.restart(with: options)
                try await services.expect("tmp_role=primary", "tmp_role=replica")
                try await cluster.waitForLabels(leader: cluster.waitForLeader())
                let back = try await services.migrate("to-role")
                #expect(back.succeeded && back.output.contains("Changed Service copies:"), "\(back)")
                try await services.expect("role=primary", "role=replica")
                #expect(try await services.migrate("to-role").output.contains("No Service is to be changed"))
            }
        }

        /// What leads clients to a cluster on ConfigMaps: a Service for the leader, one for the replicas; and one that is
        /// somebody else's.
        private struct Services {
            var cluster: TestCluster
            var api: any KubernetesAPI

            func make() async throws {
                for (name, scope, role) in [
                    ("main", cluster.scope, "master"), ("copies", cluster.scope, "replica"),
                    ("another-clusters", "another", "master"),
                ] {
                    let selector: JSON = [
                        "application": "patroni", "cluster-name": .string(scope), "role": .string(role),
                    ]
                    let port: JSON = ["port": 5432, "targetPort": 5432]
                    try await api.create(
                        "services",
                        ["metadata": ["name": .string(name)], "spec": ["selector": selector, "ports": [port]]])
                }
            }

            /// `patronictl kubernetes migrate-labels`, as an operator with the rights of one.
            func migrate(_ words: String, configuration: String? = nil) async throws -> CommandResult {
                let member = cluster.members[0]
                let file = "\(cluster.folder)/administrator"
                let text = try await api.administratorKubeconfig()
                try await Shell.check("umask 077; cat >\(file) <<'YAML'\n\(text)\nYAML")
                return try await Shell.run(
                    "KUBECONFIG=\(file) \(member.implementation.control) -c \(configuration ?? member.configurationFile)"
                        + " kubernetes migrate-labels \(words) \(cluster.scope)")
            }

            /// A configuration that no member has yet.
            func configuration(_ options: ClusterOptions) async throws -> String {
                let file = "\(cluster.folder)/operator.yml"
                let text = cluster.configuration(of: cluster.members[0], options)
                try await Shell.check("cat >\(file) <<'YAML'\n\(text)\nYAML")
                return file
            }

            /// Which labels the Services select by, and that they lead to the leader, and to all others.
            func expect(_ main: String, _ copies: String) async throws {
                let leader = try await cluster.waitForLeader()
                let others = cluster.members.filter { $0 !== leader }.map(\.name)
                for (name, wanted, members) in [("main", main, [leader.name]), ("copies", copies, others)] {
                    let selector = try #require(try await selector(name))
                    let label = wanted.split(separator: "=")
                    #expect(
                        selector
                            == ["application": "patroni", "cluster-name": cluster.scope].merging([
                                String(label[0]): String(label[1])
                            ]) { $1 })
                    try await eventually("\(name) leads to \(members)") {
                        try await selected(by: selector) == members.sorted() ? true : nil
                    }
                }
                #expect(try await selector("another-clusters")?["role"] == "master", "it is not ours to turn")
            }

            private func selector(_ name: String) async throws -> [String: String]? {
                try await api.get("services", name)?["spec"]?["selector"]?.object?.pairs.reduce(into: [:]) {
                    $0[$1.key] = $1.value.string
                }
            }

            private func selected(by selector: [String: String]) async throws -> [String] {
                try await api.all("pods").filter { pod in
                    selector.allSatisfy { pod["metadata"]?["labels"]?[$0.key]?.string == $0.value }
                }.compactMap { $0["metadata"]?["name"]?.string }.sorted()
            }
        }
    }
}
