// Quorum commit in a real cluster, and synchronous replication where it is hard (HA-183, HA-190, HA-195, HA-196).

import Glibc
import PatroniCore
import Testing

/// Writes one row after the other through whoever accepts writes, and remembers which ones were acknowledged.
actor RowWriter {
    private let cluster: TestCluster
    private(set) var acknowledged: [Int] = []
    private var task: Task<Void, Never>?

    init(_ cluster: TestCluster) { self.cluster = cluster }

    func start() async throws {
        try await cluster.write("CREATE TABLE rows (id bigint PRIMARY KEY)")
        task = Task { await self.run() }
    }

    private func run() async {
        var number = 0
        while !Task.isCancelled {
            number += 1
            // Without an answer it is not known whether the row is there; it counts as not acknowledged.
            if (try? await cluster.write("INSERT INTO rows VALUES (\(number))")) != nil { acknowledged.append(number) }
        }
    }

    func stop() async {
        task?.cancel()
        await task?.value
    }

    /// Acknowledged rows that `member` does not have.
    func lost(on member: TestMember) async throws -> [Int] {
        // What is acknowledged while the member is asked may come after what it looked at.
        let acknowledged = acknowledged
        let rows = try await member.sql("SELECT id FROM rows").split(separator: "\n").compactMap { Int($0) }
        return acknowledged.filter { !Set(rows).contains($0) }
    }

    func hasWritten(after count: Int) -> Bool { acknowledged.count > count }
}

extension IntegrationTests {
    @Suite("A cluster with quorum commit") struct QuorumCluster {
        private static func options(_ lines: String...) -> ClusterOptions {
            var options = ClusterOptions()
            options.dynamic += ["synchronous_mode: quorum"] + lines
            return options
        }

        private static func sync(_ cluster: TestCluster) async throws -> SyncState {
            SyncState(stored: try await cluster.key("sync"), version: nil)
        }

        private static func waitForVoters(_ cluster: TestCluster, _ count: Int, quorum: Int) async throws {
            try await eventually("\(count) voters, quorum \(quorum)") {
                let sync = try await sync(cluster)
                return sync.standbys.count == count && sync.quorum == quorum ? true : nil
            }
        }

        private static func names(_ member: TestMember) async throws -> String {
            try await member.sql("SHOW synchronous_standby_names")
        }

        @Test func `the death of a primary loses no acknowledged row, and everybody sees who votes`() async throws {
            try await TestCluster.with(.etcd3, options: Self.options()) { cluster in
                let old = try await cluster.waitForLeader()
                try await Self.waitForVoters(cluster, 2, quorum: 1)
                #expect(try await Self.names(old) == "ANY 1 (pg1,pg2)")
                for standby in try await cluster.replicas() {
                    try await eventually("/quorum of \(standby.name)") {
                        try await standby.status(of: "/quorum") == 200 ? true : nil
                    }
                    #expect(try await standby.status(of: "/read-only-quorum") == 200)
                    #expect(try await standby.status(of: "/sync") == 503)
                    #expect(try await standby.report()["quorum_standby"]?.bool == true)
                }
                #expect(try await cluster.view().count { $0.role == "quorum_standby" } == 2)
                #expect(try await old.control("list").output.contains("Quorum Standby"))

                let writer = RowWriter(cluster)
                try await writer.start()
                for _ in 0..<2 {
                    let dying = try await cluster.waitForLeader()
                    try await Task.sleep(for: .seconds(2))
                    try await dying.killNode()
                    let leader = try await cluster.waitForLeader(otherThan: dying)
                    let count = await writer.acknowledged.count
                    try await eventually("rows on \(leader.name)") {
                        await writer.hasWritten(after: count) ? true : nil
                    }
                    #expect(try await writer.lost(on: leader) == [])
                    try await cluster.becomeHealthy()
                    try await Self.waitForVoters(cluster, 2, quorum: 1)
                }
                await writer.stop()
            }
        }

        @Test func `strict: with nobody there commits wait, and nothing is lost afterwards`() async throws {
            try await TestCluster.with(.etcd3, options: Self.options("synchronous_mode_strict: true")) { cluster in
                let old = try await cluster.waitForLeader()
                try await Self.waitForVoters(cluster, 2, quorum: 1)
                try await old.sql("CREATE TABLE rows (id bigint PRIMARY KEY)")
                let standbys = try await cluster.replicas()
                for standby in standbys { try await standby.stop() }
                try await eventually("commits wait for anybody") {
                    try await Self.names(old) == "ANY 1 (*)" ? true : nil
                }
                #expect(try await Self.sync(cluster).standbys == [])
                await #expect(throws: CommandFailed.self, "a commit that nobody else has was acknowledged") {
                    try await TestMember.sql(
                        "SET statement_timeout = '2s'; INSERT INTO rows VALUES (1)",
                        conninfo: TestMember.conninfo([old.postgresPort]), lab: cluster.lab)
                }
                for standby in standbys { try standby.start() }
                try await Self.waitForVoters(cluster, 2, quorum: 1)
                try await old.sql("INSERT INTO rows VALUES (2)")
                try await old.killNode()
                let leader = try await cluster.waitForLeader(otherThan: old)
                #expect(try await leader.sql("SELECT count(*) FROM rows WHERE id = 2") == "1")
            }
        }

