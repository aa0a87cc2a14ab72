// Servers that are frozen rather than dead: nothing may wait for them, and they must do no harm when they thaw.

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("When servers hang") struct WhenServersHang {
        @Test func `a primary whose PostgreSQL is frozen is killed, and another member leads`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let old = try await cluster.waitForLeader()
                try await cluster.write("CREATE TABLE IF NOT EXISTS hang (t text)")
                let frozen = try await old.freezePostgres()
                // Half a ttl (20 s) after the first look without an answer, and never by the end of the lease: the agent
                // lives, and renews it.
                let began = ContinuousClock.now
                let leader = try await cluster.waitForLeader(otherThan: old, within: .seconds(25))
                print("a frozen primary was replaced after \(ContinuousClock.now - began)")
                // None of what was frozen can thaw beside the new primary.
                for pid in frozen {
                    let state = try await Shell.run("awk '{print $3}' /proc/\(pid)/stat").text
                    #expect(["", "Z", "X"].contains(state), "process \(pid) of the frozen server is still there")
                }
                try await cluster.write("INSERT INTO hang VALUES ('after')")
                try await cluster.becomeHealthy()
                #expect(try await cluster.waitForLeader() === leader)
            }
        }

        @Test func `a switchover does not wait for a replica that can't be reached`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let old = try await cluster.waitForLeader()
                let rewinds = await old.timesLogged("running pg_rewind")
                let (candidate, away) = try await Frozen.replica(of: cluster)
                let began = ContinuousClock.now
                let answer = try await old.rest(
                    "POST", "/switchover", #"{"leader": "\#(old.name)", "candidate": "\#(candidate.name)"}"#)
                print("switched over after \(ContinuousClock.now - began): \(answer.body)")
                #expect(answer.status == 200, "\(answer.body)")
                #expect(try await cluster.waitForLeader(otherThan: old, within: .seconds(20)) === candidate)
                #expect(ContinuousClock.now - began < .seconds(25), "a sender waits for 60 s")
                // It ended cleanly, so nothing has to be cut off.
                try await cluster.waitForStreaming(old, within: .seconds(30))
                let after = await old.timesLogged("running pg_rewind")
                try #require(after == rewinds, "\(old.name) was rewound")
                try await Frozen.thaw(away)
                try await cluster.becomeHealthy()
            }
        }

        @Test func `a restart and a stop do not wait for a replica that can't be reached`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let old = try await cluster.waitForLeader()
                let (_, away) = try await Frozen.replica(of: cluster)
                var began = ContinuousClock.now
                let answer = try await old.rest("POST", "/restart", "{}")
                print("restarted after \(ContinuousClock.now - began): \(answer.body)")
                #expect(answer.status == 200, "\(answer.body)")
                #expect(ContinuousClock.now - began < .seconds(25))
                #expect(try await cluster.waitForLeader() === old)
                try await Frozen.thaw(away)
                try await cluster.becomeHealthy()

                let (next, again) = try await Frozen.replica(of: cluster)
                began = ContinuousClock.now
                try await old.stop()
                print("stopped after \(ContinuousClock.now - began)")
                #expect(ContinuousClock.now - began < .seconds(25))
                #expect(try await cluster.waitForLeader(otherThan: old, within: .seconds(20)) === next)
                try await Frozen.thaw(again)
                try await cluster.becomeHealthy()
            }
        }

        @Test func `a standby that lost the race goes on receiving what the old primary still sends`() async throws {
            let ours = try await Lab.shared.value.ours
            try await TestCluster.with(.etcd3, members: [ours, ours]) { cluster in
                let old = try await cluster.waitForLeader()
                let replica = try #require(try await cluster.replicas().first)
                try await cluster.write("CREATE TABLE hang (t text)")
                try await Shell.check("printf 'tags: {nofailover: true}\\n' >> \(replica.configurationFile)")
                #expect(try await replica.rest("POST", "/reload").status == 202)
                // The agent dies, PostgreSQL doesn't, and goes on acknowledging commits.
                try await old.killAgent()
                try await eventually("the lease has ended", within: .seconds(40)) {
                    try await cluster.key("leader").isEmpty ? true : nil
                }
                for round in 0..<4 {
                    try await Task.sleep(for: .seconds(2))
                    try await old.sql("INSERT INTO hang VALUES ('\(round)')")
                    try await eventually("\(replica.name) receives round \(round)", within: .seconds(2)) {
                        try await replica.sql("SELECT count(*) FROM hang") == "\(round + 1)" ? true : nil
                    }
                }
                #expect(await replica.logged("because I am not allowed to promote"))
            }
        }
    }
}

/// A replica that takes in nothing more, as if the network between it and the primary were cut.
enum Frozen {
    /// Freezes one replica and writes so much that no buffer on the way holds it; returns the other one, and what was
    /// frozen.
    static func replica(of cluster: TestCluster) async throws -> (other: TestMember, frozen: [Int32]) {
        let replicas = try await cluster.replicas()
        guard replicas.count == 2 else { throw Missing(what: "second replica") }
        let leader = try await cluster.waitForLeader()
        // What members say of themselves may be a moment old.
        try await eventually("both replicas are connected") {
            try await leader.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "2"
                ? true : nil
        }
        let frozen = try await replicas[1].freezePostgres()
        // 40 MB of WAL: less than wal_keep_size, more than the kernel keeps for a receiver that sleeps.
        try await cluster.write(
            """
            CREATE TABLE IF NOT EXISTS filler (t text);
            INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 36000);
            DROP TABLE filler
            """)
        let end = try await leader.sql("SELECT pg_current_wal_lsn()")
        try await eventually("\(replicas[0].name) has everything") {
            try await replicas[0].sql("SELECT pg_last_wal_receive_lsn() >= '\(end)'") == "t" ? true : nil
        }
        return (replicas[0], frozen)
    }

    static func thaw(_ pids: [Int32]) async throws { for pid in pids { kill(pid, SIGCONT) } }
}

extension TestMember {
    /// Stops every process of this member's PostgreSQL (SIGSTOP); returns their ids.
    func freezePostgres() async throws -> [Int32] {
        guard let postmaster = await postmasterPID() else { throw Missing(what: "postmaster of \(name)") }
        kill(postmaster, SIGSTOP)
        let children = try await Shell.check("ps -o pid= --ppid \(postmaster)")
        let pids = children.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
        for pid in pids { kill(pid, SIGSTOP) }
        return [postmaster] + pids
    }

    /// Does the agent's log hold this?
    func logged(_ text: String) async -> Bool {
        (try? await Shell.run("grep -qF \(Shell.quoted(text)) \(logFile)"))?.succeeded ?? false
    }

    /// How often.
    func timesLogged(_ text: String) async -> Int {
        ((try? await Shell.run("grep -cF \(Shell.quoted(text)) \(logFile)"))?.text).flatMap { Int($0) } ?? 0
    }
}
