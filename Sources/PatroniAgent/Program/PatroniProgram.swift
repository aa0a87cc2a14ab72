// From a checked configuration to a running agent, and its orderly end.

import Logging
import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniHTTP
import PatroniLoop
import PatroniPlatform
import PatroniPorts

/// Puts the parts together, in the order in which they depend on each other (HA-001, HA-011).
struct PatroniProgram: Sendable {
    private let configuration: ConfigurationKeeper
    private let time = SystemTime()
    private let log: Logger

    /// Logging comes first: a logger made before keeps writing in the default form.
    init(_ configuration: ConfigurationKeeper) {
        self.configuration = configuration
        LogSystem.bootstrap(configuration.local.log.options)
        log = Logger(label: "patroni")
    }

    private var local: AgentConfiguration { configuration.local }

    /// Returns the process's exit status.
    func run() async -> Int32 {
        for warning in configuration.warnings { log.warning("\(warning)") }
        if let obstacle = UnsupportedSettings.obstacle(local: configuration.tree) {
            log.critical("\(obstacle)")
            return 1
        }
        if Machine.isSuperuser {
            log.critical("PostgreSQL refuses to run as root: start patroni as the user that owns the data directory")
            return 1
        }
        do throws(StartFailure) {
            return try await runAgent()
        } catch {
            log.critical("\(error)")
            return 1
        }
    }

    private func runAgent() async throws(StartFailure) -> Int32 {
        let signals = try signalStream()
        var parts = try makeParts()
        let recorder = await offPool { [settings = local.flightRecord] in
            FlightRecorder(settings, logger: Logger(label: "patroni.flight"))
        }
        parts.recorder = recorder
        let agent = Agent(parts: parts, configuration: configuration)
        let listening = Task { await Self.obey(signals, agent) }
        let trimming = Task { await releaseMemory() }
        defer {
            listening.cancel()
            trimming.cancel()
        }
        guard try await agent.firstContact() else { return 0 }
        let server = APIServer(
            status: parts.status, backend: AgentBackend(agent: agent, parts: parts), settings: local.restAPI,
            log: Logger(label: "patroni.api"), time: time)
        do throws(ServerFailure) {
            try await server.apply(local.restAPI)
        } catch { throw StartFailure(error.description) }
        await agent.use(server)
        let end = await agent.run()
        await server.stop(by: time.now + .seconds(1))
        await parts.store.close()
        await parts.callbacks.drain()
        await offPool { recorder.flush(by: SystemTime().now + .seconds(1)) }
        if case .halted = end { return 1 }
        return 0
    }

    /// What the start needed goes soon after it, what a failover needed some time after that.
    private func releaseMemory() async {
        var pause = Duration.seconds(15)
        while !Task.isCancelled {
            await time.sleep(until: time.now + pause)
            await offPool { MappedPages.releaseUnused() }
            pause = .seconds(600)
        }
    }

    private func makeParts() throws(StartFailure) -> Agent.Parts {
        let store: any ConfigurationStore
        do throws(StoreFailure) {
            store = try StoreFactory.make(
                configuration: local, isControl: false, time: time, logger: Logger(label: "patroni.dcs"))
        } catch { throw StartFailure(error.description) }
        // Members' certificates are not checked unless we show one of our own (API-205).
        var control = local.control
        control.isInsecure = true
        let members: MemberClient
        do throws(HTTPFailure) {
            members = try MemberClient(control, time: time)
        } catch { throw StartFailure("ctl: \(error)") }
        let scripts = Scripts(local, time: time, logger: Logger(label: "patroni.postgresql.callback_executor"))
        let database = LocalDatabase(
            local, cluster: configuration.cluster, scripts: scripts, time: time,
            logger: Logger(label: "patroni.postgresql"))
        let first = StatusSnapshot(
            name: local.name, scope: local.scope, version: PatroniVersion.text, serverSeen: time.now,
            settings: configuration.cluster, nextTurn: time.now + configuration.cluster.loopWait)
        return Agent.Parts(
            time: time, store: store, server: database, members: members, callbacks: scripts,
            logger: Logger(label: "patroni.ha"), status: StatusHolder(first), surroundings: RealSurroundings())
    }

    private func signalStream() throws(StartFailure) -> AsyncStream<ProcessSignal> {
        do throws(Errno) {
            return try SignalStream.start([.hangUp, .interrupt, .terminate, .quit])
        } catch { throw StartFailure("signals can't be received: \(error)") }
    }

    /// SIGHUP reads the configuration again, all others end the agent once (HA-003 to HA-005).
    private static func obey(_ signals: AsyncStream<ProcessSignal>, _ agent: Agent) async {
        for await signal in signals {
            if signal == .hangUp { await agent.requestReload() } else { await agent.requestShutdown() }
        }
    }
}
