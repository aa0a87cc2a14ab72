// What the local server says about itself, as primary, as standby, and after promotion.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite("Inspection") struct InspectionTests {
    /// Looks until it is as wanted; the last look is returned in any case.
    func look(
        _ inspection: Inspection, _ postmaster: Postmaster, until wanted: (RunningServer) -> Bool
    ) async throws -> RunningServer {
        let end = soon()
        while true {
            let status = await inspection.status(of: postmaster, by: soon(5))
            if let running = status.running, wanted(running) || time.now > end { return running }
            if time.now > end { Issue.record("\(status)") }
            await time.sleep(until: time.now + .milliseconds(20))
        }
    }

    @Test func `primary and standby, before and after promotion`() async throws {
        try await withServer { server in
            let first = try await server.start()
            let onFirst = Inspection(server.settings, .heartbeat)
            let primary = try await look(onFirst, first) { $0.isPrimary }
            #expect(primary.isPrimary && primary.timeline == Timeline(1) && primary.version >= 130000)
            #expect(primary.position > .zero)
            let started = try #require(primary.postmasterStart)
            #expect(started < time.wallTime + .seconds(2) && started + .seconds(60) > time.wallTime)

            let standby = try await TestServer(standbyOf: server)
            do { try await followAndPromote(server, onFirst, standby) } catch {
                await standby.remove()
                throw error
            }
            await standby.remove()
        }
    }

    func followAndPromote(_ server: TestServer, _ onFirst: Inspection, _ standby: TestServer) async throws {
        let second = try await standby.start()
        let onSecond = Inspection(standby.settings, .heartbeat)
        _ = try await onFirst.query("CREATE TABLE public.t AS SELECT 1 AS n", by: soon())
        let written = try await onFirst.running(by: soon()).position
        let streaming = try await look(onSecond, second) {
            $0.position >= written && $0.standby?.replayedTimestamp != nil
        }
        let progress = try #require(streaming.standby)
        #expect(streaming.timeline == Timeline(1))
        #expect(progress.replicationState == "streaming")
        #expect(progress.upstream == Endpoint(host: "127.0.0.1", port: server.settings.port))
        #expect(progress.received ?? .zero >= written)
        #expect(!progress.isReplayPaused)
        #expect((progress.latestUpstreamEnd ?? .zero) >= written)

        let senders = try await onFirst.walSenders(by: soon())
        #expect(senders.count == 1)
        #expect(senders.first?.applicationName == "t" && senders.first?.user == "postgres")
        #expect(senders.first?.state == "streaming" && senders.first?.syncState == "async")
        #expect(senders.first?.clientAddress == "127.0.0.1" && senders.first?.syncPriority == 0)
        _ = try await onFirst.query("SELECT pg_create_physical_replication_slot('a')", by: soon())

        _ = try await onSecond.query("SELECT pg_wal_replay_pause()", by: soon())
        #expect(try await onSecond.running(by: soon()).standby?.isReplayPaused == true)
        _ = try await onSecond.query("SELECT pg_wal_replay_resume()", by: soon())

        let old = try #require(
            await Postmaster.attach(dataDirectory: server.data, programs: server.programs, by: soon()))
        #expect(await old.stop(.fast, by: soon()) == .stopped)
        let alone = try await look(onSecond, second) { $0.standby?.replicationState == nil }
        #expect(alone.standby?.upstream == nil)
        try await second.promote()
        let promoted = try await look(onSecond, second) { server in
            if !server.isPrimary { try? second.nudge() }
            return server.isPrimary
        }
        #expect(promoted.isPrimary && promoted.timeline == Timeline(2))
        try await rejoin(server, onFirst, standby)
    }

    /// The old primary, shut down cleanly, follows the new one onto its timeline.
    func rejoin(_ old: TestServer, _ onOld: Inspection, _ new: TestServer) async throws {
        try await old.follow(new)
        try await old.write(old.data + "/standby.signal", "")
        let postmaster = try await old.start()
        // The control file says the new timeline before the receiver has connected.
        let rejoined = try await look(onOld, postmaster) {
            $0.timeline == Timeline(2) && $0.standby?.upstream?.port == new.settings.port
        }
        #expect(rejoined.timeline == Timeline(2))
        #expect(rejoined.standby?.upstream?.port == new.settings.port)

        let identity = try await ReplicationCommands.identify(
            new.settings.replicationConnection(to: Endpoint(host: "127.0.0.1", port: new.settings.port)), by: soon())
        #expect(identity.timeline == Timeline(2))
        let connection = try await SQLConnection.open(new.settings.localReplicationConnection(), by: soon())
        let history = try await ReplicationCommands.timelineHistory(Timeline(2), on: connection, by: soon())
        #expect(history.hasPrefix("1\t"))
        #expect(try await old.control.read(by: soon()).systemIdentifier == identity.systemIdentifier)
    }

    @Test func `a connection from before a restart is replaced`() async throws {
        try await withServer { server in
            let before = try await server.start()
            let inspection = Inspection(server.settings, .heartbeat)
            _ = try await inspection.running(by: soon())
            #expect(await before.stop(.fast, by: soon()) == .stopped)
            let after = try await server.start()
            #expect(try await inspection.running(by: soon()).isPrimary)
            #expect(await inspection.status(of: before, by: soon()) == .stopped)
            #expect(await inspection.status(of: after, by: soon()).isPrimary)
        }
    }
}

