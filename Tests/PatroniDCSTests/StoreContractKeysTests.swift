// The contract of every store, part two: the other keys, compare-and-swap, what is not written again.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct StoreContractKeysTests {
    @Test(arguments: StoreKind.allCases) func anEmptyClusterReadsAsEmpty(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let a = try await bench.store("a")
        let cluster = try await a.readCluster(by: bench.soon())
        #expect(cluster == Cluster())
        #expect(cluster.isEmpty)
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func anOldVersionIsAConflictAndChangesNothing(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b", isControl: true))
        #expect(await a.writeConfiguration(["ttl": 30], ifVersion: nil, by: bench.soon()).isWritten)
        let first = try #require(try await a.readCluster(by: bench.soon()).configuration)
        #expect(await b.writeConfiguration(["ttl": 31], ifVersion: first.version, by: bench.soon()).isWritten)
        #expect(await a.writeConfiguration(["ttl": 32], ifVersion: first.version, by: bench.soon()) == .conflict)
        #expect(try await b.readCluster(by: bench.soon()).configuration?.values == ["ttl": 31])
        #expect(await a.writeConfiguration(["ttl": 33], ifVersion: nil, by: bench.soon()).isWritten)
        #expect(try await b.readCluster(by: bench.soon()).configuration?.values == ["ttl": 33])
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func onlyAMissingConfigurationIsRestored(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b", isControl: true))
        #expect(try await a.readCluster(by: bench.soon()).configuration == nil)
        // The operator was faster.
        #expect(await b.writeConfiguration(["ttl": 31], ifVersion: nil, by: bench.soon()).isWritten)
        #expect(await a.restoreConfiguration(["ttl": 30], by: bench.soon()) == .conflict)
        #expect(try await bench.sees(a) { $0.configuration?.values == ["ttl": 31] })
        #expect(await a.restoreConfiguration(["ttl": 30], by: bench.soon()) == .conflict)
        #expect(await b.deleteCluster(by: bench.soon()).isWritten)
        let identifier = try #require(SystemIdentifier("7364512398761234567"))
        #expect(await a.writeInitialize(identifier, by: bench.soon()).isWritten)
        #expect(try await bench.sees(a) { $0.configuration == nil })
        let restored = await a.restoreConfiguration(["ttl": 30], by: bench.soon())
        #expect(try await bench.sees(b) { $0.configuration?.values == ["ttl": 30] && $0.initialize.identifier != nil })
        let read = try await b.readCluster(by: bench.soon())
        #expect(restored == .written(read.configuration?.version))
        #expect(read.initialize.identifier == identifier)
        #expect(await b.raw(ClusterKey.configuration, "settings?", by: bench.soon()).isWritten)
        #expect(try await bench.sees(a) { $0.configuration == nil })
        #expect(await a.restoreConfiguration(["ttl": 30], by: bench.soon()).isWritten)
        #expect(try await a.readCluster(by: bench.soon()).configuration?.values == ["ttl": 30])
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func theVersionOfAWriteIsGoodForTheNext(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let a = try await bench.store("a")
        var state = SyncState(leader: "a", standbys: ["b"])
        let first = await a.writeSync(state, ifVersion: nil, by: bench.soon())
        guard case .written(let version?) = first else {
            Issue.record("\(first)")
            return
        }
        state.standbys = ["b", "c"]
        let second = await a.writeSync(state, ifVersion: version, by: bench.soon())
        #expect(second.isWritten)
        // Without a version: only if nobody made the key.
        state.standbys = ["x"]
        #expect(await a.writeSync(state, ifVersion: nil, by: bench.soon()) == .conflict)
        #expect(await a.writeSync(state, ifVersion: version, by: bench.soon()) == .conflict)
        let read = try await a.readCluster(by: bench.soon()).sync
        #expect(read.standbys == ["b", "c"])
        #expect(second == .written(read.version))
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func aFailoverRequestIsWrittenAndCleared(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let a = try await bench.store("a", isControl: true)
        let request = FailoverRequest(leader: "a", candidate: "b")
        #expect(await a.writeFailover(request, ifVersion: nil, by: bench.soon()).isWritten)
        let read = try #require(try await a.readCluster(by: bench.soon()).failover)
        #expect(read.leader == "a")
        #expect(read.candidate == "b")
        #expect(await a.writeFailover(nil, ifVersion: KeyVersion(1), by: bench.soon()) == .conflict)
        #expect(await a.writeFailover(nil, ifVersion: read.version, by: bench.soon()).isWritten)
        #expect(try await a.readCluster(by: bench.soon()).failover == nil)
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func ofManyExactlyOneMayBootstrap(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let outcomes = try await withThrowingTaskGroup(of: WriteOutcome.self) { group in
            for number in 0..<12 {
                let store = try await bench.store(MemberName("m\(number)"))
                group.addTask {
                    let outcome = await store.claimInitialize(by: bench.soon(10))
                    await store.close()
                    return outcome
                }
            }
            return try await group.reduce(into: [WriteOutcome]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0.isWritten } == 1, "\(outcomes)")
        #expect(outcomes.count { $0 == .conflict } == 11, "\(outcomes)")
        // The claim stays when the claimant's session is gone: only the claimant or an operator withdraws it.
        await bench.pause(4)
        let a = try await bench.store("a")
        #expect(try await a.readCluster(by: bench.soon()).initialize == .inProgress)
        #expect(await a.cancelInitialize(by: bench.soon()).isWritten)
        #expect(try await a.readCluster(by: bench.soon()).initialize == .absent)
        #expect(await a.claimInitialize(by: bench.soon()).isWritten)
        let identifier = try #require(SystemIdentifier("7301234567890123456"))
        #expect(await a.writeInitialize(identifier, by: bench.soon()).isWritten)
        #expect(try await a.readCluster(by: bench.soon()).initialize == .done(identifier))
        #expect(await a.claimInitialize(by: bench.soon()) == .conflict)
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func aMemberIsWrittenOnlyWhenItChanged(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a", ttl: .seconds(4)), try await bench.store("b", isControl: true))
        func version() async throws -> WriteOutcome { await a.publishMember(["state": "running"], by: bench.soon()) }
        let first = try await version()
        #expect(first.isWritten)
        for _ in 0..<11 {
            await bench.pause(0.5)
            _ = try await a.readCluster(by: bench.soon())
            #expect(try await version() == first)
        }
        #expect(try await b.readCluster(by: bench.soon()).members.map(\.name) == ["a"])
        let second = await a.publishMember(["state": "stopped"], by: bench.soon())
        #expect(second != first)
        #expect(try await b.readCluster(by: bench.soon()).member("a")?.state == .stopped)
        // Somebody deleted it: it comes back.
        #expect(await b.deleteCluster(by: bench.soon()).isWritten)
        if kind.hasSessions { #expect(try await bench.sees(a) { $0.members.isEmpty }) }
        #expect(await a.publishMember(["state": "stopped"], by: bench.soon()).isWritten)
        #expect(try await b.readCluster(by: bench.soon()).members.count == 1)
        #expect(await a.removeMember(by: bench.soon()).isWritten)
        #expect(try await b.readCluster(by: bench.soon()).members.isEmpty)
        #expect(await a.removeMember(by: bench.soon()).isWritten)
        #expect(await a.publishMember(["state": "stopped"], by: bench.soon()).isWritten)
        #expect(try await b.readCluster(by: bench.soon()).members.count == 1)
        await a.close()
        if kind.hasSessions {
            await bench.pause(6)
            #expect(try await b.readCluster(by: bench.soon()).members.isEmpty)
        }
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func partsOfTheStatusThatAreNotGivenStay(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let a = try await bench.store("a")
        let slots = ["s": LSN(number: 3)].compactMapValues { $0 }
        let first = await a.writeStatus(
            ClusterStatus(position: LSN(number: 5), slots: slots, retainedSlots: ["b"]), by: bench.soon())
        #expect(await a.writeStatus(ClusterStatus(position: LSN(number: 5)), by: bench.soon()) == first)
        #expect(await a.writeStatus(ClusterStatus(position: LSN(number: 6)), by: bench.soon()) != first)
        let read = try await a.readCluster(by: bench.soon()).status
        #expect(read == ClusterStatus(position: LSN(number: 6), slots: slots, retainedSlots: ["b"]))
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func aReportThatGoesWithTheRenewalArrives(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a", ttl: .seconds(20)), try await bench.store("b", isControl: true))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        let slots = ["s": LSN(number: 3)].compactMapValues { $0 }
        for number in 5..<8 {
            let status = ClusterStatus(position: LSN(number: Int64(number)), slots: slots, retainedSlots: ["b"])
            _ = try await a.readCluster(by: bench.soon())
            #expect(await a.renewLeader(reporting: status, by: bench.soon()) == .held)
            #expect(await a.writeStatus(status, by: bench.soon()).isWritten)
            let read = try await b.readCluster(by: bench.soon())
            #expect(read.status == status)
            #expect(read.leader?.name == "a")
        }
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func whatWasWrittenIsReadNext(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        for number in 0..<100 {
            let values: JSONObject = ["n": .int(Int64(number))]
            let writer = number % 3 == 0 ? b : a
            #expect(await writer.writeConfiguration(values, ifVersion: nil, by: bench.soon()).isWritten)
            #expect(try await writer.readCluster(by: bench.soon()).configuration?.values == values)
            if number % 10 == 0 { await bench.pause(0.02) }
        }
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func othersHearOfChangesInTheirOrder(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        _ = await a.writeConfiguration(["x": 1], ifVersion: nil, by: bench.soon())
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        await bench.pause(0.5)
        _ = await a.writeConfiguration(["x": 2], ifVersion: nil, by: bench.soon())
        #expect(await news.heard(.configuration, within: 5))
        _ = await a.writeFailover(FailoverRequest(leader: "a", candidate: nil), ifVersion: nil, by: bench.soon())
        #expect(await news.heard(.failover, within: 5))
        _ = await a.writeSync(SyncState(leader: "a", standbys: []), ifVersion: nil, by: bench.soon())
        #expect(await news.heard(.sync, within: 5))
        _ = await a.writeStatus(ClusterStatus(position: LSN(number: 1)), by: bench.soon())
        #expect(await news.heard(.status, within: 5))
        _ = await a.publishMember(["state": "running"], by: bench.soon())
        #expect(await news.heard(.member("a"), within: 5))
        _ = await a.claimInitialize(by: bench.soon())
        #expect(await news.heard(.initialize, within: 5))
        var seen: [StoreChange] = []
        for change in news.news where seen.last != change { seen.append(change) }
        #expect(seen == [.configuration, .failover, .sync, .status, .member("a"), .initialize])
        await a.close()
        await b.close()
    }

    @Test(arguments: StoreKind.allCases) func garbageInTheStoreStopsNobody(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let a = try await bench.store("a")
        for key in [
            "config", "status", "sync", "history", "failsafe", "failover", "initialize", "members/x", "odd/one",
        ] {
            #expect(await a.raw(key, "{\"\u{0}garbage: [", by: bench.soon()).isWritten)
        }
        let cluster = try await a.readCluster(by: bench.soon())
        #expect(cluster.configuration == nil)
        #expect(!cluster.complaints.isEmpty)
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await a.writeStatus(ClusterStatus(position: LSN(number: 1)), by: bench.soon()).isWritten)
        #expect(try await a.readCluster(by: bench.soon()).status.position == LSN(number: 1))
        await a.close()
    }

    @Test(arguments: StoreKind.allCases) func anotherClusterWithALongerNameIsNotTouched(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let a = try await bench.store("a")
        #expect(await a.raw("x", "1", by: bench.soon()).isWritten)
        #expect(ClusterPath(namespace: "/service/", scope: "ab").relative("/service/abc/leader") == nil)
        #expect(ClusterPath(namespace: "service", scope: "ab").relative("/service/ab/leader") == "leader")
        #expect(ClusterPath(namespace: "", scope: "ab").prefix == "/ab/")
        await a.close()
    }
}
