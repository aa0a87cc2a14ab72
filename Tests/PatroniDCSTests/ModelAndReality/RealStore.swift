// The scenario with a real etcd and the agent's own client.

import Glibc
import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

/// Clients of one etcd server of our own.
final class RealStore {
    private let bench: StoreBench
    private let watcher: any ConfigurationStore
    private var clients: [String: StoreClient] = [:]
    private var heard: [String: NewsReader] = [:]

    init() async throws {
        bench = try await StoreBench(.etcd3, ownServers: 1)
        watcher = try await bench.store("watcher", isControl: true)
    }

    func take(_ step: StoreStep, ttl: Duration) async throws -> String {
        switch step {
        case .open(let name):
            try await open(name, ttl)
            let answer = try await ask(name, .read)
            // Until its watch stands.
            await bench.pause(0.5)
            return answer
        case .openBlind(let name): try await open(name, ttl)
        case .ask(let name, let deed): return try await ask(name, deed)
        case .pass(let time): await bench.time.sleep(until: bench.time.now + time)
        case .freeze: bench.etcd?.end(0, SIGSTOP)
        case .thaw: bench.etcd?.end(0, SIGCONT)
        case .kill: bench.etcd?.end(0, SIGKILL)
        case .start:
            try bench.etcd?.start(0)
            try await bench.etcd?.waitUntilHealthy(0)
        }
        return ""
    }

    private func open(_ name: String, _ ttl: Duration) async throws {
        await clients[name]?.store.close()
        let store = try await bench.store(MemberName(name), ttl: ttl)
        clients[name] = StoreClient(store)
        heard[name] = NewsReader(store)
    }

    private func ask(_ name: String, _ deed: Deed) async throws -> String {
        try await #require(clients[name]).ask(deed, by: bench.soon(2))
    }

    /// What a client that watches nothing reads; nil: no answer.
    func cluster() async -> Cluster? { try? await watcher.readCluster(by: bench.soon(1)) }

    /// What each client has heard.
    func news() -> [String: [StoreChange]] {
        heard.mapValues { told($0.news.filter { $0 != .status }) }
    }

    func forgetNews() { for reader in heard.values { reader.clear() } }

    func close() async {
        for client in clients.values { await client.store.close() }
        await watcher.close()
    }
}
