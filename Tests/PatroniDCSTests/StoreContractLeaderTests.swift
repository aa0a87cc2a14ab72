// The contract of every store, part one: the leader key and the session it hangs on.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct StoreContractLeaderTests {
    @Test(arguments: StoreKind.allCases) func theFirstToAskLeadsAndOthersHearWho(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await b.acquireLeader(by: bench.soon()) == .lostTo("a"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(try await b.readCluster(by: bench.soon()).leader?.name == "a")
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func aRenewedKeyOutlivesItsTTLAndAnAbandonedOneDoesNot(
        kind: StoreKind
    ) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a", ttl: .seconds(4)), try await bench.store("b"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        let version = try await a.readCluster(by: bench.soon()).leader?.version
        for _ in 0..<11 {
            await bench.pause(0.5)
            _ = try await a.readCluster(by: bench.soon())
            #expect(await a.renewLeader(by: bench.soon()) == .held)
        }
        let cluster = try await b.readCluster(by: bench.soon())
        #expect(cluster.leader?.name == "a")
        // Renewing writes nothing: others would wake up on it.
        #expect(cluster.leader?.version == version)
        await a.close()
        await bench.pause(6)
        #expect(try await b.readCluster(by: bench.soon()).leader == nil)
        #expect(await b.acquireLeader(by: bench.soon()) == .held)
        let again = try await bench.store("a")
        #expect(await again.renewLeader(by: bench.soon()) == .lostTo("b"))
        await b.close()
        await again.close()
    }

    /// Somebody else may have led and gone meanwhile: only taking it, which comes after a look at the others, makes it ours.
    @Test(arguments: StoreKind.allCases) func anExpiredKeyIsNotTakenBackByRenewing(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        for store in [a, b] { _ = try await store.readCluster(by: bench.soon()) }
        await bench.pause(4)
        // On Kubernetes the record tells that nobody else has led since.
        let isRecord = kind.isInKubernetes
        #expect(await a.renewLeader(by: bench.soon()) == (isRecord ? .held : .lostTo(nil)))
        if !isRecord { #expect(await a.acquireLeader(by: bench.soon()) == .held) }
        #expect(try await a.readCluster(by: bench.soon()).leader?.name == "a")
        // Somebody else has led since, and let go.
        _ = try await b.readCluster(by: bench.soon())
        await bench.pause(4)
        #expect(await b.acquireLeader(by: bench.soon()) == .held)
        #expect(await b.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(await a.renewLeader(by: bench.soon()) == .lostTo(nil))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func aKeyOfOurEarlierLifeIsTakenOver(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let before = try await bench.store("a")
        #expect(await before.acquireLeader(by: bench.soon()) == .held)
        await before.close()
        let after = try await bench.store("a")
        #expect(try await after.readCluster(by: bench.soon()).leader?.name == "a")
        #expect(await after.renewLeader(by: bench.soon()) == .held)
        // The session of the earlier life ends meanwhile, and takes nothing with it.
        for _ in 0..<8 {
            await bench.pause(0.5)
            _ = try await after.readCluster(by: bench.soon())
            #expect(await after.renewLeader(by: bench.soon()) == .held)
        }
        #expect(try await after.readCluster(by: bench.soon()).leader?.name == "a")
        await after.close()
        let third = try await bench.store("a")
        #expect(await third.acquireLeader(by: bench.soon()) == .held)
        await third.close()
    }

    @Test(arguments: StoreKind.allCases) func releasingFreesTheKeyAtOnceWithTheStatusInIt(
        kind: StoreKind
    ) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        let status = ClusterStatus(position: LSN(number: 5), slots: ["s": LSN(number: 3)].compactMapValues { $0 })
        #expect(await a.writeStatus(status, by: bench.soon()).isWritten)
        #expect(await b.releaseLeader(position: LSN(number: 99), by: bench.soon()) == .conflict)
        #expect(await a.releaseLeader(position: LSN(number: 7), by: bench.soon()).isWritten)
        let cluster = try await b.readCluster(by: bench.soon())
        #expect(cluster.leader == nil)
        #expect(cluster.status.position == LSN(number: 7))
        #expect(cluster.status.slots == status.slots)
        #expect(await b.acquireLeader(by: bench.soon()) == .held)
        #expect(await a.releaseLeader(position: nil, by: bench.soon()) == .conflict)
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func ofManyExactlyOneLeads(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let held = try await withThrowingTaskGroup(of: LeaderKeyOutcome.self) { group in
            for number in 0..<12 {
                let store = try await bench.store(MemberName("m\(number)"))
                group.addTask {
                    let outcome = await store.acquireLeader(by: bench.soon(10))
                    await store.close()
                    return outcome
                }
            }
            return try await group.reduce(into: [LeaderKeyOutcome]()) { $0.append($1) }
        }
        #expect(held.count { $0.isHeld } == 1, "\(held)")
        #expect(held.allSatisfy { if case .unknown = $0 { false } else { true } }, "\(held)")
    }

    @Test(arguments: StoreKind.allCases) func aNewTTLIsInForceAfterTheNextRenewal(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a", ttl: .seconds(60)), try await bench.store("b"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        _ = await a.publishMember(["state": "running"], by: bench.soon())
        _ = try await a.readCluster(by: bench.soon())
        await a.setTimings(ttl: .seconds(2), loopWait: .seconds(1), retryTimeout: .seconds(5))
        #expect(await a.renewLeader(by: bench.soon()) == .held)
        #expect(await a.publishMember(["state": "running"], by: bench.soon()).isWritten)
        #expect(try await b.readCluster(by: bench.soon()).leader?.name == "a")
        await a.close()
        await bench.pause(4.5)
        let cluster = try await b.readCluster(by: bench.soon())
        #expect(cluster.leader == nil)
        #expect(cluster.members.isEmpty == kind.hasSessions)
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func othersHearOfTheEndOfALeader(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        await bench.pause(0.5)
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await news.heard(.leader("a"), within: 5))
        #expect(await a.releaseLeader(position: nil, by: bench.soon()).isWritten)
        #expect(await news.heard(.leader(nil), within: 5))
        news.clear()
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await news.heard(.leader("a"), within: 5))
        // Nobody renews: it expires.
        #expect(await news.heard(.leader(nil), within: 10))
        await a.close()
        await b.close()
    }
}
