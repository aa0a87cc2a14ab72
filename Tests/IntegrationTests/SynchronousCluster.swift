// Synchronous replication in a real cluster: what was acknowledged survives its primary (HA-176 to HA-197).

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("A synchronous cluster") struct SynchronousCluster {
        private static var options: ClusterOptions {
            var options = ClusterOptions()
            options.dynamic.append("synchronous_mode: true")
            return options
        }

        private static func standbys(_ cluster: TestCluster) async throws -> [String] {
            SyncState(stored: try await cluster.key("sync"), version: nil).standbys.map(\.text)
        }

        @Test func `the synchronous standby takes over and misses nothing; one that stops is replaced first`()
            async throws
        {
            try await TestCluster.with(.etcd3, options: Self.options) { cluster in
                let old = try await cluster.waitForLeader()
                let first = try await eventually("a synchronous standby") { try await Self.standbys(cluster).first }
                let standby = try cluster.member(first)
                #expect(try await old.sql("SHOW synchronous_standby_names") == first)
                #expect(try await standby.status(of: "/sync") == 200)

                try await standby.stop()
                let second = try await eventually("another synchronous standby", within: .seconds(5)) {
                    try await Self.standbys(cluster).first { $0 != first }
                }
                try standby.start()
                try await cluster.waitForStreaming(standby)

                try await cluster.write("CREATE TABLE acknowledged AS SELECT generate_series(1, 1000)")
                try await old.killNode()
                let leader = try await cluster.waitForLeader(otherThan: old)
                #expect(leader.name == second)
                #expect(try await leader.sql("SELECT count(*) FROM acknowledged") == "1000")
                try await cluster.becomeHealthy()
                _ = try await eventually("a synchronous standby of the new primary") {
                    try await Self.standbys(cluster).first
                }
                #expect(
                    try await old.sql("SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'") == "")
            }
        }
    }
}
