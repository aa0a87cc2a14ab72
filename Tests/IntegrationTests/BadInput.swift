// Wrong settings, wrong passwords, broken neighbours, hostile requests: a clear word, no crash, and data stays.

import Glibc
import PatroniCore
import Testing

extension IntegrationTests {
    @Suite("Bad input") struct BadInput {
        /// One member needs no etcd; another implementation has nothing else.
        static let store: StoreKind = Lab.isOverridden ? .etcd3 : .embedded

        /// Wrong configurations, and what the one line that is printed must name.
        static let wrongConfigurations: [(String, [String])] = [
            ("scope: [unclosed\nname: x\n", ["patroni.yml"]),
            ("\tscope: batman\n", ["patroni.yml"]),
            ("just a sentence", []),
            ("", []),
            ("name: pg0\n", ["scope"]),
        ]

        @Test(arguments: wrongConfigurations)
        func `a malformed configuration is one clear line and status 1`(
            _ text: String, _ named: [String]
        ) async throws {
            let lab = try await Lab.shared.value
            let folder = try await Shell.check("mktemp -d \(lab.folder)/bad.XXXXXX && chmod 755 \(lab.folder)/bad.*")
            let file = folder.split(separator: "\n").last.map { "\($0)/patroni.yml" } ?? ""
            try await Shell.check("cat > \(file) <<'YAML'\n\(text)\nYAML\nchmod 644 \(file)")
            let result = try await Shell.run(
                "\(lab.asUser.joined(separator: " ")) \(lab.ours.agent) \(file)", seconds: 20)
            #expect(result.status == 1, "\(result)")
            for word in named { #expect((result.output + result.errors).contains(word), "\(result)") }
            #expect(!(result.output + result.errors).trimmed.isEmpty)
        }

        @Test(arguments: [
            ("restapi: {listen: '127.0.0.1:notaport', connect_address: '127.0.0.1:8008'}", "restapi.listen"),
            ("postgresql: {listen: '127.0.0.1:99999', data_dir: /nowhere}", "postgresql.listen"),
        ])
        func `a wrong value is named with its key before anything is touched`(
            _ section: String, _ key: String
        ) async throws {
            let lab = try await Lab.shared.value
            let cluster = try await TestCluster.prepare(Self.store, members: [lab.ours])
            let member = cluster.members[0]
            let top = section.prefix { $0 != ":" }
            let lines = cluster.configuration(of: member).split(separator: "\n", omittingEmptySubsequences: false)
            var kept: [Substring] = []
            var isSkipping = false
            for line in lines {
                if !line.hasPrefix(" ") { isSkipping = line.hasPrefix(top + ":") }
                if !isSkipping { kept.append(line) }
            }
            let text = kept.joined(separator: "\n") + "\n" + section
            try await Shell.check("cat > \(member.configurationFile) <<'YAML'\n\(text)\nYAML")
            try member.start()
            try await member.agent?.waitForEnd(within: .seconds(15))
            let log = await member.agent?.log ?? ""
            #expect(log.contains(key), "\(log)")
            #expect(try await !Shell.run("test -e \(member.dataDirectory)").succeeded)
            try await Janitor.release(cluster.folder)
        }

        @Test func `an unreachable store is told, waited for, and then used`() async throws {
            let lab = try await Lab.shared.value
            let cluster = try await TestCluster.prepare(.etcd3, members: [lab.ours])
            let member = cluster.members[0]
            cluster.etcd?.daemon.send(SIGSTOP)
            try await cluster.run { cluster in
                try member.start()
                try await Task.sleep(for: .seconds(8))
                #expect(member.isAgentRunning, "the agent must wait for its store")
                #expect(try await !Shell.run("test -e \(member.dataDirectory)").succeeded)
                let log = await member.agent?.log ?? ""
                #expect(log.contains("\(cluster.etcd?.port ?? 0)"), "\(log)")
                cluster.etcd?.daemon.send(SIGCONT)
                try await cluster.waitForLeader(within: .seconds(60))
            }
            try await Janitor.release(cluster.folder)
        }

        @Test func `a second agent of the same name refuses to start, and the first goes on`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let member = try #require(cluster.members.last)
                let other = "\(cluster.folder)/twin"
                try await Shell.check(
                    "mkdir -p \(other) && sed -e 's|\(member.restPort)|\(Lab.freePort())|g' "
                        + "-e 's|\(member.postgresPort)|\(Lab.freePort())|g' -e 's|\(member.folder)/|\(other)/|g' "
                        + "\(member.configurationFile) > \(other)/patroni.yml "
                        + "&& chown -R --reference=\(member.folder) \(other)")
                let result = try await Shell.run(
                    "\(cluster.lab.asUser.joined(separator: " ")) \(member.implementation.agent) \(other)/patroni.yml",
                    seconds: 20)
                #expect(result.status == 1, "\(result)")
                let line = (result.output + result.errors).split(separator: "\n")
                    .first { $0.contains("Can't start; there is already a node named '\(member.name)' running") }
                // The level stands where Patroni's does: tools look for it in column 24.
                #expect(line?.dropFirst(24).hasPrefix("CRITICAL") == true, "\(result)")
                #expect(try await !Shell.run("test -e \(other)/data").succeeded)
                #expect(member.isAgentRunning)
                try await cluster.waitForStreaming(member)
            }
        }

