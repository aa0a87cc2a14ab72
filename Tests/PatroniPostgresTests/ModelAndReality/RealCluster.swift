// The scenario with real servers.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Synchronization
import Testing

@testable import PatroniPostgres

final class RealCluster: Sendable {
    private let members: [String: TestMember]
    private let commits = Mutex(0)
    private let acknowledged = Mutex<Set<Int>>([])
    private let frozen = Mutex<[String: [Int32]]>([:])
    private let waiting = Mutex<[Task<Void, Never>]>([])

    init() throws {
        var members: [String: TestMember] = [:]
        for name in ["a", "b", "c"] { members[name] = try TestMember(MemberName(name)) }
        self.members = members
    }

    func remove() async {
        for name in members.keys { thaw(name) }
        for member in members.values { await member.remove() }
        for task in waiting.withLock({ $0 }) { await task.value }
    }

    private func member(_ name: String) throws -> TestMember { try #require(members[name]) }

    func take(_ step: Step) async throws -> String? {
        switch step {
        case .create(let name):
            try await member(name).bootstrap()
            try await member(name).value("CREATE TABLE commits (number int)")
            try await member(name).stop()
        case .copy(let name, let source): try await member(name).clone(from: try member(source))
        case .startPrimary(let name): try await member(name).startAsPrimary()
        case .startStandby(let name, let upstream): try await member(name).startFollowing(try member(upstream))
        case .stop(let name, let mode): try await member(name).stop(mode)
        case .beginStop(let name):
            let postmaster = try await member(name).postmaster()
            let task = Task { _ = await postmaster.stop(.fast, by: soon(120)) }
            waiting.withLock { $0.append(task) }
        case .kill(let name): try await member(name).crash()
        case .promote(let name):
            try await member(name).postmaster().promote()
            try await eventually("the promotion") {
                try await self.member(name).value("SELECT pg_is_in_recovery()") == "f"
            }
        case .follow(let name, let upstream): try await follow(try member(name), try member(upstream))
        case .names(let names, let name):
            try await member(name).value("ALTER SYSTEM SET synchronous_standby_names = '\(names)'")
            try await member(name).value("SELECT pg_reload_conf()")
        case .commit(let name): try commit(on: try member(name))
        case .freeze(let name): try await freeze(name)
        case .thaw(let name): thaw(name)
        case .checkpoint(let name): try await member(name).value("CHECKPOINT")
        case .compare(let name, let leader): return try await compare(try member(name), try member(leader))
        case .rewind(let name, let leader):
            return
                "\(await (try member(name)).rewind.run(from: ServerAddress(try member(leader).endpoint), by: soon(60)))"
        }
        return nil
    }

    private func follow(_ member: TestMember, _ upstream: TestMember) async throws {
        let recovery = RecoveryConfiguration.following(upstream.endpoint, member.server, useSlots: false)
        let wanted = WantedConfiguration(parameters: member.parameters, recovery: recovery)
        _ = try await member.configuration.apply(wanted)
        try (try await member.postmaster()).reload()
    }

    /// Its client waits as long as the server lets it.
    private func commit(on member: TestMember) throws {
        let number = commits.withLock { last in
            defer { last += 1 }
            return last
        }
        let task = Task {
            guard let connection = try? await SQLConnection.open(member.superuser, by: soon()) else { return }
            if (try? await connection.execute("INSERT INTO commits VALUES (\(number))", by: soon(600))) != nil {
                _ = self.acknowledged.withLock { $0.insert(number) }
            }
            await connection.close()
        }
        waiting.withLock { $0.append(task) }
    }

    // MARK: standing still

    private func freeze(_ name: String) async throws {
        let postmaster = try await member(name).postmaster()
        let pids = [postmaster.pid] + ProcessTable.children(of: postmaster.pid).map(\.pid)
        for pid in pids { Glibc.kill(pid, SIGSTOP) }
        frozen.withLock { $0[name] = pids }
    }

    private func thaw(_ name: String) {
        let pids = frozen.withLock { $0.removeValue(forKey: name) }
        for pid in pids ?? [] { Glibc.kill(pid, SIGCONT) }
    }

    // MARK: divergence, as the agent finds it out

    private func compare(_ member: TestMember, _ leader: TestMember) async throws -> String {
        guard let position = try await position(of: member) else { return "unknown" }
        switch await member.rewind.check(position, against: ServerAddress(leader.endpoint), by: soon()) {
        case .same: return "none"
        case .diverged: return "diverged"
        case .forked: return "forked"
        case .unknown, .dependsOnCheckpointEnd: return "unknown"
        }
    }

    private func position(of member: TestMember) async throws -> LocalPosition? {
        let inspection = Inspection(member.server.settings, .heartbeat)
        if let running = try? await inspection.running(by: soon(2)) { return LocalPosition(running) }
        let control = try await member.control.read(by: soon())
        if let position = LocalPosition(control) { return position }
        #expect(await member.rewind.recoverInSingleUserMode(by: soon(60)) == nil)
        return LocalPosition(try await member.control.read(by: soon()))
    }

    // MARK: looking

    func seen() async throws -> SeenCluster {
        var cluster = SeenCluster(acknowledged: acknowledged.withLock { $0 })
        for (name, member) in members { cluster.servers[name] = try await seen(member) }
        return cluster
    }

    private func seen(_ member: TestMember) async throws -> SeenServer {
        var server = SeenServer()
        guard FileReading.exists(member.server.files.data + "/PG_VERSION") else { return server }
        let postmaster = await Postmaster.attach(
            dataDirectory: member.server.files.data, programs: member.programs, by: soon())
        let inspection = Inspection(member.server.settings, .heartbeat)
        let status = await inspection.status(of: postmaster, by: soon(2))
        server.state = status.word
        server.control = try await member.control.read(by: soon()).state.rawValue
        guard let running = status.running else { return server }
        server.timeline = running.timeline?.rawValue
        server.upstream = running.standby?.upstream.flatMap { endpoint in
            members.first { $0.value.endpoint.port == endpoint.port }?.key
        }
        // Looking opens a replication connection of its own now and then.
        for sender in try await inspection.walSenders(by: soon()) where members[sender.applicationName] != nil {
            server.standbys[sender.applicationName] = sender.syncState
        }
        let rows = try await member.value("SELECT string_agg(number::text, ',') FROM commits") ?? ""
        server.rows = Set(rows.split(separator: ",").compactMap { Int($0) })
        return server
    }
}
