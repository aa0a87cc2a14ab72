// Whole clusters in failsafe mode: writes go on without the store, and there are never two primaries.

import Testing

@testable import PatroniCore

@Suite("Failsafe stories") struct FailsafeStoryTests {
    private static func formed(seed: UInt64 = 1) -> ModelCluster {
        var cluster = ClusterStoryTests.formed(seed: seed)
        cluster.useFailsafe()
        // Everybody must be in the map, and the agents must have been running for a while.
        cluster.run(.seconds(40))
        return cluster
    }

    @Test func `the store is gone for ten minutes: the primary goes on all the time, and afterwards all is as before`()
    {
        var cluster = Self.formed()
        let leader = cluster.leader
        cluster.loseStore()
        cluster.run(.seconds(600)) { $0.primaries.isEmpty }
        #expect(cluster.primaries == leader.map { [$0] })
        #expect(cluster.leader == nil, "the store has forgotten the leader long ago")
        cluster.heal()
        cluster.run(.seconds(60)) { $0.isHealthy }
        #expect(cluster.isHealthy && cluster.leader == leader)
        #expect(cluster.violations.isEmpty)
    }

    @Test func `without failsafe mode it stops before its lease ends`() {
        var cluster = ClusterStoryTests.formed(seed: 1)
        let expires = cluster.keyExpires
        cluster.loseStore()
        cluster.run(.seconds(60)) { $0.primaries.isEmpty }
        #expect(cluster.primaries.isEmpty && cluster.now < expires)
    }

    @Test func `one member can't be reached: the primary stops before its lease ends`() {
        var cluster = Self.formed()
        let expires = cluster.keyExpires
        let other = cluster.members.first { $0.name != cluster.leader }?.name ?? ""
        cluster.loseStore()
        cluster[other].canBeReached = false
        cluster.run(.seconds(60)) { $0.primaries.isEmpty }
        #expect(cluster.primaries.isEmpty && cluster.now < expires)
    }

    @Test func `only the primary has lost the store: the others see its key run out and leave it alone`() throws {
        var cluster = Self.formed()
        let leader = try #require(cluster.leader)
        cluster.cutOff(leader)
        cluster.run(.seconds(300)) { $0.primaries.isEmpty }
        #expect(cluster.primaries == [leader])
        #expect(cluster.leader == nil)
        #expect(cluster.streaming.count == 2, "they go on following it")
        // Now it can't be reached either: it stops, and only then another takes over.
        cluster[leader].canBeReached = false
        cluster.run(.seconds(120)) { $0.leader != nil && $0.primaries.count == 1 }
        #expect(cluster.primaries == [cluster.leader].compactMap { $0 } && cluster.leader != leader)
        #expect(cluster.violations.isEmpty)
    }

    @Test func `a member that joined during the outage of the primary's line does not take over`() throws {
        var cluster = Self.formed()
        let leader = try #require(cluster.leader)
        let other = try #require(cluster.members.first { $0.name != leader }?.name)
        cluster.store.failsafe?[other] = nil
        cluster[leader].failsafeMap.read(cluster.store.failsafe)
        cluster.cutOff(leader)
        cluster.run(.seconds(120)) { $0.primaries != [leader] }
        #expect(cluster.primaries == [leader])
        #expect(cluster.violations.isEmpty)
    }

    @Test func `an agent that is restarted waits for what it may have promised`() throws {
        var cluster = Self.formed()
        let leader = try #require(cluster.leader)
        cluster.cutOff(leader)
        cluster.run(.seconds(100))
        for member in cluster.members where member.name != leader {
            cluster.killAgent(member.name)
            cluster.startAgent(member.name)
        }
        cluster[leader].canBeReached = false
        cluster.run(.seconds(15))
        #expect(cluster.leader == nil)
        cluster.run(.seconds(60)) { $0.leader != nil }
        #expect(cluster.primaries.count <= 1 && cluster.leader != leader)
        #expect(cluster.violations.isEmpty)
    }

    @Test(arguments: 1...150) func `whatever goes wrong in failsafe mode, there is never more than one primary`(
        _ seed: Int
    ) {
        var cluster = Self.formed(seed: UInt64(seed))
        var random = SeededRandom(seed: UInt64(seed) &+ 5000)
        var told: [String] = []
        for _ in 0..<14 {
            told.append(Self.disturb(&cluster, &random))
            cluster.run(.milliseconds(Int64(random.number(200...30_000))))
            if random.chance(25) { cluster.heal() }
        }
        cluster.heal()
        for index in cluster.members.indices { cluster.members[index].frozenUntil = nil }
        cluster.run(.seconds(240)) { $0.isHealthy }
        let isHealthy = cluster.isHealthy
        #expect(isHealthy, "seed \(seed): \(told)\n\(cluster.description)")
        #expect(cluster.violations.isEmpty, "seed \(seed): \(told)")
    }

    private static func disturb(_ cluster: inout ModelCluster, _ random: inout SeededRandom) -> String {
        let name = random.chance(50) ? cluster.primaries.first ?? "alpha" : random.pick(cluster.members.map(\.name))
        let at = "at \((cluster.now - .start).inSeconds)"
        switch random.number(0...9) {
        case 0, 1:
            cluster.loseStore()
            return "the store is gone \(at)"
        case 2, 3:
            cluster.cutOff(name)
            return "\(name) has lost the store \(at)"
        case 4:
            cluster[name].canBeReached = false
            return "\(name) can't be reached \(at)"
        case 5:
            cluster[name].canBeReached = true
            cluster[name].canReachStore = true
            return "\(name) is back \(at)"
        case 6:
            cluster.freeze(name, .seconds(random.number(1...50)))
            return "freeze \(name) \(at)"
        case 7:
            cluster.killAgent(name)
            if random.chance(70) { cluster.startAgent(name) }
            return "restart the agent of \(name) \(at)"
        case 8:
            cluster.killServer(name)
            return "kill the server of \(name) \(at)"
        default:
            if let leader = cluster.leader {
                cluster.change { $0.failover = FailoverRequest(leader: leader, candidate: nil) }
            }
            return "switchover \(at)"
        }
    }
}
