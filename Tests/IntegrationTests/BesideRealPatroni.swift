// One cluster of both programs: this one and Patroni 4.1.5. That is how people will migrate.

import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Beside real Patroni") struct BesideRealPatroni {
        @Test func `each follows the other, and leadership goes both ways`() async throws {
            let lab = try await Lab.shared.value
            let python = try await lab.realPatroni()
            try await TestCluster.with(.etcd3, members: [lab.ours, python, lab.ours]) { cluster in
                let (ours, theirs) = (cluster.members[0], cluster.members[1])
                #expect(try await cluster.waitForLeader() === ours)
                try await ours.sql("CREATE TABLE rows (t text)")
                try await cluster.write("INSERT INTO rows VALUES ('ours')")

                // Their command hands the lock from us to them …
                let there = try await theirs.control("switchover batman --candidate \(theirs.name) --force")
                #expect(there.output.contains("Successfully switched over to \"\(theirs.name)\""), "\(there)")
                #expect(try await cluster.waitForLeader(otherThan: ours) === theirs)
                try await cluster.becomeHealthy()
                try await cluster.write("INSERT INTO rows VALUES ('theirs')")

                // … and ours brings it back.
                let back = try await ours.control("switchover batman --candidate \(ours.name) --force")
                #expect(back.output.contains("Successfully switched over to \"\(ours.name)\""), "\(back)")
                #expect(try await cluster.waitForLeader(otherThan: theirs) === ours)
                try await cluster.becomeHealthy()
                for member in cluster.members {
                    try await eventually("\(member.name) has both rows") {
                        try await member.sql("SELECT string_agg(t, ',') FROM rows") == "ours,theirs" ? true : nil
                    }
                }
                try await Self.compareLists(cluster, ours: lab.ours, python: python)
            }
        }

        @Test func `each takes over when the other's node dies, and rejoins behind it`() async throws {
            let lab = try await Lab.shared.value
            let python = try await lab.realPatroni()
            try await TestCluster.with(.etcd3, members: [python, lab.ours]) { cluster in
                let (theirs, ours) = (cluster.members[0], cluster.members[1])
                #expect(try await cluster.waitForLeader() === theirs)
                try await theirs.sql("CREATE TABLE rows (t text)")
                for (dying, other) in [(theirs, ours), (ours, theirs)] {
                    try await Diverged.killWithDivergedHistory(dying, in: cluster)
                    #expect(try await cluster.waitForLeader(otherThan: dying, within: .seconds(50)) === other)
                    try await cluster.write("INSERT INTO rows VALUES ('under \(other.name)')")
                    try dying.start()
                    try await cluster.waitForStreaming(dying, within: .seconds(90))
                }
                #expect(try await theirs.sql("SELECT count(*) FROM rows WHERE t LIKE 'under%'") == "2")
            }
        }

        /// Both commands say the same of the same cluster, to the letter.
        static func compareLists(
            _ cluster: TestCluster, ours: Implementation, python: Implementation
        ) async throws {
            // In Kubernetes real Patroni reads its own members' kubeconfig only: it knows no files with tokens.
            let member = cluster.members.first { $0.implementation == python } ?? cluster.members[0]
            for arguments in [
                "list batman", "list batman -f json", "list batman -f tsv", "topology batman", "show-config batman",
            ] {
                try await eventually("both print the same for \(arguments)", within: .seconds(20)) {
                    let left = try await member.control(arguments, with: ours)
                    let right = try await member.control(arguments, with: python)
                    guard left.output == right.output, left.succeeded else {
                        throw Differs(ours: left, theirs: right)
                    }
                    return true
                }
            }
        }

        struct Differs: Error, CustomStringConvertible {
            var ours: CommandResult
            var theirs: CommandResult
            var description: String { "ours: \(ours)\ntheirs: \(theirs)" }
        }
    }
}
