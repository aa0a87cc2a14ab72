// Old primaries come back: those that lost nothing follow, those that diverged are rewound.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct RewindTests {
    /// A primary and its streaming replica with a table in both.
    private func pair(_ body: (_ old: TestMember, _ new: TestMember) async throws -> Void) async throws {
        let (old, new) = (try TestMember("old"), try TestMember("new"))
        try await withMembers(old, new) {
            try await old.bootstrap()
            try await old.value("CREATE TABLE t AS SELECT 1 AS id")
            try await new.clone(from: old)
            try await new.startFollowing(old)
            try await new.catchUp(with: old)
            try await body(old, new)
        }
    }

    private func position(of member: TestMember) async throws -> LocalPosition {
        try #require(LocalPosition(try await member.control.read(by: soon())))
    }

    @Test func `a primary that handed over everything follows without a rewind`() async throws {
        try await pair { old, new in
            try await old.value("INSERT INTO t VALUES (2)")
            try await old.stop()
            let control = try await old.control.read(by: soon())
            let shutdown = try #require(await old.control.shutdownCheckpoint(control, by: soon()))
            // The replica has the shutdown checkpoint: that is what a handover waits for.
            try await eventually("the checkpoint to arrive") {
                try await new.value("SELECT pg_last_wal_receive_lsn() > '\(shutdown.location)'") == "t"
            }
            try await new.promote()
            #expect(
                await old.rewind.check(try await position(of: old), against: ServerAddress(new.endpoint), by: soon())
                    == .same)
            try await old.startFollowing(new)
            try await old.catchUp(with: new)
        }
    }

    @Test func `a crashed primary with rows of its own is rewound and follows`() async throws {
        try await pair { old, new in
            try await new.stop()
            try await old.value("INSERT INTO t VALUES (2)")
            try await old.crash()
            try await new.startFollowing(nil)
            try await new.promote()
            try await new.value("INSERT INTO t VALUES (3)")

            let crashed = try await old.control.read(by: soon())
            #expect(crashed.state == .inProduction && LocalPosition(crashed) == nil)
            #expect(await old.rewind.recoverInSingleUserMode(by: soon(60)) == nil)
            #expect(try await old.control.read(by: soon()).state == .shutDown)
            guard
                case .diverged = await old.rewind.check(
                    try await position(of: old), against: ServerAddress(new.endpoint), by: soon())
            else {
                Issue.record("the old primary has a row that the new one never had")
                return
            }
            #expect(await old.rewind.isPossible(try await old.control.read(by: soon()), by: soon()))
            #expect(await old.rewind.run(from: ServerAddress(new.endpoint), by: soon(60)) == .rewound)
            try await old.startFollowing(new)
            try await old.catchUp(with: new)
            #expect(try await old.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM t") == "1,3")
        }
    }

    @Test func `a standby that replayed too much has diverged, running or stopped`() async throws {
        let (one, two, three) = (try TestMember("one"), try TestMember("two"), try TestMember("three"))
        try await withMembers(one, two, three) {
            try await losePrimary(one, stoppedBefore: two, after: three)
            try await two.startFollowing(nil)
            try await two.promote()

            let running = LocalPosition.standby(
                Timeline(1), replayed: LSN(try await three.value("SELECT pg_last_wal_replay_lsn()") ?? "") ?? .zero)
            guard case .diverged = await three.rewind.check(running, against: ServerAddress(two.endpoint), by: soon())
            else {
                Issue.record("the running standby replayed what the new primary never had")
                return
            }
            try await three.stop()
            guard
                case .diverged = await three.rewind.check(
                    try await position(of: three), against: ServerAddress(two.endpoint), by: soon())
            else {
                Issue.record("the stopped standby replayed what the new primary never had")
                return
            }
            #expect(await three.rewind.run(from: ServerAddress(two.endpoint), by: soon(60)) == .rewound)
            try await three.startFollowing(two)
            try await three.catchUp(with: two)
        }
    }

    @Test func `two promotions to one timeline are told apart, and pg_rewind refuses`() async throws {
        let (one, two, three) = (try TestMember("one"), try TestMember("two"), try TestMember("three"))
        try await withMembers(one, two, three) {
            try await losePrimary(one, stoppedBefore: two, after: three)
            try await three.promote()
            try await two.startFollowing(nil)
            try await two.promote()
            try await two.value("CREATE TABLE other AS SELECT generate_series(1, 100000)")

            let standby = LocalPosition.standby(Timeline(2), replayed: LSN(1))
            try await two.value("CHECKPOINT")
            try await three.stop()
            for local in [standby, try await position(of: three)] {
                guard case .forked = await three.rewind.check(local, against: ServerAddress(two.endpoint), by: soon())
                else {
                    Issue.record("\(local): another timeline 2 was taken for the leader's")
                    continue
                }
            }
            guard
                case .failed(_, isFinal: true) = await three.rewind.run(
                    from: ServerAddress(two.endpoint), by: soon(60))
            else {
                Issue.record("pg_rewind did nothing, and that was taken for a success")
                return
            }
        }
    }

    @Test func `two promotions to one timeline at the same place differ in their bytes`() async throws {
        let (one, two, three) = (try TestMember("one"), try TestMember("two"), try TestMember("three"))
        try await withMembers(one, two, three) {
            try await one.bootstrap()
            try await two.clone(from: one)
            try await three.clone(from: one)
            try await two.startFollowing(one)
            try await three.startFollowing(one)
            try await two.catchUp(with: one)
            try await three.catchUp(with: one)
            try await one.stop()
            try await three.promote()
            try await three.stop()
            try await three.startFollowing(nil)
            try await two.promote()
            try await two.value("CREATE TABLE other AS SELECT generate_series(1, 100000)")
            try await two.value("CHECKPOINT")
            let (ours, theirs) = (
                try FileReading.text(HistoryFile.path(of: Timeline(2), in: three.server.files.wal)),
                try FileReading.text(HistoryFile.path(of: Timeline(2), in: two.server.files.wal))
            )
            #expect(ours == theirs, "both left timeline 1 at the same place")

            let end = LSN(try await three.value("SELECT pg_last_wal_replay_lsn()") ?? "") ?? .zero
            let leader = ServerAddress(two.endpoint)
            #expect(await check(three, .standby(Timeline(2), replayed: end), leader) == "forked")
            // The leader goes on to a timeline that says of itself that it comes from ours.
            try await two.stop()
            try await two.startFollowing(nil)
            try await two.promote()
            #expect(await check(three, .standby(Timeline(2), replayed: end), leader) == "forked")
            try await three.stop()
            #expect(await check(three, try await position(of: three), leader) == "forked")
            // Who really comes from there is not taken for another one.
            try FileTree.remove(three.server.files.data)
            try await three.clone(from: two)
            try await three.startFollowing(two)
            try await three.catchUp(with: two)
            let copied = LSN(try await three.value("SELECT pg_last_wal_replay_lsn()") ?? "") ?? .zero
            #expect(await check(three, .standby(Timeline(3), replayed: copied), leader) == "same")
        }
    }

    private func check(_ member: TestMember, _ local: LocalPosition, _ leader: ServerAddress) async -> String {
        let verdict = await member.rewind.check(local, against: leader, by: soon())
        return switch verdict {
        case .forked: "forked"
        case .same: "same"
        default: "\(verdict)"
        }
    }

    @Test func `a leader that does not answer, or is a standby, answers nothing`() async throws {
        try await pair { old, new in
            let local = LocalPosition.standby(Timeline(1), replayed: LSN(1))
            guard
                case .unknown(let why) = await old.rewind.check(local, against: ServerAddress(new.endpoint), by: soon())
            else {
                Issue.record("a standby was taken for the leader")
                return
            }
            #expect(!why.isEmpty)
            try await new.stop()
            guard case .unknown = await old.rewind.check(local, against: ServerAddress(new.endpoint), by: soon()) else {
                Issue.record("a stopped server was taken for the leader")
                return
            }
            guard case .notNow = await old.rewind.run(from: ServerAddress(new.endpoint), by: soon()) else {
                Issue.record("rewound from a stopped server")
                return
            }
        }
    }

    @Test func `segments that wait for the archive are saved before a crash recovery`() async throws {
        let member = try TestMember("one") { settings in
            settings.parameters["archive_mode"] = "on"
            // Fails until the directory is there.
            let archive = settings.dataDirectory + "/../archive"
            settings.parameters["archive_command"] = .string("cp %p \(archive)/%f")
        }
        try await withMembers(member) {
            try await member.bootstrap()
            try await member.value("CREATE TABLE t AS SELECT 1 AS id")
            try await member.value("SELECT pg_switch_wal()")
            try await eventually("a segment that waits") {
                let files = member.server.files
                return !(await WalArchiving(files, member.programs, logger: testLogger).ready()).isEmpty
            }
            try await member.crash()
            let archive = member.directory + "/archive"
            try FileTree.create(archive, mode: 0o777)
            try await makeReadable(archive)
            #expect(await member.rewind.recoverInSingleUserMode(by: soon(60)) == nil)
            #expect(!(try FileReading.names(in: archive)).isEmpty)
            try await member.startAsPrimary()
            #expect(try await member.value("SELECT id FROM t") == "1")
        }
    }

    /// Two standbys of a primary that dies: one was stopped before its last records, the other has them.
    private func losePrimary(
        _ primary: TestMember, stoppedBefore behind: TestMember, after ahead: TestMember
    ) async throws {
        try await primary.bootstrap()
        try await behind.clone(from: primary)
        try await ahead.clone(from: primary)
        try await behind.startFollowing(primary)
        try await ahead.startFollowing(primary)
        try await behind.catchUp(with: primary)
        try await behind.stop()
        try await primary.value("CREATE TABLE more AS SELECT generate_series(1, 1000)")
        try await ahead.catchUp(with: primary)
        try await primary.stop(.immediate)
    }

    /// The umask may have taken rights away from the directory.
    private func makeReadable(_ path: String) async throws {
        var plain = installedPrograms
        plain.prefix = []
        #expect(try await plain.run("chmod", ["777", path], by: soon()).isSuccess)
    }
}
