// The postmaster's life: start, attach, stop, promote, die.

import Glibc
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite("Postmaster") struct PostmasterTests {
    @Test func `a server is started detached, found again, and stopped`() async throws {
        try await withServer { server in
            let none = await Postmaster.attach(dataDirectory: server.data, programs: server.programs, by: soon())
            #expect(none == nil)
            let postmaster = try await server.start([("work_mem", "5MB")])
            #expect(ProcessTable.entry(postmaster.pid)?.session == postmaster.pid)
            let found = await Postmaster.attach(dataDirectory: server.data, programs: server.programs, by: soon())
            #expect(found?.pid == postmaster.pid)
            #expect(await postmaster.isReady(by: soon()))
            let inspection = Inspection(server.settings, .heartbeat)
            #expect(try await inspection.query("SHOW work_mem", by: soon()).first?[0] == "5MB")
            await #expect(throws: PostmasterError.self) {
                try await Postmaster.start(server.launch(), programs: server.programs)
            }
            let watch = Task { await found?.waitForExit() }
            #expect(await postmaster.stop(.fast, by: soon()) == .stopped)
            await watch.value
            #expect(await inspection.status(of: postmaster, by: soon()) == .stopped)
            #expect(try await server.control.read(by: soon()).state == .shutDown)
            let gone = await Postmaster.attach(dataDirectory: server.data, programs: server.programs, by: soon())
            #expect(gone == nil)
        }
    }

    @Test func `PostgreSQL does not see our settings`() {
        let launch = PostmasterLaunch(
            dataDirectory: "/d", configurationFile: "/c", options: [("port", "5")],
            environment: [
                "PATRONI_NAME": "x", "KUBERNETES_PORT": "1", "NOTIFY_SOCKET": "/s", "PG_MALLOC_ARENA_MAX": "2",
                "A": "b",
            ])
        #expect(launch.cleanEnvironment == ["MALLOC_ARENA_MAX": "2", "A": "b"])
        #expect(launch.arguments == ["-D", "/d", "--config-file=/c", "--port=5"])
    }

    @Test func `a start that fails says so at once`() async throws {
        try await withServer { server in
            let postmaster = try await Postmaster.start(
                server.launch([("shared_buffers", "nonsense")]), programs: server.programs)
            let outcome = await postmaster.waitUntilReady(by: soon())
            #expect(outcome == .exited(status: 1 << 8))
            let wrong = PostgresPrograms(binDirectory: "/no/such/place")
            await #expect(throws: PostmasterError.self) {
                try await Postmaster.start(server.launch(), programs: wrong)
            }
        }
    }

    @Test func `a pid file whose pid is a stranger's now is no obstacle`() async throws {
        try await withServer { server in
            let sleep = try #require(Machine.findProgram("sleep"))
            let stranger = try DetachedProcess.start(sleep, ["60"], environment: [:])
            let text = "\(stranger.pid)\n\(server.data)\n1000\n5432\n/tmp\n127.0.0.1\n  1 2\nready\n"
            try await server.write(server.data + "/postmaster.pid", text)
            let attached = await Postmaster.attach(dataDirectory: server.data, programs: server.programs, by: soon())
            #expect(attached == nil)
            let postmaster = try await server.start()
            #expect(postmaster.pid != stranger.pid)
            #expect(!stranger.hasExited)
            _ = try stranger.send(SIGKILL)
            await stranger.waitForExit()
        }
    }

    @Test func `a postmaster that is dead but not reaped yet is no obstacle`() async throws {
        try await withServer { server in
            let shell = try #require(Machine.findProgram("sh"))
            // The child ends under a parent that never asks for it.
            let file = server.data + "/zombie"
            let parent = try DetachedProcess.start(
                shell, ["-c", "sleep 0 & echo $! > \(file); exec sleep 60"], environment: EnvironmentVariables.current)
            var zombie: ProcessEntry?
            let deadline = soon()
            while zombie?.state != "Z", time.now < deadline {
                zombie = (try? FileReading.text(file)).flatMap { Int32($0.trimmedSpaces) }.flatMap(ProcessTable.entry)
                await time.sleep(until: time.now + .milliseconds(20))
            }
            let pid = try #require(zombie.map(\.pid))
            let text = "\(pid)\n\(server.data)\n1000\n5432\n/tmp\n127.0.0.1\n  1 2\nready\n"
            try await server.write(server.data + "/postmaster.pid", text)
            let postmaster = try await server.start()
            #expect(await postmaster.waitUntilReady(by: soon()) == .ready)
            _ = try parent.send(SIGKILL)
            await parent.waitForExit()
        }
    }

    @Test func `after a kill nothing is left, and the next start succeeds`() async throws {
        try await withServer { server in
            let postmaster = try await server.start()
            let inspection = Inspection(server.settings, .heartbeat)
            // A backend too busy to notice that its postmaster is gone.
            let busy = try await SQLConnection.open(
                server.settings.localConnection(.heartbeat, statementTimeout: false), by: soon())
            let backend = await busy.backendPID
            let running = Task {
                try? await busy.query("SELECT count(*) FROM generate_series(1, 100000000000) n", by: soon(60))
            }
            await time.sleep(until: time.now + .milliseconds(200))
            #expect(await postmaster.clientBackends().map(\.pid) == [backend])
            #expect(
                await Postmaster.terminateLeftovers(
                    dataDirectory: server.data, programs: server.programs, by: soon()) == false, "it lives")
            #expect(try postmaster.process.send(SIGKILL))
            await postmaster.waitForExit()
            #expect(await inspection.status(of: postmaster, by: soon()) == .stopped)
            #expect(ProcessTable.entry(backend)?.isAlive == true)
            #expect(
                await Postmaster.terminateLeftovers(
                    dataDirectory: server.data, programs: server.programs, by: soon()))
            #expect(ProcessTable.entry(backend)?.isAlive != true)
            _ = await running.value
            let next = try await server.start()
            #expect(await next.kill(by: soon()) == .stopped)
            #expect(try await server.control.read(by: soon()).state == .inProduction)
        }
    }

    @Test func `a stopping server shows whom it waits for`() async throws {
        try await withServer { server in
            let postmaster = try await server.start()
            #expect(await postmaster.clientBackends().isEmpty)
            let connection = try await SQLConnection.open(server.settings.localConnection(.restAPI), by: soon())
            #expect(await postmaster.clientBackends().count == 1)
            #expect(try !postmaster.signalStop(.smart))
            let waiting = await postmaster.lookWhileStopping(.inProduction)
            #expect(waiting.clients == 1 && waiting.senders.isEmpty && !waiting.isFrozen)
            #expect(try postmaster.process.send(SIGSTOP))
            await time.sleep(until: time.now + .milliseconds(50))
            #expect(await postmaster.lookWhileStopping(.inProduction).isFrozen)
            #expect(try postmaster.process.send(SIGCONT))
            await connection.close()
            #expect(await postmaster.process.waitForExit(by: soon()))
            #expect(try await server.control.read(by: soon()).state == .shutDown)
        }
    }

    @Test(arguments: [
        ("postgres: walsender repl 10.0.0.1(4711) streaming 0/3000148", LSN(0x3000148)),
        ("postgres: test: walsender repl [local] streaming 1/0", LSN(0x1_0000_0000)),
        ("postgres: walsender repl 10.0.0.1(4711) idle", nil), ("postgres: walsender ", nil),
    ])
    func `a sender's title tells how far it has sent`(_ title: String, _ position: LSN?) {
        let process = ServerProcess(pid: 1, title: title)
        #expect(process.isSender && process.sentPosition == position)
        #expect(!process.isClientBackend)
        #expect(!ServerProcess(pid: 1, title: "postgres: checkpointer ").isSender)
    }

    @Test(arguments: [
        ("postgres: test: checkpointer ", false), ("postgres: checkpointer ", false),
        ("postgres: test: walsender repl 10.0.0.1(4711) streaming 0/1", false),
        ("postgres: test: alice shop 10.0.0.1(4711) idle", true), ("postgres: alice shop [local] SELECT", true),
        ("postgres: autovacuum worker shop", false), ("postgres: io worker 0", false), ("sh -c true", false),
    ])
    func `processes are classified by their title`(_ title: String, _ isClient: Bool) {
        #expect(ServerProcess(pid: 1, title: title).isClientBackend == isClient)
    }
}
