// What a race was decided by, to be compared with what is so before the promotion.

/// Whoever wins the leader key may have stood still since it looked: others may have led meanwhile, and left again.
public struct RacedView: Sendable, Hashable {
    private var timeline: Timeline?
    private var position: LSN?

    public init(_ cluster: Cluster?) {
        timeline = cluster?.timeline
        position = cluster?.status.position
    }

    /// What only a leader changes and is not as it was; nil when nobody can have led since.
    public func change(in cluster: Cluster) -> String? {
        func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "unknown" }
        if cluster.timeline != timeline {
            return "the timeline was \(text(timeline)) and is \(text(cluster.timeline))"
        }
        if cluster.status.position != position {
            return "the position was \(text(position)) and is \(text(cluster.status.position))"
        }
        return nil
    }
}
