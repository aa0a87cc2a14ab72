// What the contract is checked against: a fresh cluster on a real store of each kind.

import CSQLite
import Glibc
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import Synchronization
import Testing

@testable import PatroniDCS

/// The kinds of store that keep the contract.
enum StoreKind: String, CaseIterable, Sendable {
    case embedded
    case etcd3
    case configMaps
    case endpoints
    case lease
    /// While members change over from Endpoints to a lease.
    case leaseAndEndpoints

    /// On a real API server only what is kept in it (`make test-kubernetes`).
    static let allCases: [StoreKind] =
        (KubernetesBench.isReal ? [] : [.embedded, .etcd3]) + [.configMaps, .endpoints, .lease, .leaseAndEndpoints]

    var isInKubernetes: Bool { self != .embedded && self != .etcd3 }
    /// Members vanish with the session of their process; in Kubernetes they are pods, and stay.
    var hasSessions: Bool { !isInKubernetes }
}

/// One fresh cluster.
final class StoreBench: Sendable {
    let settings: StoreSettings
    let scope: String
    let time = SystemTime()
    /// Servers of our own, when the test stops them.
    let etcd: EtcdServers?
    let kubernetes: KubernetesBench?
    private let directory: String?

    init(_ kind: StoreKind, ownServers: Int? = nil) async throws {
        scope = "test-\(SystemTime().now.nanoseconds)"
        switch kind {
        case .embedded:
            let directory = try temporaryDirectory("store")
            self.directory = directory
            etcd = nil
            kubernetes = nil
            settings = .embedded(EmbeddedStoreSettings(path: directory + "/store.db"))
        case .configMaps, .endpoints, .lease, .leaseAndEndpoints:
            directory = nil
            etcd = nil
            let bench = try await KubernetesBench(scope: scope)
            kubernetes = bench
            settings = .kubernetes(
                bench.settings {
                    $0.usesEndpoints = kind == .endpoints || kind == .leaseAndEndpoints
                    if kind == .lease || kind == .leaseAndEndpoints { $0.leaderObject = .lease }
                    if kind == .leaseAndEndpoints { $0.olderLock = .endpoints }
                })
        case .etcd3:
            directory = nil
            kubernetes = nil
            if let ownServers {
                let servers = try await EtcdServers(count: ownServers)
                etcd = servers
                settings = .etcd3(servers.settings)
            } else {
                etcd = nil
                settings = .etcd3(try await EtcdServers.shared.value.settings)
            }
        }
    }

    deinit {
        if let directory {
            for end in ["", "-wal", "-shm"] { unlink("\(directory)/store.db\(end)") }
            rmdir(directory)
        }
    }

    /// A store as the member's process would make it, with a short ttl.
    func store(
        _ name: MemberName, ttl: Duration = .seconds(2), loopWait: Duration = .seconds(1), isControl: Bool = false
    ) async throws -> any ConfigurationStore {
        try await store(name, settings, ttl: ttl, loopWait: loopWait, isControl: isControl)
    }

    func store(
        _ name: MemberName, _ settings: StoreSettings, ttl: Duration = .seconds(2), loopWait: Duration = .seconds(1),
        isControl: Bool = false
    ) async throws -> any ConfigurationStore {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let local = Endpoint(host: "127.0.0.1", port: 1)
        let configuration = AgentConfiguration(
            scope: scope, name: name, restAPI: RestAPISettings(listen: local, connectAddress: local),
            postgres: PostgresSettings(
                listenAddresses: "", port: 1, connectAddress: local, dataDirectory: "", passfile: ""),
            store: settings)
        if let kubernetes, !isControl { try await kubernetes.makePod(name.text, scope: scope) }
        let store = try StoreFactory.make(
            configuration: configuration, isControl: isControl, time: time, logger: logger,
            environment: try kubernetes?.environment(isControl ? "administrator" : name.text) ?? [:])
        await store.setTimings(ttl: ttl, loopWait: loopWait, retryTimeout: .seconds(5))
        return store
    }

