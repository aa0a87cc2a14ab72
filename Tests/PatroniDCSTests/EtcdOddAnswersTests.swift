// A real etcd that is frozen, killed, emptied, or whose answers get lost: what is not known is never called lost.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct EtcdOddAnswersTests {
    @Test(arguments: [SIGSTOP, SIGKILL]) func `without an answer nothing is lost`(_ signal: Int32) async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let a = try await bench.store("a", ttl: .seconds(30))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        _ = try await a.readCluster(by: bench.soon())
        let servers = try #require(bench.etcd)
        servers.end(0, signal)
        #expect(await a.renewLeader(by: bench.soon(1)).isUnknown)
        #expect(await a.releaseLeader(position: nil, by: bench.soon(0.5)).isUnknown)
        #expect(await a.writeFailsafe(["a": "http://a"], by: bench.soon(0.5)).isUnknown)
        #expect(await a.writeSync(.none, ifVersion: KeyVersion(1), by: bench.soon(0.5)).isUnknown)
        if signal == SIGKILL { try servers.start(0) } else { servers.end(0, SIGCONT) }
        try await servers.waitUntilHealthy(0)
        // The release may have landed after all; then the key is free, and ours as soon as we take it. Nobody else had it.
        let renewal = await a.renewLeader(by: bench.soon(10))
        if renewal == .lostTo(nil) {
            #expect(await a.acquireLeader(by: bench.soon(10)) == .held)
        } else {
            #expect(renewal == .held)
        }
        await a.close()
    }

    @Test func `a store that lost all its data has lost our key to nobody`() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let a = try await bench.store("a", ttl: .seconds(30))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        _ = try await a.readCluster(by: bench.soon())
        let servers = try #require(bench.etcd)
        servers.end(0, SIGKILL)
        try await Task.sleep(for: .milliseconds(300))
        try FileTree.remove("\(servers.servers[0].directory)/data")
        try servers.start(0)
        try await servers.waitUntilHealthy(0)
        #expect(await a.renewLeader(by: bench.soon(15)) == .lostTo(nil))
        #expect(await a.acquireLeader(by: bench.soon(10)) == .held)
        #expect(try await a.readCluster(by: bench.soon(10)).leader?.name == "a")
        await a.close()
    }

    @Test func `a lease that was revoked by hand is replaced, unless somebody was faster`() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let (a, b) = (try await bench.store("a", ttl: .seconds(30)), try await bench.store("b", ttl: .seconds(30)))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        let servers = try #require(bench.etcd)
        func revokeLease() async throws {
            let session = try #require(try await b.readCluster(by: bench.soon()).leader?.session)
            try await servers.call("lease/revoke", ["ID": .string(session)])
        }
        try await revokeLease()
        #expect(await a.renewLeader(by: bench.soon(5)) == .lostTo(nil))
        #expect(await a.acquireLeader(by: bench.soon(5)) == .held)
        try await revokeLease()
        #expect(await b.acquireLeader(by: bench.soon(5)) == .held)
        #expect(await a.renewLeader(by: bench.soon(5)) == .lostTo("b"))
        await a.close()
        await b.close()
    }

    @Test func `a write whose answer was lost is recognized as our own`() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let proxy = try await LosingProxy(to: try #require(bench.etcd?.servers.first?.endpoint.port))
        var settings = Etcd3Settings(endpoints: [Endpoint(host: "127.0.0.1", port: proxy.port)])
        settings.usesFixedList = true
        let a = try await bench.store("a", .etcd3(settings), ttl: .seconds(30))
        _ = try await a.readCluster(by: bench.soon())
        proxy.lose(next: "/v3/kv/txn")
        #expect(await a.acquireLeader(by: bench.soon(10)) == .held)
        proxy.lose(next: "/v3/kv/txn")
        #expect(await a.claimInitialize(by: bench.soon(10)).isWritten)
        let version = try #require(await a.writeConfiguration(["a": 1], ifVersion: nil, by: bench.soon()).version)
        proxy.lose(next: "/v3/kv/txn")
        #expect(await a.writeConfiguration(["a": 2], ifVersion: version, by: bench.soon(10)).isWritten)
        proxy.lose(next: "/v3/lease/keepalive")
        #expect(await a.renewLeader(by: bench.soon(10)) == .held)
        proxy.lose(next: "/v3/kv/txn")
        #expect(await a.releaseLeader(position: nil, by: bench.soon(10)).isWritten)
        #expect(proxy.lost == 5)
        await a.close()
        await proxy.stop()
    }
}

extension WriteOutcome {
    fileprivate var version: KeyVersion? { if case .written(let version) = self { version } else { nil } }
}
