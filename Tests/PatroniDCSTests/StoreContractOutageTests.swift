// The contract of every store, part three: what happens when it does not answer, and afterwards.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct StoreContractOutageTests {
    @Test(arguments: StoreKind.allCases) func aSilentStoreIsSaidByTheDeadlineAndComesBack(
        kind: StoreKind
    ) async throws {
        let bench = try await StoreBench(kind, ownServers: 1)
        let a = try await bench.store("a", ttl: .seconds(30))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await a.publishMember(["state": "running"], by: bench.soon()).isWritten)
        _ = try await a.readCluster(by: bench.soon())
        let resume = try bench.silence()
        let start = bench.time.now
        let renewal = await a.renewLeader(by: start + .seconds(1))
        if case .unknown(let failure) = renewal {
            #expect(failure.kind == .unreachable || failure.kind == .unavailable)
        } else {
            Issue.record("\(renewal)")
        }
        let write = await a.writeStatus(ClusterStatus(position: LSN(number: 1)), by: bench.soon(0.5))
        #expect(write.isUnknown)
        #expect(await a.writeConfiguration(["a": 1], ifVersion: nil, by: bench.soon(0.5)).isUnknown)
        #expect(await a.acquireLeader(by: bench.soon(0.5)).isUnknown)
        #expect(await a.claimInitialize(by: bench.soon(0.5)).isUnknown)
        #expect(bench.time.now - start < .seconds(6))
        await resume()
        #expect(try await a.readCluster(by: bench.soon(10)).leader?.name == "a")
        #expect(await a.renewLeader(by: bench.soon()) == .held)
        #expect(await a.publishMember(["state": "running"], by: bench.soon()).isWritten)
        let cluster = try await a.readCluster(by: bench.soon())
        #expect(cluster.leader?.name == "a")
        #expect(cluster.members.count == 1)
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func newsComeAgainAfterAnOutage(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind, ownServers: 1)
        let (a, b) = (try await bench.store("a"), try await bench.store("b", ttl: .seconds(60)))
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await news.heard(.leader("a"), within: 5))
        let resume = try bench.silence()
        _ = await b.publishMember(["state": "running"], by: bench.soon(1))
        await resume()
        await bench.pause(0.2)
        #expect(await a.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(await news.heard(.leader(nil), within: 5))
        #expect(try await b.readCluster(by: bench.soon()).leader == nil)
        await a.close()
        await b.close()
    }
}

extension LeaderKeyOutcome {
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
}