        @Test func `a promotion is put off when somebody else has changed the key meanwhile`() async throws {
            var options = Self.options()
            let etcd = "etcdctl --endpoints=$(grep -o '127.0.0.1:[0-9]*' \"$(dirname \"$0\")/store\")"
            options.postgres = ["pre_promote: /bin/bash prepromote"]
            let lab = try await Lab.shared.value
            let cluster = try await TestCluster.prepare(.etcd3, members: [lab.ours, lab.ours], options: options)
            try await cluster.run { cluster in
                // The same content anew, once: only its version says that somebody was there.
                for member in cluster.members {
                    let script = "\(member.folder)/prepromote"
                    try await Shell.check(
                        """
                        echo 127.0.0.1:\(cluster.etcd?.port ?? 0) > \(member.folder)/store
                        cat > \(script) <<'SCRIPT'
                        #!/bin/bash
                        [ -e "$(dirname "$0")/done" ] && exit 0
                        touch "$(dirname "$0")/done"
                        export ETCDCTL_API=3
                        value=$(\(etcd) get --print-value-only /service/batman/sync)
                        \(etcd) put /service/batman/sync -- "$value"
                        SCRIPT
                        sed -i "s|/bin/bash prepromote|/bin/bash \(script)|" \(member.configurationFile)
                        chmod 755 \(script)
                        """)
                }
                try cluster.members[0].start()
                let old = try await cluster.waitForLeader(within: .seconds(60))
                try cluster.members[1].start()
                try await Self.waitForVoters(cluster, 1, quorum: 0)
                try await old.killNode()
                let leader = try await cluster.waitForLeader(otherThan: old)
                let line = "Postponing promotion because synchronous replication state was updated by somebody else"
                #expect(try await Shell.run("grep -F '\(line)' \(leader.logFile)").succeeded)
            }
            try await Janitor.release(cluster.folder)
        }

        @Test func `an operator may fail over to a member that does not vote; it leads the key from then on`()
            async throws
        {
            try await TestCluster.with(.etcd3, options: Self.options()) { cluster in
                let old = try await cluster.waitForLeader()
                let chosen = try #require(try await cluster.replicas().first)
                try await Shell.check("echo 'tags: {nosync: true}' >> \(chosen.configurationFile)")
                #expect(try await chosen.rest("POST", "/reload").status == 202)
                try await Self.waitForVoters(cluster, 1, quorum: 0)
                let answer = try await old.rest("POST", "/failover", #"{"candidate": "\#(chosen.name)"}"#)
                #expect(answer.status == 200, "\(answer)")
                let leader = try await cluster.waitForLeader(otherThan: old)
                #expect(leader === chosen)
                try await cluster.becomeHealthy()
                try await Self.waitForVoters(cluster, 2, quorum: 1)
                #expect(try await Self.sync(cluster).leader?.text == chosen.name)
            }
        }

        @Test func `a synchronous standby that confirms nothing is replaced within a ttl, and comes back`()
            async throws
        {
            var options = ClusterOptions()
            options.dynamic.append("synchronous_mode: true")
            try await TestCluster.with(.etcd3, options: options) { cluster in
                let leader = try await cluster.waitForLeader()
                let name = try await eventually("a synchronous standby") {
                    try await Self.sync(cluster).standbys.first?.text
                }
                let standby = try cluster.member(name)
                try await leader.sql("CREATE TABLE rows (id bigint PRIMARY KEY)")
                let postmaster = try #require(await standby.postmasterPID())
                // Its connection stays, `streaming`; nothing comes back over it.
                let receiver = try #require(
                    Int32(
                        try await Shell.check(
                            "ps --ppid \(postmaster) -o pid=,args= | awk '/walreceiver/ {print $1}'")))
                kill(receiver, SIGSTOP)
                defer { kill(receiver, SIGCONT) }
                let began = ContinuousClock.now
                _ = try await TestMember.sql(
                    "SET statement_timeout = '25s'; INSERT INTO rows VALUES (1)",
                    conninfo: TestMember.conninfo([leader.postgresPort]), lab: cluster.lab)
                #expect(ContinuousClock.now - began > .seconds(5), "the standby was not silent")
                #expect(try await Self.sync(cluster).standbys.first?.text != name)
                #expect(
                    try await Shell.run("grep -F '\(name) is connected but has confirmed nothing' \(leader.logFile)")
                        .succeeded)
                kill(receiver, SIGCONT)
                _ = try await leader.rest("PATCH", "/config", #"{"synchronous_node_count": 2}"#)
                try await eventually("\(name) is synchronous again") {
                    try await Self.sync(cluster).standbys.count == 2 ? true : nil
                }
            }
        }
    }
}
