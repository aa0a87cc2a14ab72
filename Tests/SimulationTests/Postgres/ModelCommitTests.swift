// Commits under synchronous rules: who is waited for, what is acknowledged, what is lost.

import PatroniCore
import Testing

@testable import PatroniSimulation

@Suite struct ModelCommitTests {
    @Test func `without names a commit is acknowledged at once`() throws {
        var rig = try ModelRig.cluster()
        let commit = try rig.commit(on: rig.a)
        #expect(rig.fleet.isAcknowledged(commit))
        #expect(rig.words(of: rig.a) == ["b": "async", "c": "async"])
    }

    @Test func `a commit waits for its synchronous standby`() throws {
        var rig = try ModelRig.cluster()
        try rig.setNames("b", on: rig.a)
        #expect(rig.words(of: rig.a) == ["b": "sync", "c": "async"])
        let commit = try rig.commit(on: rig.a)
        #expect(!rig.fleet.isAcknowledged(commit))
        rig.pass(.milliseconds(50))
        #expect(rig.fleet.isAcknowledged(commit) && rig.fleet.holds(commit, on: rig.b))
    }

    @Test func `with the standby gone commits wait, writers stop, and other names set them free`() throws {
        var rig = try ModelRig.cluster { $0.window = 20_000 }
        try rig.setNames("b", on: rig.a)
        rig.fleet.kill(rig.b, at: rig.now)
        let before = rig.fleet[rig.a].end
        let commit = try rig.commit(on: rig.a)
        rig.pass(.seconds(60))
        #expect(!rig.fleet.isAcknowledged(commit))
        #expect(!rig.fleet.canCommit(on: rig.a) && rig.fleet.acceptsWrites(on: rig.a))
        #expect(before.lag(behind: rig.fleet[rig.a].end).bytes <= 20_000)
        try rig.setNames("c", on: rig.a)
        #expect(rig.fleet.isAcknowledged(commit) && rig.fleet.canCommit(on: rig.a))
        #expect(rig.fleet.holds(commit, on: rig.c) && !rig.fleet.holds(commit, on: rig.b))
    }

    @Test func `the first of the list that are connected count`() throws {
        var rig = try ModelRig.cluster()
        try rig.setNames("1 (b,c)", on: rig.a)
        #expect(rig.words(of: rig.a) == ["b": "sync", "c": "potential"])
        try rig.setNames("2 (b,c)", on: rig.a)
        #expect(rig.words(of: rig.a) == ["b": "sync", "c": "sync"])
        rig.fleet.kill(rig.c, at: rig.now)
        let commit = try rig.commit(on: rig.a)
        rig.pass(.seconds(1))
        #expect(!rig.fleet.isAcknowledged(commit))
        try rig.setNames("*", on: rig.a)
        #expect(rig.words(of: rig.a) == ["b": "sync"])
        #expect(rig.fleet.isAcknowledged(commit))
    }

    @Test func `a quorum needs any of them`() throws {
        var rig = try ModelRig.cluster()
        try rig.setNames("ANY 1 (b,c)", on: rig.a)
        #expect(rig.words(of: rig.a) == ["b": "quorum", "c": "quorum"])
        rig.fleet.kill(rig.b, at: rig.now)
        let commit = try rig.commit(on: rig.a)
        rig.pass(.seconds(1))
        #expect(rig.fleet.isAcknowledged(commit))
        rig.fleet.kill(rig.c, at: rig.now)
        let late = try rig.commit(on: rig.a)
        rig.pass(.seconds(1))
        #expect(!rig.fleet.isAcknowledged(late))
    }

    @Test func `packets lost on the way back stall commits while the standby receives`() throws {
        var rig = try ModelRig.cluster { $0.window = 20_000 }
        try rig.setNames("b", on: rig.a)
        rig.fleet.setLink(from: rig.b, to: rig.a, isOpen: false, latency: .zero, at: rig.now)
        let commit = try rig.commit(on: rig.a)
        rig.pass(.seconds(20))
        #expect(rig.fleet.holds(commit, on: rig.b) && !rig.fleet.isAcknowledged(commit))
        #expect(rig.words(of: rig.a)["b"] == "sync")
        rig.fleet.setLink(from: rig.b, to: rig.a, isOpen: true, latency: .milliseconds(1), at: rig.now)
        rig.pass(.seconds(1))
        #expect(rig.fleet.isAcknowledged(commit))
    }

    @Test func `promised commits that a new primary does not have are lost`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.isPromising = true
        for index in rig.fleet.servers.indices { rig.fleet.markSynchronous(ServerID(index)) }
        try rig.setNames("b", on: rig.a)
        rig.cut(rig.a, rig.c)
        rig.pass(.seconds(5))
        #expect(rig.fleet.lostCommits(on: rig.b).isEmpty)
        #expect(rig.fleet.lostCommits(on: rig.c).count == 1)
        rig.fleet.kill(rig.a, at: rig.now)
        try rig.promote(rig.c)
        #expect(rig.fleet.promotions.last?.lost.count == 1)
    }

    @Test func `nothing is acknowledged while the disk stands still`() throws {
        var rig = try ModelRig.cluster()
        try rig.setNames("b", on: rig.a)
        rig.fleet.setDiskStalled(true, rig.b, at: rig.now)
        let commit = try rig.commit(on: rig.a)
        rig.pass(.seconds(5))
        #expect(!rig.fleet.isAcknowledged(commit) && !rig.fleet.canCommit(on: rig.a))
        rig.fleet.setDiskStalled(false, rig.b, at: rig.now)
        rig.pass(.seconds(1))
        #expect(rig.fleet.isAcknowledged(commit))
    }
}