@Suite("Control data") struct ControlDataTests {
    @Test func `the file is read as pg_controldata reads it`() async throws {
        try await withServer { server in
            #expect(try await agrees(server).state == .shutDown)
            let postmaster = try await server.start()
            #expect(try await agrees(server).state == .inProduction)
            _ = await postmaster.stop(.immediate, by: soon())
            let crashed = try await agrees(server)
            #expect(crashed.state == .inProduction && crashed.state.isUnclean && crashed.allowsRewind)
            #expect(await server.control.inspect(by: soon()) == .holds(crashed))
            #expect(DataDirectoryVersion.read(server.data).map { $0 >= 13 } == true)
        }
    }

    /// Both ways of reading give the same.
    private func agrees(_ server: TestServer) async throws -> ControlData {
        let direct = try await server.control.read(by: soon())
        let report = try await server.control.report(by: soon())
        let lines = Dictionary(report.map { ($0.label, $0.value) }, uniquingKeysWith: { $1 })
        #expect(ControlData(controlDataLines: lines) == direct)
        return direct
    }

    @Test(arguments: ["off", "on"])
    func `the end of the log is before the switch that archiving makes`(_ archiving: String) async throws {
        try await withServer { server in
            let postmaster = try await server.start([("archive_mode", archiving), ("archive_command", "true")])
            let inspection = Inspection(server.settings, .heartbeat)
            _ = try await inspection.query("CREATE TABLE public.t ()", by: soon())
            let running = try await server.control.read(by: soon())
            #expect(await server.control.shutdownCheckpoint(running, by: soon()) == nil)
            let before = try await inspection.running(by: soon()).position
            await inspection.close()
            #expect(try !postmaster.signalStop(.fast))
            #expect(await postmaster.process.waitForExit(by: soon()))
            let data = try await server.control.read(by: soon())
            let end = try #require(await server.control.shutdownCheckpoint(data, by: soon()))
            #expect(end.location == data.checkpoint)
            #expect(end.location >= before)
            #expect((end.lastPosition < end.location) == (archiving == "on"))
        }
    }

    @Test func `empty, unreadable and inaccessible are three things`() async throws {
        try await withServer { server in
            let path = server.directory + "/other"
            let reader = ControlDataReader(dataDirectory: path, programs: server.programs)
            #expect(await reader.inspect(by: soon()) == .empty)
            try FileTree.create(path + "/lost+found")
            try await server.write(path + "/.hidden", "")
            #expect(await reader.inspect(by: soon()) == .empty)
            try await server.write(path + "/PG_VERSION", "15\n")
            guard case .unreadable(let reason) = await reader.inspect(by: soon()) else {
                Issue.record("no control file is there")
                return
            }
            #expect(reason.contains("global/pg_control: No such file or directory"))
            let inside = ControlDataReader(dataDirectory: path + "/PG_VERSION/x", programs: server.programs)
            guard case .inaccessible = await inside.inspect(by: soon()) else {
                Issue.record("a file is in the way")
                return
            }
        }
    }

    @Test func `a damaged control file is not believed`() async throws {
        try await withServer { server in
            let path = server.data + "/global/pg_control"
            var bytes = try FileReading.bytes(path)
            bytes[40] ^= 1
            try await offPool { [bytes] () throws(FileError) in try DurableFile.write(path, bytes) }
            guard case .unreadable = await server.control.inspect(by: soon()) else {
                Issue.record("the checksum is wrong")
                return
            }
        }
    }
}
