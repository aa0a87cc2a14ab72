// Crashes, frozen stores and dead nodes: the reason why the program exists.

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("When things break") struct WhenThingsBreak {
        @Test func `a killed postmaster is started again, on the same timeline`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                let before = await leader.postmasterPID()
                try await leader.killPostmaster()
                try await eventually("\(leader.name) accepts writes again", within: .seconds(40)) {
                    await leader.isWritable ? true : nil
                }
                try await cluster.becomeHealthy()
                #expect(try await cluster.waitForLeader() === leader)
                #expect(await leader.postmasterPID() != before)
                #expect(try await leader.timeline() == timeline)
            }
        }

        @Test func `a killed postmaster of a replica is started again`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let replica = try #require(try await cluster.replicas().first)
                let before = await replica.postmasterPID()
                try await replica.killPostmaster()
                try await eventually("a new postmaster runs") {
                    let now = await replica.postmasterPID()
                    return now != nil && now != before ? true : nil
                }
                try await cluster.waitForStreaming(replica)
            }
        }

        @Test(arguments: [SIGKILL, SIGSTOP])
        func `PostgreSQL does not notice that the agent dies and comes back`(_ signal: Int32) async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                let postmaster = await leader.postmasterPID()
                // A session that must survive: it would fail if its connection were cut.
                async let session = leader.sql("SELECT 'still here' FROM pg_sleep(8)")
                try await Task.sleep(for: .seconds(1))
                if signal == SIGKILL {
                    try await leader.killAgent()
                    try await Task.sleep(for: .seconds(1))
                    try leader.start()
                } else {
                    leader.agent?.send(SIGSTOP)
                    try await Task.sleep(for: .seconds(3))
                    leader.agent?.send(SIGCONT)
                }
                try await eventually("the agent answers as primary", within: .seconds(15)) {
                    try await leader.status(of: "/primary") == 200 ? true : nil
                }
                #expect(try await session == "still here")
                #expect(await leader.postmasterPID() == postmaster)
                #expect(try await cluster.waitForLeader() === leader)
                #expect(try await leader.timeline() == timeline)
            }
        }

        @Test(arguments: LifeOfACluster.stores)
        func `when the primary's node dies a replica takes over, and the old primary rejoins by pg_rewind`(
            _ shared: SharedCluster
        ) async throws {
            try await shared.run { cluster in
                let old = try await cluster.waitForLeader()
                try await cluster.write("CREATE TABLE IF NOT EXISTS rows (id serial, t text)")
                try await cluster.write("INSERT INTO rows (t) VALUES ('before the crash')")
                try await Diverged.killWithDivergedHistory(old, in: cluster)
                let leader = try await cluster.waitForLeader(otherThan: old, within: .seconds(50))
                try await cluster.write("INSERT INTO rows (t) VALUES ('after the crash')")
                try await Shell.check("touch \(old.dataDirectory)/marker")
                try old.start()
                try await cluster.waitForStreaming(old, within: .seconds(90))
                let rows = try await old.sql(
                    "SELECT count(DISTINCT t) FROM rows WHERE t IN ('before the crash', 'after the crash')")
                #expect(rows == "2")
                #expect(try await old.sql("SELECT count(*) FROM rows WHERE t = 'lost'") == "0")
                #expect(try await cluster.waitForLeader() === leader)
                // A base backup would have removed a file that the server does not know; so would a rewind, but it
                // keeps the directory: pg_rewind leaves its mark in the log.
                let log = await old.agent?.log ?? ""
                #expect(log.contains("pg_rewind"), "rejoined without pg_rewind")
            }
        }

        @Test func `without pg_rewind a diverged primary rejoins by a new copy, if that is allowed`() async throws {
            var options = ClusterOptions()
            options.dynamicPostgres = ["use_pg_rewind: false", "parameters: {wal_keep_size: 64MB, wal_log_hints: off}"]
            options.postgres = ["remove_data_directory_on_diverged_timelines: true"]
            try await TestCluster.with(
                .etcd3, members: Array(repeating: try await Lab.shared.value.ours, count: 2), options: options
            ) {
                cluster in
                let old = try await cluster.waitForLeader()
                try await cluster.write("CREATE TABLE rows (id serial, t text)")
                try await Diverged.killWithDivergedHistory(old, in: cluster)
                try await cluster.waitForLeader(otherThan: old, within: .seconds(50))
                try await cluster.write("INSERT INTO rows (t) VALUES ('after the crash')")
                try old.start()
                try await cluster.waitForStreaming(old, within: .seconds(90))
                #expect(try await old.sql("SELECT string_agg(t, ',') FROM rows") == "after the crash")
            }
        }

        @Test func `a primary that cannot reach the store steps down, and comes back with it`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                cluster.etcd?.daemon.send(SIGSTOP)
                try await eventually("no primary accepts writes", within: .seconds(40)) {
                    await leader.isWritable ? nil : true
                }
                try await eventually("\(leader.name) says that it is no primary") {
                    try await leader.status(of: "/primary") == 503 ? true : nil
                }
                try await steadily("nobody accepts writes without a store", for: .seconds(4)) {
                    for member in cluster.members where await member.isWritable { return false }
                    return true
                }
                for member in cluster.members { #expect(member.isAgentRunning, "\(member.name) has ended") }
                cluster.etcd?.daemon.send(SIGCONT)
                try await cluster.waitForLeader(within: .seconds(60))
                try await cluster.becomeHealthy()
            }
        }

        @Test func `a member that is stopped gives its lock up at once`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let old = try await cluster.waitForLeader()
                try await old.stop()
                #expect(await old.postmasterPID() == nil)
                // Much sooner than the lease would have run out.
                try await cluster.waitForLeader(otherThan: old, within: .seconds(12))
                try await cluster.becomeHealthy()
            }
        }
    }
}

/// Makes a primary die and gives it, afterwards, rows that nobody else has: its history forks from the cluster's.
enum Diverged {
    static func killWithDivergedHistory(_ old: TestMember, in cluster: TestCluster) async throws {
        try await old.killNode()
        let mark = "\(old.folder)/forked"
        // Single-user mode recovers from the crash and goes on writing; killed in turn, it leaves a crashed server.
        try await Shell.check(
            """
            set -m; rm -f \(mark) \(old.dataDirectory)/postmaster.pid; cd /
            { printf "INSERT INTO rows (t) VALUES ('lost')\\nCHECKPOINT\\nCOPY (SELECT 1) TO '\(mark)'\\n"; exec sleep 60; } |
                \(cluster.lab.asUser.joined(separator: " ")) \(cluster.lab.postgresPrograms)/postgres --single \
                -D \(old.dataDirectory) postgres > \(old.folder)/single.log 2>&1 &
            for i in $(seq 200); do [ -e \(mark) ] && break; sleep 0.1; done
            kill -KILL -- -$(jobs -p)
            [ -e \(mark) ] || { cat \(old.folder)/single.log >&2; exit 1; }
            """)
    }
}
