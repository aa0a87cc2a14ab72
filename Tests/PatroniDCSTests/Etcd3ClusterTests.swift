// etcd as it really behaves: servers that die, hang, restart, forget their history, and want a password.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct Etcd3ClusterTests {
    @Test(arguments: [SIGKILL, SIGSTOP]) func oneOfThreeServersMayFail(signal: Int32) async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 3)
        let servers = try #require(bench.etcd)
        let (a, b) = (try await bench.store("a", ttl: .seconds(10)), try await bench.store("b", ttl: .seconds(10)))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        _ = try await a.readCluster(by: bench.soon())
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        // Each server in turn, so that both members lose the one they use.
        for number in servers.servers.indices {
            servers.end(number, signal)
            let start = bench.time.now
            #expect(await a.renewLeader(by: bench.soon(8)) == .held)
            #expect(try await a.readCluster(by: bench.soon(8)).leader?.name == "a")
            #expect(await b.publishMember(["n": .int(Int64(number))], by: bench.soon(8)).isWritten)
            #expect(try await b.readCluster(by: bench.soon(8)).leader?.name == "a")
            #expect(bench.time.now - start < .seconds(20))
            news.clear()
            #expect(
                await a.writeFailover(FailoverRequest(leader: "a", candidate: nil), ifVersion: nil, by: bench.soon())
                    .isWritten)
            #expect(await news.heard(.failover, within: 8))
            if signal == SIGKILL { try servers.start(number) } else { servers.end(number, SIGCONT) }
            try await servers.waitUntilHealthy(number)
            #expect(await a.renewLeader(by: bench.soon(8)) == .held)
        }
        await a.close()
        await b.close()
    }

    @Test func withoutAMajorityNothingIsHeldAndNothingIsLost() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 3)
        let servers = try #require(bench.etcd)
        let a = try await bench.store("a", ttl: .seconds(30))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        _ = try await a.readCluster(by: bench.soon())
        servers.end(0, SIGSTOP)
        servers.end(1, SIGSTOP)
        // The last server may believe for one election timeout that it leads.
        await bench.pause(1.5)
        let outcome = await a.renewLeader(by: bench.soon(4))
        #expect(outcome.isUnknown, "\(outcome)")
        #expect(await a.writeConfiguration(["a": 1], ifVersion: nil, by: bench.soon(3)).isUnknown)
        servers.end(0, SIGCONT)
        servers.end(1, SIGCONT)
        #expect(await a.renewLeader(by: bench.soon(10)) == .held)
        await a.close()
    }

    @Test func aRestartedServerIsFoundAgainAndNewsGoOn() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let servers = try #require(bench.etcd)
        let (a, b) = (try await bench.store("a", ttl: .seconds(30)), try await bench.store("b", ttl: .seconds(30)))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        servers.end(0, SIGKILL)
        await #expect(throws: StoreFailure.self) {
            // The first read after the break may still be answered from the copy.
            for _ in 0..<5 {
                _ = try await b.readCluster(by: bench.soon(0.5))
                await bench.pause(0.1)
            }
        }
        try servers.start(0)
        try await servers.waitUntilHealthy(0)
        #expect(try await b.readCluster(by: bench.soon(10)).leader?.name == "a")
        #expect(await a.renewLeader(by: bench.soon()) == .held)
        #expect(await a.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(await news.heard(.leader(nil), within: 8))
        await a.close()
        await b.close()
    }

    @Test func aCompactedHistoryOnlyCostsAFreshRead() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let servers = try #require(bench.etcd)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        await bench.pause(0.3)
        let backend = try #require(b as? PathStore<Etcd3Backend>).backend
        // As if the connection had been away for long: the copy stays at its revision while history moves on.
        await backend.stopWatching()
        for number in 0..<5 {
            _ = await a.writeConfiguration(["n": .int(Int64(number))], ifVersion: nil, by: bench.soon())
        }
        let answer = try await servers.call("kv/range", EtcdRequest.key("/none"))
        let revision = try #require(EtcdHeader(answer["header"])?.revision)
        try await servers.call("kv/compaction", ["revision": .string(String(revision))])
        await backend.startWatch()
        #expect(await news.heard(.missedSome, within: 8))
        #expect(try await b.readCluster(by: bench.soon()).configuration?.values == ["n": 4])
        _ = await a.writeConfiguration(["n": 9], ifVersion: nil, by: bench.soon())
        #expect(await news.heard(.configuration, within: 8))
        await a.close()
        await b.close()
    }

    @Test func aPasswordIsUsedAndAWrongOneIsNamed() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 1)
        let servers = try #require(bench.etcd)
        try await servers.call("auth/user/add", ["name": "root", "password": "secret"])
        try await servers.call("auth/role/add", ["name": "root"])
        try await servers.call("auth/user/grant", ["user": "root", "role": "root"])
        try await servers.call("auth/enable", [:])
        func store(_ credentials: Credentials?) async throws -> any ConfigurationStore {
            var settings = servers.settings
            settings.credentials = credentials
            return try await bench.store("a", .etcd3(settings))
        }
        let good = try await store(Credentials(username: "root", password: "secret"))
        #expect(await good.acquireLeader(by: bench.soon()) == .held)
        _ = try await good.readCluster(by: bench.soon())
        let news = NewsReader(good)
        await bench.pause(0.3)
        #expect(
            await good.writeFailover(FailoverRequest(leader: "a", candidate: nil), ifVersion: nil, by: bench.soon())
                .isWritten)
        #expect(await news.heard(.failover, within: 5))
        for credentials in [Credentials(username: "root", password: "wrong"), nil] {
            let bad = try await store(credentials)
            let start = bench.time.now
            let failure = await #expect(throws: StoreFailure.self) { _ = try await bad.readCluster(by: bench.soon(8)) }
            #expect(failure?.kind == .denied)
            #expect(failure?.explanation.contains("etcd3.password") == true)
            // Said at once, not after all retries.
            #expect(bench.time.now - start < .seconds(4))
            await bad.close()
        }
        await good.close()
    }

    @Test func certificatesAreShownAndChecked() async throws {
        let servers = try await EtcdServers(usesTLS: true)
        let bench = try await StoreBench(.etcd3)
        let good = try await bench.store("a", .etcd3(servers.settings))
        #expect(await good.acquireLeader(by: bench.soon()) == .held)
        #expect(try await good.readCluster(by: bench.soon()).leader?.name == "a")
        await good.close()
        var settings = servers.settings
        settings.tls.identity = nil
        let nameless = try await bench.store("b", .etcd3(settings))
        await #expect(throws: StoreFailure.self) { _ = try await nameless.readCluster(by: bench.soon(1)) }
        await nameless.close()
        // The server's certificate is not for this CA.
        settings = servers.settings
        let other = try temporaryDirectory("ca")
        defer { _ = try? DetachedProcess.start("/bin/rm", ["-rf", other], environment: [:]) }
        settings.tls.authorities = try await TestCertificates(in: other).clientSettings.authorities
        let suspicious = try await bench.store("b", .etcd3(settings))
        let failure = await #expect(throws: StoreFailure.self) {
            _ = try await suspicious.readCluster(by: bench.soon(1))
        }
        #expect(failure?.explanation.contains("CERTIFICATE_VERIFY_FAILED") == true, "\(String(describing: failure))")
        await suspicious.close()
        settings.tls.authorities = "/nonexistent"
        let wrong = settings
        await #expect(throws: StoreFailure.self) { _ = try await bench.store("b", .etcd3(wrong)) }
    }

    @Test func nobodyThereIsSaidWithTheAddress() async throws {
        let port = try freePort()
        let bench = try await StoreBench(.etcd3)
        let settings = Etcd3Settings(endpoints: [Endpoint(host: "127.0.0.1", port: port)])
        let a = try await bench.store("a", .etcd3(settings))
        let start = bench.time.now
        let failure = await #expect(throws: StoreFailure.self) { _ = try await a.readCluster(by: bench.soon(1)) }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.explanation.contains("127.0.0.1:\(port)") == true)
        #expect(failure?.explanation.contains("Connection refused") == true)
        #expect(bench.time.now - start < .seconds(5))
        await a.close()
    }

    @Test func aStoreThatIsNoEtcdIsSaid() async throws {
        let servers = try await EtcdServers.shared.value
        let bench = try await StoreBench(.etcd3)
        // A peer port speaks HTTP, but is not the API.
        let port = try #require(servers.servers[0].peerURL.split(separator: ":").last.flatMap { Int($0) })
        let a = try await bench.store("a", .etcd3(Etcd3Settings(endpoints: [Endpoint(host: "127.0.0.1", port: port)])))
        await #expect(throws: StoreFailure.self) { _ = try await a.readCluster(by: bench.soon(1)) }
        await a.close()
    }

    @Test func theServersTellWhereTheOthersAre() async throws {
        let bench = try await StoreBench(.etcd3, ownServers: 3)
        let servers = try #require(bench.etcd)
        let first = Etcd3Settings(endpoints: [servers.servers[0].endpoint])
        let a = try await bench.store("a", .etcd3(first), ttl: .seconds(10))
        _ = try await a.readCluster(by: bench.soon())
        await bench.pause(0.5)
        servers.end(0, SIGKILL)
        #expect(await a.acquireLeader(by: bench.soon(8)) == .held)
        await a.close()
    }

    @Test func aHungServerGetsItsShareOfTheTimeOnly() {
        let one = Endpoint(host: "a", port: 1)
        func share(_ count: Int, _ seconds: Double) -> Duration {
            let endpoints = (0..<count).map { Endpoint(host: "h\($0)", port: one.port) }
            return EtcdHosts(Etcd3Settings(endpoints: endpoints), startingAt: 0).share(of: .seconds(seconds))
        }
        #expect(share(1, 9) == .seconds(3))
        #expect(share(2, 8) == .seconds(2))
        #expect(share(3, 9) == .seconds(3))
        #expect(share(5, 3) == .seconds(1))
        #expect(share(3, 0.5) == .seconds(0.5))
    }
}
