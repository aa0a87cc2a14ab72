// One cluster in one process: real agents, a real embedded store, model servers.

import Glibc
import Logging
import PatroniAgent
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniLoop

struct RigFailure: Error { var text: String }

/// A member with everything the agent touches.
struct RigMember: Sendable {
    let agent: Agent
    let server: ModelServer
    let store: UnreliableStore
    let callbacks: HeardCallbacks
    let status: StatusHolder
}

final class Rig: Sendable {
    let world = World()
    let time = FastTime()
    private let directory: String
    private let viewer: any ConfigurationStore

    init() async throws {
        guard let made = mkdtemp(strdup("/tmp/agent-XXXXXX")) else { throw RigFailure(text: "no directory") }
        directory = String(cString: made)
        free(made)
        let loaded = try Self.loader("viewer", directory).load()
        let keeper = try ConfigurationKeeper(loader: Self.loader("viewer", directory), loaded: loaded, home: "/tmp")
        viewer = try StoreFactory.make(
            configuration: keeper.local, isControl: true, time: time, logger: Self.logger)
    }

    deinit {
        for server in world.all {
            unlink("\(data(server.name))/patroni.dynamic.json")
            rmdir(data(server.name))
        }
        for end in ["", "-wal", "-shm"] { unlink("\(directory)/store.db\(end)") }
        rmdir(directory)
    }

    func data(_ name: MemberName) -> String { "\(directory)/\(name)" }

    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = EnvironmentVariables.value("AGENT_TEST_LOG") == nil ? .critical : .info
        return logger
    }

    private static func loader(
        _ name: MemberName, _ directory: String, dcs: String = ""
    ) -> ConfigurationLoader {
        let text = """
            {"scope": "model", "name": "\(name)",
             "restapi": {"listen": "127.0.0.1:1", "connect_address": "127.0.0.1:1"},
             "embedded": {"path": "\(directory)/store.db"},
             "bootstrap": {"dcs": {"ttl": 20, "loop_wait": 2, "retry_timeout": 6\(dcs)}},
             "postgresql": {"listen": "127.0.0.1:1", "connect_address": "127.0.0.1:1",
                            "data_dir": "\(directory)/\(name)", "pgpass": "\(directory)/pgpass",
                            "authentication": {"superuser": {"username": "postgres"},
                                               "replication": {"username": "replicator"}}}}
            """
        return ConfigurationLoader(path: nil, environment: ["PATRONI_CONFIGURATION": text])
    }

    /// A member whose agent is not running yet.
    /// `dcs`: more of the cluster's first settings, with a comma before them.
    func member(
        _ name: MemberName, dcs: String = "", recorder: any FlightRecording = NoFlightRecord()
    ) async throws -> RigMember {
        let loader = Self.loader(name, directory, dcs: dcs)
        mkdir(data(name), 0o700)
        let keeper = try ConfigurationKeeper(loader: loader, loaded: try loader.load(), home: "/tmp")
        let store = UnreliableStore(
            try StoreFactory.make(configuration: keeper.local, isControl: false, time: time, logger: Self.logger))
        let settings = keeper.cluster
        await store.setTimings(ttl: settings.ttl, loopWait: settings.loopWait, retryTimeout: settings.retryTimeout)
        let server = ModelServer(name, world)
        let callbacks = HeardCallbacks()
        let status = StatusHolder(
            StatusSnapshot(name: name, scope: "model", version: "0", serverSeen: time.now, nextTurn: time.now))
        var parts = Agent.Parts(
            time: time, store: store, server: server, members: ModelPeers(world: world), callbacks: callbacks,
            logger: Self.logger, status: status, surroundings: RealSurroundings())
        parts.recorder = recorder
        let agent = Agent(parts: parts, configuration: keeper)
        world.add(agent, as: name)
        return RigMember(
            agent: agent, server: server, store: store, callbacks: callbacks,
            status: status)
    }

    func cluster() async throws -> Cluster { try await viewer.readCluster(by: time.now + .seconds(20)) }
    var leader: MemberName? { get async throws { try await cluster().leader?.name } }

    func ask(_ request: FailoverRequest) async {
        _ = await viewer.writeFailover(request, ifVersion: nil, by: time.now + .seconds(20))
    }

    /// On top of what somebody else writes at the same time.
    func configure(_ values: JSONObject) async throws {
        var outcome = WriteOutcome.conflict
        for _ in 0..<20 where !outcome.isWritten {
            let stored = try await cluster().configuration
            var all = stored?.values ?? [:]
            all.apply(patch: values)
            outcome = await viewer.writeConfiguration(all, ifVersion: stored?.version, by: time.now + .seconds(20))
        }
        #expect(outcome.isWritten)
    }

    /// Waits until something is so; a failed test, not a hang, when it never is.
    func eventually(
        _ what: String, within limit: Duration = .seconds(100), at place: SourceLocation = #_sourceLocation,
        _ isSo: () async throws -> Bool
    ) async throws {
        let end = time.now + limit
        while time.now < end {
            if try await isSo() { return }
            await time.sleep(until: time.now + .milliseconds(50))
        }
        Issue.record("never: \(what)", sourceLocation: place)
        throw RigFailure(text: what)
    }

    /// Runs the members' agents while `body` lasts, then ends them.
    @discardableResult
    func running(_ members: RigMember..., body: () async throws -> Void) async throws -> [AgentEnd] {
        var tasks: [Task<AgentEnd, Never>] = []
        for member in members {
            // The first one makes the cluster, so that no other does.
            if !tasks.isEmpty {
                try await eventually("there is a cluster") { try await cluster().initialize.identifier != nil }
            }
            tasks.append(Task { await member.agent.run() })
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        for member in members {
            member.store.line = .healthy
            await member.server.trouble { $0 = Troubles() }
            await member.agent.requestShutdown()
        }
        var ends: [AgentEnd] = []
        for task in tasks { ends.append(await task.value) }
        for member in members { await member.store.close() }
        try result.get()
        return ends
    }

    /// alpha leads, beta follows.
    func settled(_ alpha: RigMember, _ beta: RigMember) async throws {
        try await eventually("alpha leads and beta streams") {
            let cluster = try await cluster()
            // The leader's first turns have put the first settings in place.
            return cluster.leader?.name == "alpha" && cluster.member("alpha")?.role == .primary
                && cluster.configuration != nil
                && cluster.member("beta")?.replicationState == "streaming"
        }
    }
}
