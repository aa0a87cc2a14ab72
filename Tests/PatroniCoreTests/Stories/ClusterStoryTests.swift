// Stories of whole clusters, told with real cores: what an operator would see happen.

import Testing

@testable import PatroniCore

@Suite("Stories of clusters") struct ClusterStoryTests {
    /// Three members that have found each other; alpha leads in most stories, but the race decides.
    static func formed(seed: UInt64 = 1) -> ModelCluster {
        var cluster = ModelCluster(seed: seed)
        for name: MemberName in ["alpha", "beta", "gamma"] { cluster[name].settings.usePgRewind = true }
        cluster.run(.seconds(60)) { $0.isHealthy }
        return cluster
    }

    static func expectHealthy(_ cluster: ModelCluster, _ location: SourceLocation = #_sourceLocation) {
        #expect(cluster.isHealthy, "\(cluster.description)", sourceLocation: location)
        #expect(cluster.violations.isEmpty, sourceLocation: location)
    }

    @Test func `three empty members become a primary with two replicas`() {
        let cluster = Self.formed()
        Self.expectHealthy(cluster)
        #expect(cluster.now - .start < .seconds(15))
        #expect(cluster.store.initialize == .done(.ours))
    }

    @Test func `a switchover moves the leadership, loses nothing, and the old leader follows`() {
        var cluster = Self.formed()
        let old = cluster.leader
        let began = cluster.now
        cluster.change { $0.failover = FailoverRequest(leader: old, candidate: nil) }
        cluster.run(.seconds(5)) { $0.primaries.count == 1 && $0.primaries.first != old }
        #expect(cluster.now - began < .seconds(2))
        cluster.run(.seconds(10)) { $0.isHealthy }
        Self.expectHealthy(cluster)
        #expect(cluster.now - began < .seconds(5))
        #expect(cluster.store.failover == nil)
        let jobs = old.map { cluster[$0].rules.filter { $0.hasSuffix("/rewind") } }
        #expect(jobs == [], "a clean hand-over needs no rewind")
    }

    @Test(arguments: ["alpha", "beta", "gamma"] as [MemberName])
    func `a switchover to a candidate goes to the candidate`(_ candidate: MemberName) {
        var cluster = Self.formed()
        guard let old = cluster.leader, old != candidate else { return }
        cluster.change { $0.failover = FailoverRequest(leader: old, candidate: candidate) }
        cluster.run(.seconds(15)) { $0.isHealthy && $0.leader == candidate }
        Self.expectHealthy(cluster)
        #expect(cluster.leader == candidate)
    }

    @Test func `a primary whose server dies is started again on the same timeline`() throws {
        var cluster = Self.formed()
        let leader = try #require(cluster.leader)
        let timeline = cluster[leader].log.timeline
        cluster.killServer(leader)
        cluster.run(.seconds(10)) { $0.isHealthy }
        Self.expectHealthy(cluster)
        #expect(cluster.leader == leader)
        #expect(cluster[leader].log.timeline == timeline)
    }

    @Test func `agent and server of the primary die: another takes over when the lease ends, the old one rejoins`()
        throws
    {
        var cluster = Self.formed()
        let old = try #require(cluster.leader)
        let died = cluster.now
        cluster.killAgent(old)
        cluster.killServer(old)
        cluster.run(.seconds(60)) { $0.primaries.count == 1 }
        #expect(cluster.now - died < .seconds(32))
        #expect(cluster.leader != old)
        cluster.startAgent(old)
        cluster.run(.seconds(20)) { $0.isHealthy }
        Self.expectHealthy(cluster)
    }

    @Test func `the primary can't reach the store: it stops before another one starts`() throws {
        var cluster = Self.formed()
        let old = try #require(cluster.leader)
        cluster.cutOff(old)
        cluster.run(.seconds(60)) { !$0.primaries.contains(old) }
        #expect(cluster.primaries.isEmpty, "stopped before the key was free")
        cluster.run(.seconds(30)) { !$0.primaries.isEmpty }
        #expect(cluster.leader != old)
        cluster.heal()
        cluster.run(.seconds(30)) { $0.isHealthy }
        Self.expectHealthy(cluster)
    }

