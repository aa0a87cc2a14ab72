// A real PostgreSQL for tests: initdb once, a copy for each test, stopped and removed at the end.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPostgres
import Synchronization
import Testing

let time = SystemTime()

func soon(_ seconds: Int = 30) -> Moment { time.now + .seconds(seconds) }

/// Where PostgreSQL's programs are; run as `postgres` when we are root, as PostgreSQL refuses to run as root.
let installedPrograms: PostgresPrograms = {
    let versions = ((try? FileReading.names(in: "/usr/lib/postgresql")) ?? []).sorted {
        (Int($0) ?? 0) < (Int($1) ?? 0)
    }
    var programs = PostgresPrograms(binDirectory: versions.last.map { "/usr/lib/postgresql/\($0)/bin" } ?? "")
    if geteuid() == 0 {
        programs.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    }
    return programs
}()

/// One cluster in a directory of its own.
final class TestServer: Sendable {
    let directory: String
    let settings: PostgresSettings
    let programs = installedPrograms
    var data: String { settings.dataDirectory }

    /// A fresh primary's data directory, not started.
    init() async throws {
        directory = try Self.makeDirectory()
        settings = try Self.settings(directory)
        try await Self.copy(try await Template.shared.path(), settings.dataDirectory)
        try await configure()
    }

    /// A standby of a running server.
    init(standbyOf primary: TestServer) async throws {
        directory = try Self.makeDirectory()
        settings = try Self.settings(directory)
        let result = try await programs.run(
            .baseBackup,
            [
                "-D", settings.dataDirectory, "-X", "stream", "--checkpoint=fast", "--no-sync",
                "-d", primary.settings.localReplicationConnection().text,
            ], by: soon(60))
        try #require(result.isSuccess, "\(result.errorOutput)")
        try await configure()
        try await follow(primary)
        try await write(data + "/standby.signal", "")
    }

    /// Points primary_conninfo at another server.
    func follow(_ primary: TestServer) async throws {
        let upstream: ConnectionString = [
            "host": "127.0.0.1", "port": String(primary.settings.port), "user": "postgres", "application_name": "t",
        ]
        try await write(data + "/postgresql.auto.conf", "primary_conninfo = '\(upstream.text)'\n")
    }

    private func configure() async throws {
        let lines = [
            "listen_addresses = '127.0.0.1'", "port = \(settings.port)", "unix_socket_directories = '\(directory)'",
            "fsync = off", "shared_buffers = 16MB", "max_connections = 20", "wal_log_hints = on",
            "log_directory = '\(directory)'", "log_filename = 'log'", "logging_collector = on",
            "cluster_name = 'test'", "hot_standby = on", "wal_keep_size = 64MB",
        ]
        try await write(data + "/postgresql.conf", lines.joined(separator: "\n") + "\n")
    }

    /// Writes a file that belongs to the server's user. Off the pool: fsync takes long on a busy disk.
    func write(_ path: String, _ text: String) async throws {
        try await offPool { () throws(FileError) in try DurableFile.write(path, text) }
        if geteuid() == 0, let user = SystemUser.named("postgres") { _ = chown(path, user.id, gid_t.max) }
    }

    func launch(_ options: [(name: String, value: String)] = []) -> PostmasterLaunch {
        PostmasterLaunch(
            dataDirectory: data, configurationFile: data + "/postgresql.conf", options: options)
    }

    /// Starts it and waits until it accepts connections.
    func start(_ options: [(name: String, value: String)] = []) async throws -> Postmaster {
        let postmaster = try await Postmaster.start(launch(options), programs: programs)
        let outcome = await postmaster.waitUntilReady(by: soon(60))
        try #require(outcome == .ready, "\((try? FileReading.text(directory + "/log")) ?? "no log")")
        return postmaster
    }

    var control: ControlDataReader { ControlDataReader(dataDirectory: data, programs: programs) }

    /// Stops whatever runs and removes the directory.
    func remove() async {
        if let postmaster = await Postmaster.attach(dataDirectory: data, programs: programs, by: soon()) {
            if await postmaster.stop(.immediate, by: soon(10)) != .stopped { _ = await postmaster.kill(by: soon(10)) }
        }
        _ = await Postmaster.terminateLeftovers(dataDirectory: data, programs: programs, by: soon(10))
        try? FileTree.remove(directory)
    }

    private static func settings(_ directory: String) throws -> PostgresSettings {
        let port = Int(try #require(Machine.freePort()))
        var settings = PostgresSettings(
            listenAddresses: "127.0.0.1", port: port, connectAddress: Endpoint(host: "127.0.0.1", port: port),
            dataDirectory: directory + "/data", passfile: directory + "/pgpass")
        settings.superuser.username = "postgres"
        settings.replication.username = "postgres"
        settings.usesUnixSocket = true
        settings.usesUnixSocketForReplication = true
        settings.parameters["unix_socket_directories"] = .string(directory)
        return settings
    }

    fileprivate static func makeDirectory() throws -> String {
        var template = Array("/tmp/patroni-pg.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno.last }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if geteuid() == 0, let user = SystemUser.named("postgres") { _ = chown(path, user.id, gid_t.max) }
        return path
    }

    fileprivate static func copy(_ source: String, _ target: String) async throws {
        var plain = installedPrograms
        plain.prefix = []
        let result = try await plain.run("cp", ["-a", source, target], by: soon(60))
        try #require(result.isSuccess, "\(result.errorOutput)")
    }
}

/// Runs the body with a server, which is gone afterwards whatever happened.
func withServer<Value>(_ body: (TestServer) async throws -> Value) async throws -> Value {
    let server = try await TestServer()
    do {
        let value = try await body(server)
        await server.remove()
        return value
    } catch {
        await server.remove()
        throw error
    }
}

/// The one initdb of a test run.
private actor Template {
    static let shared = Template()
    private var made: Task<String, any Error>?

    func path() async throws -> String {
        let task = made ?? Task { try await Self.make() }
        made = task
        return try await task.value
    }

    private static func make() async throws -> String {
        let directory = try TestServer.makeDirectory()
        templateToRemove.withLock { $0 = directory }
        atexit { templateToRemove.withLock { path in try? FileTree.remove(path) } }
        let result = try await installedPrograms.run(
            .initdb,
            ["-D", directory + "/data", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"],
            by: soon(120))
        try #require(result.isSuccess, "\(result.errorOutput)")
        return directory + "/data"
    }
}

private let templateToRemove = Mutex("")
