// Every promise can be seen to be broken: a check that can't fail shows nothing.

import Testing

@testable import PatroniCore
@testable import PatroniSimulation

@Suite("Checks") struct ChecksTests {
    private func world(_ change: (inout HistoryPlan) -> Void = { _ in }) -> World {
        var plan = HistoryPlan(seed: 1, mode: .calm)
        plan.members = [HistoryPlan.MemberPlan(), HistoryPlan.MemberPlan()]
        plan.hasFencer = false
        change(&plan)
        return World(plan, blueprints: Blueprints())
    }

    private let alpha = ServerID(0)
    private let beta = ServerID(1)

    /// alpha is a primary, beta a standby of it that streams.
    private func replicate(_ world: World) throws -> Moment {
        var now = world.now
        try world.fleet.createDatabase(on: alpha, at: now)
        try world.fleet.start(alpha, as: .primary, takes: .zero, at: now)
        now = now + .seconds(1)
        try world.fleet.beginCopy(on: beta, at: now)
        try world.fleet.finishCopy(on: beta, from: alpha, at: now)
        try world.fleet.start(beta, as: .standby(of: alpha), takes: .zero, at: now)
        now = now + .seconds(2)
        world.fleet.advance(to: now)
        return now
    }

    @Test("1: two members that write and believe to lead")
    func oneWriter() throws {
        let world = world()
        _ = try replicate(world)
        for index in 0...1 {
            let life = Life(number: index, member: index)
            life.lease = .held(until: world.members[index].clock.local(world.now) + .seconds(10))
            world.lives.append(life)
            world.members[index].life = life
        }
        world.checks.afterEvery(world)
        #expect(world.violation == nil)
        try world.fleet.promote(beta, takes: .zero, at: world.now + .seconds(3))
        world.fleet.advance(to: world.now + .seconds(4))
        world.checks.afterEvery(world)
        #expect(world.violation?.invariant == .oneWriter)
    }

    @Test("1: two members that write in spite of the fencer")
    func fenced() throws {
        let world = world { $0.hasFencer = true }
        let now = try replicate(world)
        try world.fleet.promote(beta, takes: .zero, at: now)
        world.fleet.advance(to: now + .seconds(1))
        world.checks.afterEvery(world)
        #expect(world.violation?.invariant == .oneWriter)
    }

    @Test("2: a new primary that lacks an acknowledged commit")
    func lostCommit() throws {
        let world = world()
        let now = try replicate(world)
        world.fleet.isPromising = true
        for index in world.members.indices { world.fleet.markSynchronous(ServerID(index)) }
        world.fleet.setLink(from: alpha, to: beta, isOpen: false, latency: .zero, at: now)
        world.fleet.setLink(from: beta, to: alpha, isOpen: false, latency: .zero, at: now)
        _ = world.fleet.commit(on: alpha, at: now + .seconds(1))
        world.fleet.kill(alpha, at: now + .seconds(2))
        try world.fleet.promote(beta, takes: .zero, at: now + .seconds(3))
        world.fleet.advance(to: now + .seconds(4))
        world.checks.afterEvery(world)
        #expect(world.violation?.invariant == .noLostCommits)
    }

    @Test("3: a new primary whose log is not the recorded history's")
    func fork() throws {
        let world = world()
        let now = try replicate(world)
        let session = world.store.grant(.seconds(30), at: now)
        world.fleet.kill(alpha, at: now)
        try world.fleet.promote(beta, takes: .zero, at: now)
        world.fleet.advance(to: now + .seconds(1))
        _ = world.change { $0.acquire("beta", session) }
        _ = world.change {
            $0.write(history: TimelineHistory(rows: [.init(timeline: Timeline(1), switchpoint: LSN(1), reason: "")]))
        }
        world.checks.afterEvery(world)
        #expect(world.violation == nil)
        world.fleet.kill(beta, at: now + .seconds(2))
        try world.fleet.start(alpha, as: .standby(of: nil), takes: .zero, at: now + .seconds(3))
        try world.fleet.promote(alpha, takes: .zero, at: now + .seconds(4))
        world.fleet.advance(to: now + .seconds(5))
        world.checks.afterEvery(world)
        #expect(world.violation?.invariant == .noForks)
    }

    @Test("4: a cluster that nobody leads after all faults have ended")
    func healing() {
        let world = world()
        world.checks.atTheEnd(world)
        #expect(world.violation?.invariant == .healing)
    }

    @Test("5: a promotion in maintenance mode")
    func pause() throws {
        let world = world()
        var settings = ClusterSettings()
        settings.isPaused = true
        let now = Observation(
            now: world.now, wallTime: WallTime(secondsSince1970: 0), me: "alpha", settings: settings,
            store: .cluster(Cluster()), directory: .empty, server: .stopped)
        let verdict = Verdict(decision: .act(.begin(.promote), because: .promotedByHolding), rule: "a/b")
        world.checks.decided(world, Life(number: 0, member: 0), verdict, Turn(now, Memory()))
        #expect(world.violation?.invariant == .pause)
    }

    @Test("6: a sync key that contradicts itself, a history out of order, another identity")
    func keys() throws {
        let first = world()
        _ = first.change { $0.write(sync: SyncState(leader: "alpha", standbys: ["alpha"]), ifVersion: nil) }
        #expect(first.violation?.invariant == .keys)
        let second = world()
        let row = TimelineHistory.Row(timeline: Timeline(1), switchpoint: LSN(1), reason: "")
        _ = second.change { $0.write(history: TimelineHistory(rows: [row, row])) }
        #expect(second.violation?.invariant == .keys)
        let third = world()
        for text in ["7000000000000000001", "7000000000000000002"] {
            let identifier = try #require(SystemIdentifier(text))
            _ = third.change { $0.write(initialize: identifier) }
        }
        #expect(third.violation?.invariant == .keys)
    }
}