    func soon(_ seconds: Double = 5) -> Moment { time.now + .seconds(seconds) }

    /// What others have written may be seen a moment later. False: it was not seen within five seconds.
    func sees(_ store: any ConfigurationStore, _ isSo: (Cluster) -> Bool) async throws -> Bool {
        let end = soon()
        while time.now < end {
            if isSo(try await store.readCluster(by: soon())) { return true }
            await pause(0.05)
        }
        return false
    }

    func pause(_ seconds: Double) async { await time.sleep(until: soon(seconds)) }

    /// Makes the store silent until the returned closure is called.
    func silence() throws -> @Sendable () async -> Void {
        if let etcd {
            for number in etcd.servers.indices { etcd.end(number, SIGSTOP) }
            return { for number in etcd.servers.indices { etcd.end(number, SIGCONT) } }
        }
        if let relay = kubernetes?.relay {
            relay.freeze(true)
            return { relay.freeze(false) }
        }
        guard case .embedded(let file) = settings else {
            throw StoreFailure(.protocolViolation, "a shared server is not to be stopped")
        }
        let holder = LockHolder()
        try holder.take(file.path)
        return { holder.release() }
    }
}

/// Holds SQLite's write lock, as a frozen process would.
private final class LockHolder: Sendable {
    private let executor = LockThread()
    func take(_ path: String) throws { try executor.take(path) }
    func release() { executor.release() }
}

/// One connection, used by one test at a time.
private final class LockThread: @unchecked Sendable {
    private var connection: SQLiteConnection?

    func take(_ path: String) throws {
        let connection = try SQLiteConnection(path: path)
        try connection.execute("BEGIN IMMEDIATE")
        self.connection = connection
    }

    func release() {
        try? connection?.execute("ROLLBACK")
        connection = nil
    }
}

extension ConfigurationStore {
    /// Writes any text under a key, as a foreign program might.
    func raw(_ key: String, _ value: String, by deadline: Moment) async -> WriteOutcome {
        switch self {
        case let store as PathStore<Etcd3Backend>: await store.put(key, value, if: .always, deadline)
        case let store as PathStore<EmbeddedBackend>: await store.put(key, value, if: .always, deadline)
        case let store as KubernetesStore: await store.raw(key, value, by: deadline)
        default: .conflict
        }
    }
}

extension KubernetesStore {
    /// As a careless hand might write it with kubectl.
    func raw(_ key: String, _ value: String, by deadline: Moment) async -> WriteOutcome {
        switch key {
        case "config", "history", "initialize":
            await write(names.configuration, [KubernetesAnnotation(key, value)], if: .always, by: deadline)
        case "failover": await write(names.failover, [KubernetesAnnotation("leader", value)], if: .always, by: deadline)
        case "sync": await write(names.sync, [KubernetesAnnotation("quorum", value)], if: .always, by: deadline)
        case "status", "failsafe":
            await writeBesideLock(
                [KubernetesAnnotation(key == "status" ? "optime" : key, value)], by: deadline)
        default: .written(nil)
        }
    }
}

/// Collects a store's news.
final class NewsReader: Sendable {
    private let heard = Mutex<[StoreChange]>([])
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ store: any ConfigurationStore) {
        let changes = store.changes
        let reading = Task { [weak self] in
            for await change in changes { self?.heard.withLock { $0.append(change) } }
        }
        task.withLock { $0 = reading }
    }

    deinit { task.withLock { $0?.cancel() } }

    var news: [StoreChange] { heard.withLock { $0 } }
    func clear() { heard.withLock { $0 = [] } }

    /// Waits until `change` was heard of.
    func heard(_ change: StoreChange, within seconds: Double) async -> Bool {
        let end = SystemTime().now + .seconds(seconds)
        while SystemTime().now < end {
            if news.contains(change) { return true }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return false
    }
}
