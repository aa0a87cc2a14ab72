// What operators do with a healthy cluster, and what they see, on both stores.

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Life of a cluster") struct LifeOfACluster {
        static let stores: [SharedCluster] =
            Lab.isOverridden ? [SharedCluster.etcd] : [SharedCluster.etcd, SharedCluster.embedded]

        @Test(arguments: stores)
        func `three members become one primary and two streaming replicas`(_ shared: SharedCluster) async throws {
            try await shared.run { cluster in
                let leader = try await cluster.waitForLeader()
                try await cluster.write("CREATE TABLE IF NOT EXISTS rows (id serial, t text)")
                try await cluster.write("INSERT INTO rows (t) VALUES ('bootstrap')")
                for member in cluster.members where member !== leader {
                    try await eventually("the row arrives at \(member.name)") {
                        try await member.sql("SELECT 1 FROM rows WHERE t = 'bootstrap' LIMIT 1") == "1" ? true : nil
                    }
                    #expect(try await member.status(of: "/replica") == 200)
                    #expect(try await member.status(of: "/primary") == 503)
                    #expect(try await member.status(of: "/health") == 200)
                }
                #expect(try await leader.status(of: "/primary") == 200)
                #expect(try await leader.status(of: "/leader") == 200)
                #expect(try await leader.status(of: "/replica") == 503)
                #expect(try await leader.status(of: "/liveness") == 200)
                let slots = try await leader.sql("SELECT count(*) FROM pg_replication_slots WHERE active")
                #expect(slots == "2")
            }
        }

        @Test func `the keys in etcd are Patroni's`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                #expect(try await cluster.key("leader") == leader.name)
                let initialize = try await cluster.key("initialize")
                let identifier = try await leader.sql("SELECT system_identifier FROM pg_control_system()")
                #expect(initialize == identifier)
                let configuration = try JSON.parse(try await cluster.key("config")).object
                #expect(configuration?["ttl"]?.int == 20)
                let member = try JSON.parse(try await cluster.key("members/\(leader.name)")).object
                #expect(member?["role"]?.string == "primary")
                #expect(member?["state"]?.string == "running")
                #expect(member?["api_url"]?.string == "http://127.0.0.1:\(leader.restPort)/patroni")
                #expect(member?["conn_url"]?.string == "postgres://127.0.0.1:\(leader.postgresPort)/postgres")
                #expect((member?["timeline"]?.int ?? 0) > 0)
                let status = try JSON.parse(try await cluster.key("status")).object
                #expect((status?["optime"]?.int ?? 0) > 0)
            }
        }

        @Test(arguments: stores)
        func `a switchover makes the candidate primary and the old primary its replica`(
            _ shared: SharedCluster
        ) async throws {
            try await shared.run { cluster in
                let old = try await cluster.waitForLeader()
                let candidate = try #require(try await cluster.replicas().last)
                let timeline = try await old.timeline()
                try await cluster.write("CREATE TABLE IF NOT EXISTS rows (id serial, t text)")
                try await cluster.write("INSERT INTO rows (t) VALUES ('before the switchover')")
                let result = try await old.control(
                    "switchover batman --primary \(old.name) --candidate \(candidate.name) --force")
                #expect(result.succeeded, "\(result)")
                #expect(result.output.contains("Successfully switched over to \"\(candidate.name)\""), "\(result)")
                let leader = try await cluster.waitForLeader(otherThan: old)
                #expect(leader === candidate)
                try await cluster.becomeHealthy()
                #expect(try await leader.timeline() == timeline + 1)
                let kept = try await old.sql("SELECT count(*) > 0 FROM rows WHERE t = 'before the switchover'")
                #expect(kept == "t")
                let history = try await old.rest("GET", "/history")
                #expect(history.status == 200)
            }
        }

        @Test func `a switchover that makes no sense is refused and changes nothing`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let unknown = try await leader.control("switchover batman --candidate nobody --force")
                #expect(unknown.status == 1, "\(unknown)")
                let same = try await leader.control("switchover batman --candidate \(leader.name) --force")
                #expect(same.status == 1, "\(same)")
                let wrong = try await leader.rest("POST", "/switchover", #"{"leader": "nobody"}"#)
                #expect(wrong.status == 412, "\(wrong)")
                let empty = try await leader.rest("POST", "/failover", "{}")
                #expect(empty.status == 400, "\(empty)")
                #expect(try await cluster.waitForLeader() === leader)
            }
        }

        @Test func `a manual failover goes to the candidate`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let old = try await cluster.waitForLeader()
                let candidate = try #require(try await cluster.replicas().first)
                let result = try await old.control("failover batman --candidate \(candidate.name) --force")
                #expect(result.succeeded, "\(result)")
                #expect(try await cluster.waitForLeader(otherThan: old) === candidate)
                try await cluster.becomeHealthy()
            }
        }

        @Test func `pause keeps hands off until resume`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let replica = try #require(try await cluster.replicas().first)
                let paused = try await leader.control("pause batman --wait")
                #expect(paused.succeeded, "\(paused)")
                #expect(try await leader.rest("GET", "/cluster").json["pause"]?.bool == true)
                try await replica.killPostmaster(SIGINT)
                try await eventually("the replica's PostgreSQL has stopped") {
                    await replica.postmasterPID() == nil ? true : nil
                }
                try await steadily("PostgreSQL stays down while paused", for: .seconds(5)) {
                    await replica.postmasterPID() == nil
                }
                let resumed = try await leader.control("resume batman --wait")
                #expect(resumed.succeeded, "\(resumed)")
                try await cluster.waitForStreaming(replica)
                #expect(try await cluster.waitForLeader() === leader)
            }
        }

        @Test func `restart restarts one member and nothing else`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let replica = try #require(try await cluster.replicas().first)
                let before = await replica.postmasterPID()
                let leaderBefore = await leader.postmasterPID()
                let result = try await leader.control("restart batman \(replica.name) --force")
                #expect(result.succeeded, "\(result)")
                #expect(result.output.contains("Success: restart on member \(replica.name)"), "\(result)")
                try await cluster.waitForStreaming(replica)
                #expect(await replica.postmasterPID() != before)
                #expect(await leader.postmasterPID() == leaderBefore)
            }
        }

        @Test func `reinit makes a replica anew, and refuses the leader`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let replica = try #require(try await cluster.replicas().first)
                try await Shell.check("touch \(replica.dataDirectory)/marker")
                let result = try await leader.control("reinit batman \(replica.name) --force --wait")
                #expect(result.succeeded, "\(result)")
                #expect(result.output.contains("Success: reinitialize for member \(replica.name)"), "\(result)")
                try await cluster.waitForStreaming(replica)
                #expect(try await Shell.run("test -e \(replica.dataDirectory)/marker").succeeded == false)
                let refused = try await leader.rest("POST", "/reinitialize", "{}")
                #expect(refused.status == 503)
                #expect(refused.body.contains("I am the leader, can not reinitialize"))
            }
        }

        @Test func `edit-config reloads what it can and says what needs a restart`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let edit = try await leader.control("edit-config batman -p work_mem=5MB -p max_connections=103 --force")
                #expect(edit.succeeded, "\(edit)")
                for member in cluster.members {
                    try await eventually("work_mem is reloaded on \(member.name)") {
                        try await member.sql("SHOW work_mem") == "5MB" ? true : nil
                    }
                }
                try await eventually("every member waits for a restart") {
                    try await cluster.view().allSatisfy(\.isPendingRestart) ? true : nil
                }
                #expect(try await leader.sql("SHOW max_connections") == "100")
                let restart = try await leader.control("restart batman --pending --force")
                #expect(restart.succeeded, "\(restart)")
                try await cluster.becomeHealthy()
                for member in cluster.members {
                    try await eventually("max_connections is in force on \(member.name)") {
                        try await member.sql("SHOW max_connections") == "103" ? true : nil
                    }
                }
                try await eventually("nobody waits for a restart any more") {
                    try await cluster.view().allSatisfy { !$0.isPendingRestart } ? true : nil
                }
                let shown = try await leader.control("show-config batman")
                #expect(shown.output.contains("work_mem: 5MB"), "\(shown)")
            }
        }

        @Test(arguments: stores)
        func `patronictl list shows every member`(_ shared: SharedCluster) async throws {
            try await shared.run { cluster in
                let leader = try await cluster.waitForLeader()
                let list = try await leader.control("list batman")
                #expect(list.succeeded, "\(list)")
                #expect(list.output.hasPrefix("+ Cluster: batman ("), "\(list)")
                for member in cluster.members {
                    #expect(list.output.contains("| \(member.name) "), "\(list)")
                }
                #expect(list.output.contains("| Leader "), "\(list)")
                #expect(list.output.contains("| streaming "), "\(list)")
            }
        }
    }
}

extension SharedCluster: CustomTestStringConvertible {
    nonisolated var testDescription: String { store.rawValue }
}