        @Test func `a REST port that is taken is named`() async throws {
            let lab = try await Lab.shared.value
            let cluster = try await TestCluster.prepare(Self.store, members: [lab.ours])
            let member = cluster.members[0]
            let other = try Daemon(
                "squatter",
                command: [
                    "/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", cluster.folder + "/",
                    String(member.restPort),
                ], logFile: "\(cluster.folder)/squatter.log")
            try await eventually("the port is taken") {
                try await Shell.run("curl -s -m 1 http://127.0.0.1:\(member.restPort)/").succeeded ? true : nil
            }
            try member.start()
            try await member.agent?.waitForEnd(within: .seconds(20))
            let log = await member.agent?.log ?? ""
            #expect(log.contains(String(member.restPort)), "\(log)")
            #expect(try await !Shell.run("test -e \(member.dataDirectory)").succeeded)
            try await other.end()
            try await Janitor.release(cluster.folder)
        }

        @Test func `a PostgreSQL port that is taken leaves the agent alive and the data in place`() async throws {
            let lab = try await Lab.shared.value
            try await TestCluster.with(Self.store, members: [lab.ours]) { cluster in
                let member = cluster.members[0]
                try await member.sql("CREATE TABLE kept AS SELECT 1 AS x")
                try await member.stop()
                let squatter = try Daemon(
                    "squatter",
                    command: [
                        "/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                        cluster.folder + "/", String(member.postgresPort),
                    ], logFile: "\(cluster.folder)/squatter.log")
                try await Task.sleep(for: .seconds(1))
                try member.start()
                try await eventually("the agent answers") {
                    try await member.status(of: "/liveness") == 200 ? true : nil
                }
                try await Task.sleep(for: .seconds(5))
                #expect(member.isAgentRunning)
                #expect(try await member.status(of: "/primary") == 503)
                try await squatter.end()
                try await cluster.waitForLeader(within: .seconds(60))
                #expect(try await member.sql("SELECT x FROM kept") == "1")
            }
        }

        @Test func `a data directory that cannot be made is an error, and nothing else is harmed`() async throws {
            let lab = try await Lab.shared.value
            guard lab.user != nil else { return }
            let cluster = try await TestCluster.prepare(Self.store, members: [lab.ours])
            let member = cluster.members[0]
            try await Shell.check("mkdir -p \(cluster.folder)/closed && chmod 700 \(cluster.folder)/closed")
            try await Shell.check(
                "sed -i 's|data_dir: .*|data_dir: \(cluster.folder)/closed/data|' \(member.configurationFile)")
            try member.start()
            try await eventually("the log names the directory", within: .seconds(30)) {
                await member.agent?.log.contains("\(cluster.folder)/closed") == true ? true : nil
            }
            try await Task.sleep(for: .seconds(3))
            #expect(try await Shell.check("ls -A \(cluster.folder)/closed") == "")
            try await Janitor.release(cluster.folder)
        }

        @Test func `a wrong superuser password is told in the log and removes nothing`() async throws {
            let lab = try await Lab.shared.value
            try await TestCluster.with(Self.store, members: [lab.ours]) { cluster in
                let member = cluster.members[0]
                try await member.sql("CREATE TABLE kept AS SELECT 1 AS x")
                try await member.stop()
                try await Shell.check(
                    "sed -i 's/secret-s/wrong-one/' \(member.configurationFile) && "
                        + "sed -i 's/trust/md5/' \(member.dataDirectory)/pg_hba.conf")
                try member.start()
                try await eventually("the log tells of the password", within: .seconds(30)) {
                    await member.agent?.log.contains("password authentication failed") == true ? true : nil
                }
                #expect(member.isAgentRunning)
                try await member.stop()
                try await Shell.check("sed -i 's/wrong-one/secret-s/' \(member.configurationFile)")
                try member.start()
                try await cluster.waitForLeader(within: .seconds(60))
                #expect(try await member.sql("SELECT x FROM kept") == "1")
            }
        }

