// Whole clusters with everything going wrong at random: never two primaries, and always one in the end.

import Testing

@testable import PatroniCore

@Suite("Random clusters") struct RandomClusterTests {
    @Test(arguments: 1...120) func `whatever goes wrong, there is never more than one primary, and one in the end`(
        _ seed: Int
    ) {
        var cluster = ClusterStoryTests.formed(seed: UInt64(seed))
        var random = SeededRandom(seed: UInt64(seed) &+ 1000)
        var told: [String] = []
        for _ in 0..<12 {
            told.append(Self.disturb(&cluster, &random))
            cluster.run(.milliseconds(Int64(random.number(200...25_000))))
            if random.chance(40) { cluster.heal() }
        }
        cluster.heal()
        for index in cluster.members.indices { cluster.members[index].frozenUntil = nil }
        cluster.run(.seconds(180)) { $0.isHealthy }
        let isHealthy = cluster.isHealthy
        #expect(isHealthy, "seed \(seed): \(told)\n\(cluster.description)")
        #expect(cluster.violations.isEmpty, "seed \(seed): \(told)")
    }

    static func disturb(_ cluster: inout ModelCluster, _ random: inout SeededRandom) -> String {
        let name = random.chance(60) ? cluster.leader ?? "alpha" : random.pick(cluster.members.map(\.name))
        let at = "at \((cluster.now - .start).inSeconds)"
        switch random.number(0...8) {
        case 0:
            cluster.killServer(name)
            return "kill server \(name) \(at)"
        case 1:
            cluster.killAgent(name)
            return "kill agent \(name) \(at)"
        case 2:
            cluster.killAgent(name)
            cluster.killServer(name)
            return "kill all of \(name) \(at)"
        case 3, 4:
            cluster.cutOff(name)
            return "cut off \(name) \(at)"
        case 5:
            cluster.freeze(name, .seconds(random.number(1...50)))
            return "freeze \(name) \(at)"
        case 6:
            cluster[name].canBeReached = false
            return "\(name) can't be reached \(at)"
        case 7:
            let candidate = random.chance(50) ? random.pick(cluster.members.map(\.name)) : nil
            let leader = candidate == nil ? cluster.leader : random.chance(60) ? cluster.leader : nil
            if leader != nil || candidate != nil {
                cluster.change { $0.failover = FailoverRequest(leader: leader, candidate: candidate) }
            }
            return "failover from \(leader?.text ?? "-") to \(candidate?.text ?? "-") \(at)"
        default:
            cluster.promiseBrokenUntil = cluster.keyExpires
            cluster.change { $0.leader = nil }
            return "the key is gone \(at)"
        }
    }
}
