// Settings that change while somebody else changes them, and settings that a standby has to follow (HA-137).

import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Settings on the move") struct SettingsOnTheMove {
        @Test func `a change that meets somebody else's is made on top of it`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let member = cluster.members[0]
                let (go, seen) = ("\(cluster.folder)/go", "\(cluster.folder)/seen")
                let command = "\(member.implementation.control) -c \(member.configurationFile) edit-config batman"
                // Answers when it is told to: until then the other change is made.
                async let editing = Shell.run(
                    "(until [ -e \(go) ]; do sleep 0.1; done; echo y) | \(command) -s ttl=25 >\(seen) 2>&1")
                try await eventually("the question") {
                    try await Shell.run("grep -F '+ttl: 25' \(seen)").succeeded ? true : nil
                }
                #expect(try await member.rest("PATCH", "/config", #"{"loop_wait": 1}"#).status == 200)
                try await Shell.check("touch \(go)")
                let result = try await editing
                let said = try await Shell.check("cat \(seen); rm \(go) \(seen)")
                #expect(result.succeeded, "\(said)")
                #expect(said.contains("Configuration changed"))
                let configuration = try JSON.parse(try await cluster.key("config")).object
                #expect(configuration?["ttl"]?.int == 25)
                #expect(configuration?["loop_wait"]?.int == 1)
                _ = try await member.rest("PATCH", "/config", #"{"ttl": 20, "loop_wait": 2}"#)
            }
        }

        @Test func `a standby that the primary's new settings have stopped goes on with them`() async throws {
            let ours = try await Lab.shared.value.ours
            try await TestCluster.with(.embedded, members: [ours, ours]) { cluster in
                let leader = try await cluster.waitForLeader()
                let standby = try #require(try await cluster.replicas().first)
                let change = #"{"postgresql": {"parameters": {"max_connections": 120}}}"#
                #expect(try await leader.rest("PATCH", "/config", change).status == 200)
                try await eventually("a restart is wanted") {
                    try await leader.report()["pending_restart"] == true ? true : nil
                }
                // Only the primary: its log now asks for more than the standby has, which pauses.
                let restart = try await leader.control("restart batman \(leader.name) --force")
                #expect(restart.succeeded, "\(restart)")
                try await eventually("the standby has followed", within: .seconds(90)) {
                    try await standby.sql("SHOW max_connections") == "120" ? true : nil
                }
                try await cluster.becomeHealthy()
                let log = try await Shell.check("cat \(standby.logFile)")
                #expect(log.contains("Resuming paused WAL replay for PostgreSQL 14+"))
            }
        }
    }
}