        @Test(arguments: ["config", "members/pg1", "status", "failover", "sync", "history", "initialize"])
        func `garbage in the store stops nobody`(_ key: String) async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let before = try await cluster.key(key)
                let postmasters = await cluster.postmasters()
                guard let etcd = cluster.etcd else { return }
                try await etcd.put("/service/batman/\(key)", #"{"not": [json"#)
                try await Task.sleep(for: .seconds(4))
                for member in cluster.members { #expect(member.isAgentRunning, "\(member.name) has ended") }
                #expect(await leader.isWritable, "the primary must go on")
                #expect(await cluster.postmasters() == postmasters, "no PostgreSQL may be restarted")
                if key == "config" || key == "initialize" { try await etcd.put("/service/batman/\(key)", before) }
                if key == "failover" || key == "sync" || key == "history" {
                    try await Shell.check(
                        "ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:\(etcd.port) del /service/batman/\(key)")
                }
            }
        }

        @Test(
            arguments: [
                ("PATCH", "/config", "{", 400...400), ("PATCH", "/config", "[1]", 400...400),
                ("PATCH", "/config", "", 400...400),
                ("POST", "/switchover", "not json", 400...400), ("POST", "/switchover", #"{"leader": 7}"#, 400...412),
                ("POST", "/failover", #"{"nonsense": true}"#, 400...400),
                ("POST", "/restart", #"{"role": 5}"#, 400...400),
                ("POST", "/restart", #"{"schedule": "tomorrow"}"#, 422...422), ("POST", "/restart", "[]", 400...400),
                ("GET", "/nonsense", nil, 503...503), ("DELETE", "/config", nil, 501...501),
                ("BREW", "/", nil, 400...501),
            ] as [(String, String, String?, ClosedRange<Int>)])
        func `a request that makes no sense gets a status and changes nothing`(
            _ method: String, _ path: String, _ body: String?, _ status: ClosedRange<Int>
        ) async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let postmaster = await leader.postmasterPID()
                let answer = try await leader.rest(method, path, body)
                #expect(status.contains(answer.status), "\(answer)")
                #expect(await leader.postmasterPID() == postmaster)
                #expect(try await cluster.waitForLeader() === leader)
            }
        }

        @Test func `oversized and endless requests are cut off, and others are served meanwhile`() async throws {
            try await SharedCluster.etcd.run { cluster in
                let leader = try await cluster.waitForLeader()
                let url = "http://127.0.0.1:\(leader.restPort)"
                async let endless = Shell.run(
                    "curl -s -m 20 -o /dev/null -w '%{http_code}' -X PATCH -T /dev/zero \(url)/config", seconds: 30)
                async let declared = Shell.run(
                    "head -c 300000000 /dev/zero | curl -s -m 20 -o /dev/null -w '%{http_code}' -X POST "
                        + "-H 'Content-Length: 300000000' --data-binary @- \(url)/switchover", seconds: 30)
                async let header = Shell.run(
                    "curl -s -m 10 -o /dev/null -w '%{http_code}' -H \"X: $(head -c 100000 /dev/zero | tr '\\0' x)\" "
                        + "\(url)/", seconds: 30)
                async let target = Shell.run(
                    "curl -s -m 10 -o /dev/null -w '%{http_code}' \(url)/$(head -c 100000 /dev/zero | tr '\\0' x)",
                    seconds: 30)
                async let garbage = Shell.run(
                    "exec 3<>/dev/tcp/127.0.0.1/\(leader.restPort); head -c 100000 /dev/urandom >&3; timeout 5 cat <&3",
                    seconds: 30)
                async let silent = Shell.run(
                    "exec 3<>/dev/tcp/127.0.0.1/\(leader.restPort); printf 'GET / HTTP/1.1\\r\\nHo' >&3; sleep 5",
                    seconds: 30)
                try await steadily("health checks answer", for: .seconds(4)) {
                    try await leader.status(of: "/primary") == 200
                }
                _ = try await (endless, declared, header, target, garbage, silent)
                #expect(try await leader.status(of: "/primary") == 200)
                let resident = try await Shell.check("awk '/VmRSS/ {print $2}' /proc/\(leader.agent?.pid ?? 0)/status")
                #expect((Int(resident) ?? .max) < 120_000, "the agent grew to \(resident) kB")
                #expect(try await cluster.waitForLeader() === leader)
            }
        }
    }
}

extension TestCluster {
    fileprivate func postmasters() async -> [Int32?] {
        var pids: [Int32?] = []
        for member in members { pids.append(await member.postmasterPID()) }
        return pids
    }
}
