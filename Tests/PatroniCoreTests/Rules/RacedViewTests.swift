// What the store says between a race and the promotion: has anybody led since?

import Testing

@testable import PatroniCore

@Suite("What a race was decided by") struct RacedViewTests {
    static func history(_ timelines: UInt32...) -> TimelineHistory {
        TimelineHistory(rows: timelines.map { .init(timeline: Timeline($0), switchpoint: LSN(1), reason: "") })
    }

    private func cluster(_ position: UInt64?, _ history: TimelineHistory? = nil) -> Cluster {
        var cluster = Cluster.healthy
        cluster.status.position = position.map { LSN($0) }
        cluster.history = history
        return cluster
    }

    @Test func `only what a leader writes counts`() {
        #expect(RacedView(cluster(100)).change(in: cluster(100)) == nil)
        #expect(RacedView(cluster(100)).change(in: cluster(101)) == "the position was 0/64 and is 0/65")
        #expect(RacedView(cluster(nil)).change(in: cluster(1)) == "the position was unknown and is 0/1")
        #expect(
            RacedView(cluster(100, Self.history(1))).change(in: cluster(100, Self.history(1, 2)))
                == "the timeline was 2 and is 3")
        var other = cluster(100)
        other.members = []
        #expect(RacedView(cluster(100)).change(in: other) == nil)
    }
}