    @Test func `the store is away for a moment: nothing happens`() throws {
        var cluster = Self.formed()
        let leader = cluster.leader
        for name in cluster.members.map(\.name) { cluster.cutOff(name) }
        cluster.run(.seconds(8))
        cluster.heal()
        cluster.run(.seconds(15))
        Self.expectHealthy(cluster)
        #expect(cluster.leader == leader)
        #expect(cluster.members.allSatisfy { $0.log.timeline == 1 })
    }

    @Test func `the store is away for long: everybody is readable, and afterwards somebody leads`() {
        var cluster = Self.formed()
        for name in cluster.members.map(\.name) { cluster.cutOff(name) }
        cluster.run(.seconds(90))
        #expect(cluster.primaries.isEmpty)
        #expect(cluster.members.allSatisfy { $0.server == .standby })
        cluster.heal()
        cluster.run(.seconds(40)) { $0.isHealthy }
        Self.expectHealthy(cluster)
    }

    @Test func `an agent that freezes with its primary comes back as a standby`() throws {
        var cluster = Self.formed()
        let old = try #require(cluster.leader)
        cluster.freeze(old, .seconds(60))
        cluster.run(.seconds(59))
        #expect(cluster.leader != old)
        cluster.run(.seconds(30)) { $0.isHealthy }
        Self.expectHealthy(cluster)
    }

    @Test func `the agent is killed and started again beside a running primary: nothing changes`() throws {
        var cluster = Self.formed()
        let leader = try #require(cluster.leader)
        cluster.killAgent(leader)
        cluster.run(.seconds(5))
        cluster.startAgent(leader)
        cluster.run(.seconds(15))
        Self.expectHealthy(cluster)
        #expect(cluster.leader == leader)
        #expect(cluster[leader].log.timeline == 1)
    }

    @Test func `a whole cluster that was switched off comes back`() {
        var cluster = Self.formed()
        for name in cluster.members.map(\.name) {
            cluster.killAgent(name)
            cluster.killServer(name)
        }
        cluster.run(.seconds(40))
        cluster.heal()
        cluster.run(.seconds(40)) { $0.isHealthy }
        Self.expectHealthy(cluster)
    }

    @Test func `paused: a dead primary stays dead, and resuming brings it back`() throws {
        var cluster = Self.formed()
        let leader = try #require(cluster.leader)
        for index in cluster.members.indices { cluster.members[index].settings.isPaused = true }
        cluster.run(.seconds(12))
        cluster.killServer(leader)
        cluster.run(.seconds(60))
        #expect(cluster.primaries.isEmpty)
        #expect(cluster[leader].server == .stopped)
        #expect(cluster.leader == nil)
        for index in cluster.members.indices { cluster.members[index].settings.isPaused = false }
        cluster.run(.seconds(60)) { $0.isHealthy }
        Self.expectHealthy(cluster)
    }

    @Test func `paused: an operator's failover to a candidate works, and the old primary comes back`() throws {
        var cluster = Self.formed()
        let old = try #require(cluster.leader)
        let candidate = try #require(cluster.streaming.first)
        for index in cluster.members.indices { cluster.members[index].settings.isPaused = true }
        cluster.run(.seconds(12))
        cluster.change { $0.failover = FailoverRequest(leader: nil, candidate: candidate) }
        cluster.run(.seconds(40)) { $0.isHealthy && $0.store.failover == nil }
        Self.expectHealthy(cluster)
        #expect(cluster.leader == candidate)
        #expect(cluster[old].server == .standby)
        #expect(cluster.store.failover == nil)
    }

    @Test func `a switchover whose candidate dies on the way ends with some leader`() throws {
        var cluster = Self.formed()
        let old = try #require(cluster.leader)
        let candidate = try #require(cluster.streaming.first)
        cluster.change { $0.failover = FailoverRequest(leader: old, candidate: candidate) }
        cluster.run(.milliseconds(400))
        cluster.killAgent(candidate)
        cluster.killServer(candidate)
        cluster.run(.seconds(30)) { $0.primaries.count == 1 && $0.primaries.first == $0.leader }
        #expect(cluster.leader != nil)
        #expect(cluster.violations.isEmpty)
    }
}
