// A member of a real cluster without an agent: its server is made, configured and moved by the code under test.

import Glibc
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

let testLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

final class TestMember: Sendable {
    let directory: String
    let server: LocalServer
    let programs = installedPrograms

    init(_ name: MemberName, _ change: (inout PostgresSettings) -> Void = { _ in }) throws {
        directory = try makePostgresDirectory()
        let port = Int(try #require(Machine.freePort()))
        var settings = PostgresSettings(
            listenAddresses: "127.0.0.1", port: port,
            connectAddress: Endpoint(host: "127.0.0.1", port: port, database: "postgres"),
            dataDirectory: directory + "/data", passfile: directory + "/pgpass")
        settings.binDirectory = programs.binDirectory
        settings.superuser.username = "admin"
        settings.superuser.password = "se'cr:et"
        settings.replication.username = "replicator"
        settings.replication.password = "rep pass"
        var rewind = PostgresUser()
        rewind.username = "rewinder"
        rewind.password = "rewind"
        settings.rewind = rewind
        settings.hba = [
            "local all all trust", "host replication replicator 127.0.0.1/32 scram-sha-256",
            "host all all 127.0.0.1/32 scram-sha-256",
        ]
        settings.parameters = [
            "unix_socket_directories": .string(directory), "fsync": false, "shared_buffers": "16MB",
            "logging_collector": true, "log_directory": .string(directory), "log_filename": "log",
        ]
        settings.controlledParameters = [
            "wal_level": "replica", "hot_standby": "on", "max_connections": 30, "max_wal_senders": 5,
            "max_replication_slots": 5, "max_worker_processes": 8, "max_locks_per_transaction": 64,
            "max_prepared_transactions": 0, "track_commit_timestamp": "off", "wal_log_hints": "on",
            "wal_keep_size": "64MB",
        ]
        change(&settings)
        server = LocalServer(scope: "test", name: name, settings: settings, version: installedVersion)
    }

    var endpoint: Endpoint { server.settings.connectAddress }
    var configuration: ServerConfiguration { ServerConfiguration(server) }
    var parameters: Parameters { ServerParameters.wanted(server) }
    var superuser: ConnectionString {
        ConnectionString(to: endpoint, as: server.settings.superuser, database: "postgres")
    }
    var control: ControlDataReader { ControlDataReader(dataDirectory: server.files.data, programs: programs) }
    var rewind: Rewind { Rewind(server, programs, logger: testLogger) }

    /// initdb, start, users: a new primary.
    func bootstrap(_ settings: BootstrapSettings = BootstrapSettings()) async throws {
        var settings = settings
        if settings.initdb.isEmpty {
            settings.initdb = [ToolOption("no-sync"), ToolOption("encoding", "UTF8"), ToolOption("locale", "C")]
        }
        try await Bootstrap(server, settings, programs).run(by: soon(120))
        try await startAsPrimary()
        try await BootstrapUsers(server, programs).create(superuser, hook: settings.postBootstrap, by: soon())
    }

    func startAsPrimary() async throws {
        _ = try await configuration.apply(WantedConfiguration(parameters: parameters))
        try await start(parameters)
    }

    func startFollowing(_ other: TestMember?, useSlots: Bool = false) async throws {
        let recovery = RecoveryConfiguration.following(other?.endpoint, server, useSlots: useSlots)
        _ = try await configuration.apply(WantedConfiguration(parameters: parameters, recovery: recovery))
        let report = try await control.report(by: soon())
        let lines = Dictionary(report.map { ($0.label, $0.value) }, uniquingKeysWith: { $1 })
        try await start(ServerParameters.raisedForStandby(parameters, controlData: lines).parameters)
    }

    private func start(_ parameters: Parameters) async throws {
        let postmaster = try await Postmaster.start(ServerParameters.launch(server, parameters), programs: programs)
        let outcome = await postmaster.waitUntilReady(by: soon(60))
        try #require(outcome == .ready, "\((try? FileReading.text(directory + "/log")) ?? "no log")")
        try await configuration.saveBackups(parameters)
    }

    func clone(from other: TestMember) async throws {
        _ = try await ReplicaCreation(server, programs, logger: testLogger).create(from: other.endpoint)
    }

    func postmaster() async throws -> Postmaster {
        try #require(await Postmaster.attach(dataDirectory: server.files.data, programs: programs, by: soon()))
    }

    func stop(_ mode: StopMode = .fast) async throws {
        #expect(await (try postmaster()).stop(mode, by: soon(60)) == .stopped)
    }

    /// SIGKILL, as after a crash.
    func crash() async throws {
        _ = await (try postmaster()).kill(by: soon())
        _ = await Postmaster.terminateLeftovers(dataDirectory: server.files.data, programs: programs, by: soon(10))
    }

    func promote() async throws {
        try await (try postmaster()).promote()
        try await eventually("the promotion") { try await self.value("SELECT pg_is_in_recovery()") == "f" }
        _ = try await value("CHECKPOINT")
    }

    /// One value from this server, asked as the superuser.
    @discardableResult
    func value(_ sql: String) async throws -> String? {
        let connection = try await SQLConnection.open(superuser, by: soon())
        let rows = try await connection.execute(sql, by: soon())
        await connection.close()
        return rows.first?[0]
    }

    /// Waits until this standby streams from somebody and has all of `primary`'s log.
    func catchUp(with primary: TestMember) async throws {
        let target = try #require(try await primary.value("SELECT pg_current_wal_lsn()"))
        try await eventually("catching up to \(target)") {
            try await self.value(
                "SELECT pg_last_wal_replay_lsn() >= '\(target)' AND "
                    + "EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming')") == "t"
        }
    }

    func remove() async {
        if let postmaster = await Postmaster.attach(
            dataDirectory: server.files.data, programs: programs, by: soon())
        {
            if await postmaster.stop(.immediate, by: soon(10)) != .stopped { _ = await postmaster.kill(by: soon(10)) }
        }
        _ = await Postmaster.terminateLeftovers(dataDirectory: server.files.data, programs: programs, by: soon(10))
        try? FileTree.remove(directory)
    }
}

/// Runs the body with members, which are gone afterwards whatever happened.
func withMembers(_ members: TestMember..., body: () async throws -> Void) async throws {
    let result: Result<Void, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    for member in members { await member.remove() }
    try result.get()
}

func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = soon(30)
    while time.now < deadline {
        if (try? await condition()) == true { return }
        await time.sleep(until: time.now + .milliseconds(50))
    }
    Issue.record("waited in vain for \(what)")
    throw CancellationError()
}

/// A directory that belongs to the user PostgreSQL runs as.
func makePostgresDirectory() throws -> String {
    var template = Array("/tmp/patroni-member.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno.last }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if geteuid() == 0, let user = SystemUser.named("postgres") { _ = chown(path, user.id, gid_t.max) }
    return path
}

/// `server_version_num` of the installed programs, as far as the directory's name tells.
let installedVersion: Int = {
    let parts = installedPrograms.binDirectory.split(separator: "/")
    return (parts.dropLast().last.flatMap { Int($0) } ?? 15) * 10000
}()
