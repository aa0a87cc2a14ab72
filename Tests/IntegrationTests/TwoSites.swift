// Two clusters, the second a standby of the first: it survives its own failures, and the sites change places (HA-057,
// HA-222, HA-227, HA-228, HA-231, CTL-072, CTL-073, CTL-131).

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Two sites") struct TwoSites {
        /// The second site, a standby of whoever listens on `port`.
        private static func standbySite(of port: Int) async throws -> TestCluster {
            let ours = try await Lab.shared.value.ours
            var options = ClusterOptions()
            options.scope = "robin"
            options.prefix = "robin"
            options.dynamic.append("standby_cluster: {host: 127.0.0.1, port: \(port), primary_slot_name: robin}")
            // Counts again once the cluster stands on its own.
            options.dynamic.append("synchronous_mode: true")
            return try await TestCluster.prepare(.etcd3, members: [ours, ours], options: options)
        }

        private static func standbyLeader(
            of cluster: TestCluster, otherThan former: TestMember? = nil, within limit: Duration = .seconds(60)
        ) async throws -> TestMember {
            try await eventually("a standby leader that streams", within: limit) {
                let leader = try await cluster.view().first { $0.role == "standby_leader" && $0.state == "streaming" }
                guard let leader, leader.name != former?.name else { return nil }
                return try cluster.member(leader.name)
            }
        }

        /// Both members of `cluster` have the row, and exactly one of them leads.
        private static func arrives(_ row: String, at cluster: TestCluster) async throws {
            for member in cluster.members {
                try await eventually("'\(row)' arrives at \(member.name)", within: .seconds(60)) {
                    try await member.sql("SELECT 1 FROM rows WHERE t = '\(row)'") == "1" ? true : nil
                }
            }
        }

        private static func write(_ row: String, to cluster: TestCluster) async throws {
            try await cluster.write("INSERT INTO rows (t) VALUES ('\(row)')")
        }

        private static func follows(_ member: TestMember, from upstream: TestMember) async throws {
            try await eventually("\(member.name) streams from \(upstream.name)", within: .seconds(60)) {
                let query = "SELECT count(*) FROM pg_stat_replication WHERE application_name = '\(member.name)'"
                return try await upstream.sql(query) == "1" ? true : nil
            }
        }

        @Test(.timeLimit(.minutes(6)))
        func `the second site survives its leader, then they change places and miss nothing`() async throws {
            var options = ClusterOptions()
            options.dynamic.append("slots: {robin: {type: physical}}")
            let ours = try await Lab.shared.value.ours
            try await TestCluster.with(.etcd3, members: [ours, ours], options: options) { first in
                let primary = try await first.waitForLeader()
                try await first.write("CREATE TABLE rows (id serial, t text)")
                try await Self.write("before", to: first)
                let second = try await Self.standbySite(of: primary.postgresPort)
                try await second.run { second in
                    try await Self.comesUp(second, primary)
                    try await Self.write("to both sites", to: first)
                    try await Self.arrives("to both sites", at: second)
                    try await Self.survives(second, primary)
                    try await Self.write("after the failover there", to: first)
                    try await Self.arrives("after the failover there", at: second)
                    try await Self.changesPlaces(first, second)
                }
                try await Janitor.release(second.folder)
            }
        }

        private static func comesUp(_ cluster: TestCluster, _ primary: TestMember) async throws {
            let (one, other) = (cluster.members[0], cluster.members[1])
            try one.start()
            #expect(try await standbyLeader(of: cluster) === one)
            try other.start()
            try await follows(one, from: primary)
            try await follows(other, from: one)
            #expect(try await primary.sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'robin'") == "t")

            #expect(try await one.status(of: "/standby-leader") == 200)
            #expect(try await one.status(of: "/leader") == 200)
            #expect(try await one.status(of: "/primary") == 503)
            #expect(try await one.status(of: "/replica") == 503)
            #expect(try await one.report()["role"]?.string == "standby_leader")
            #expect(try await other.status(of: "/replica") == 200)
            #expect(try await other.status(of: "/standby-leader") == 503)
            let list = try await one.control("list robin")
            #expect(list.output.contains("Standby Leader"), "\(list)")
            #expect(SyncState(stored: try await cluster.key("sync"), version: nil).isEmpty)
            let log = await one.agent?.log ?? ""
            #expect(log.contains("trying to bootstrap a new standby leader"))
            #expect(log.contains("initialized a new cluster"))
            #expect(log.contains("no action. I am (robin0), the standby leader with the lock"))
        }

        private static func survives(_ cluster: TestCluster, _ primary: TestMember) async throws {
            let (one, other) = (cluster.members[0], cluster.members[1])
            try await one.killNode()
            #expect(try await standbyLeader(of: cluster, otherThan: one) === other)
            try await follows(other, from: primary)
            try one.start()
            try await follows(one, from: other)
            let log = await other.agent?.log ?? ""
            #expect(log.contains("promoted self to a standby leader by acquiring session lock"))
            #expect(!log.contains("promoted self to leader"))
            #expect(await other.isWritable == false)
        }

        private static func changesPlaces(_ first: TestCluster, _ second: TestCluster) async throws {
            let (old, new) = (try await first.waitForLeader(), try await standbyLeader(of: second))
            let down = try await old.control(
                "demote-cluster batman --force --host 127.0.0.1 --port \(new.postgresPort)")
            #expect(down.succeeded && down.output.contains("cluster is successfully demoted"), "\(down)")
            #expect(try await old.control("demote-cluster batman --force --host x").output.isEmpty)
            let up = try await new.control("promote-cluster robin --force")
            #expect(up.succeeded && up.output.contains("cluster is successfully promoted"), "\(up)")
            let leader = try await second.waitForLeader()
            try await write("on the other side", to: second)
            try await arrives("on the other side", at: second)
            try await arrives("on the other side", at: first)
            let missing = "SELECT count(*) FROM rows"
            #expect(try await leader.sql(missing) == "4")
            for member in first.members {
                #expect(try await member.sql(missing) == "4")
                #expect(await member.isWritable == false)
                let log = await member.agent?.log ?? ""
                #expect(!log.contains("running pg_rewind"), "\(member.name) was rewound")
            }
            _ = try await eventually("synchronous replication of the promoted cluster") {
                SyncState(stored: try await second.key("sync"), version: nil).standbys.first
            }
        }
    }
}
