// What real members write down: the story of a failover, the same decisions when replayed, and why nobody is promoted.

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Flight records") struct FlightRecords {
        private static func record(_ member: TestMember) -> String { "\(member.dataDirectory).flight.jsonl" }

        private static func replay(_ file: String, _ member: TestMember) async throws -> CommandResult {
            try await Shell.run("\(member.implementation.agent) replay --quiet \(file)", seconds: 60)
        }

        @Test func `a failover is told, its record replays to the same decisions, and damage is noticed`() async throws
        {
            try await TestCluster.with(.etcd3) { cluster in
                let old = try await cluster.waitForLeader()
                try await old.killNode()
                let leader = try await cluster.waitForLeader(otherThan: old)
                let story = try await eventually("the story of the failover") {
                    let told = try await leader.control("why").output
                    return told.contains("\(leader.name) became the leader after \(old.name)") ? told : nil
                }
                for part in [
                    "nobody holds the leader key (it was \(old.name)'s", "\(old.name): no answer", "not ahead",
                    "the leader key: it is ours", "rule leader-race/healthiest:", "promote: done",
                ] { #expect(story.contains(part), "\(part) is missing in:\n\(story)") }
                try old.start()
                try await cluster.waitForStreaming(old)
                let page = try await leader.rest("GET", "/why").json
                #expect(page["last_leader_change"]?["after"]?["role"] == "leader")
                #expect(try await old.rest("GET", "/why?text").body.contains("\(old.name)"))
                let json = try await leader.control("why batman \(leader.name) -f json")
                #expect(try JSON.parse(json.text)["member"]?.string == leader.name)

                for member in cluster.members {
                    let file = Self.record(member)
                    let result = try await Self.replay(file, member)
                    #expect(result.status == 0, "\(member.name): \(result.output) \(result.errors)")
                    #expect(result.output.contains("this version decides the same"))
                    #expect(try await !Shell.run("grep -E 'secret-[srw]' \(file)").succeeded, "a secret in \(file)")
                }
                try await Self.damage(Self.record(leader), leader)
            }
        }

        /// One bit of one line, and the end of the last.
        private static func damage(_ file: String, _ member: TestMember) async throws {
            let copy = "\(member.folder)/damaged.jsonl"
            try await Shell.check(
                "cp \(file) \(copy); printf '\\001' | dd of=\(copy) bs=1 seek=200 conv=notrunc 2>/dev/null")
            let flipped = try await replay(copy, member)
            #expect(flipped.status == 2)
            #expect(flipped.output.contains(": its checksum is wrong"))
            try await Shell.check("head -c -30 \(file) > \(copy)")
            let torn = try await replay(copy, member)
            #expect(torn.status == 0)
            #expect(torn.output.contains("the last line is torn"))
            #expect(try await replay("\(member.folder)/nowhere", member).status == 2)
            #expect(try await replay(member.configurationFile, member).status == 2)
        }

        @Test func `while nobody can be promoted, every member's reason is told`() async throws {
            try await TestCluster.with(.etcd3) { cluster in
                let leader = try await cluster.waitForLeader()
                let (barred, late) = (try await cluster.replicas()[0], try await cluster.replicas()[1])
                try await Shell.check("printf 'tags: {nofailover: true}\\n' >> \(barred.configurationFile)")
                #expect(try await leader.control("reload batman \(barred.name) --force").succeeded)
                try await eventually("\(barred.name) may not lead") {
                    try await barred.report()["tags"]?["nofailover"] == true ? true : nil
                }
                let receiver = try await late.sql("SELECT pid FROM pg_stat_wal_receiver")
                let stopped = try #require(Int32(receiver))
                kill(stopped, SIGSTOP)
                defer { kill(stopped, SIGCONT) }
                try await cluster.write("CREATE TABLE more AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
                try await eventually("the store knows how far the leader was") {
                    let status = ClusterStatus(stored: try await cluster.key("status"))
                    let behind = try await late.report()["xlog"]?["received_location"]?.int ?? 0
                    return (status.position?.number ?? 0) - behind > 4_000_000 ? true : nil
                }
                try await leader.killNode()

                let told = try await eventually("everybody's reason", within: .seconds(60)) {
                    let told = try await barred.control("why").output
                    return told.contains("as \(barred.name) sees it") && told.contains("as \(late.name) sees it")
                        ? told : nil
                }
                #expect(told.hasPrefix("Nobody leads batman."))
                for view in told.components(of: "sees it:").dropFirst().prefix(2) {
                    #expect(view.contains("\(leader.name) does not answer"), "\(view)")
                    #expect(view.contains("\(barred.name) is tagged nofailover"), "\(view)")
                    #expect(view.contains("\(late.name) is ") && view.contains("bytes behind"), "\(view)")
                }
                let log = await late.agent?.log ?? ""
                #expect(log.contains("following a different leader because i am not the healthiest node"))
                #expect(log.components(of: "nobody leads (it was \(leader.name))").count == 2, "not told once")
                kill(stopped, SIGCONT)
                try leader.start()
                try await cluster.waitForLeader(within: .seconds(60))
            }
        }
    }
}

extension String {
    fileprivate func components(of separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
