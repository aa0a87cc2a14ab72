// A write-ahead log as far as safety cares: who wrote which part of it, and where the parts meet.

import PatroniCore

/// Tells two promotions apart that gave themselves the same timeline number; PostgreSQL itself can't.
public struct LogWriter: Sendable, Hashable {
    public let number: Int
    public init(_ number: Int) { self.number = number }
}

/// Branches one after the other; the cluster's creation makes the first, every promotion the next.
public struct ModelLog: Sendable, Hashable {
    public struct Branch: Sendable, Hashable {
        public var writer: LogWriter
        public var timeline: Timeline
        public var start: LSN
        public var end: LSN
    }

    /// Never empty, each begins where the one before it ends.
    public private(set) var branches: [Branch]

    public init(writer: LogWriter, timeline: Timeline = Timeline(1), start: LSN) {
        branches = [Branch(writer: writer, timeline: timeline, start: start, end: start)]
    }

    private var last: Int { branches.count - 1 }
    public var branch: Branch { branches[last] }
    public var end: LSN { branches[last].end }
    public var timeline: Timeline { branches[last].timeline }
    public var writer: LogWriter { branches[last].writer }

    mutating func extend(to position: LSN) { if position > branches[last].end { branches[last].end = position } }

    mutating func begin(_ writer: LogWriter, _ timeline: Timeline) {
        branches.append(Branch(writer: writer, timeline: timeline, start: end, end: end))
    }

    /// Becomes the beginning of `other` up to `position`, which is never before our own end.
    mutating func take(_ other: ModelLog, upTo position: LSN) {
        if other.branches.count == branches.count {
            extend(to: min(position, other.end))
            return
        }
        self = other.upTo(position)
    }

    /// The part before `position`. A branch that begins exactly there is not part of it yet.
    func upTo(_ position: LSN) -> ModelLog {
        var cut = self
        while cut.branches.count > 1, cut.branch.start >= position { cut.branches.removeLast() }
        if position < cut.end { cut.branches[cut.last].end = max(position, cut.branch.start) }
        return cut
    }

    /// Everything here is there too, at the same place.
    func isBeginning(of other: ModelLog) -> Bool {
        guard branches.count <= other.branches.count else { return false }
        for index in branches.indices {
            let (mine, theirs) = (branches[index], other.branches[index])
            guard mine.writer == theirs.writer else { return false }
            if index == last { return mine.end <= theirs.end }
            guard mine.end == theirs.end else { return false }
        }
        return true
    }

    /// Up to where both logs are the same.
    func commonEnd(with other: ModelLog) -> LSN {
        var common = LSN.zero
        for (mine, theirs) in zip(branches, other.branches) {
            guard mine.writer == theirs.writer else { break }
            common = min(mine.end, theirs.end)
            if mine.end != theirs.end { break }
        }
        return common
    }

    /// The same as far as numbers and positions tell, which is all that pg_rewind looks at.
    func apparentCommonEnd(with other: ModelLog) -> LSN {
        var common = LSN.zero
        for (mine, theirs) in zip(branches, other.branches) {
            guard mine.timeline == theirs.timeline, mine.start == theirs.start else { break }
            common = min(mine.end, theirs.end)
        }
        return common
    }

    /// Does the log hold everything that `writer` wrote up to `position`?
    public func holds(_ writer: LogWriter, upTo position: LSN) -> Bool {
        for branch in branches.reversed() where branch.writer == writer { return branch.end >= position }
        return false
    }

    public func holds(_ writer: LogWriter) -> Bool { branches.contains { $0.writer == writer } }

    /// Where the timelines before the newest one ended, as PostgreSQL's history file says it.
    public var history: TimelineHistory {
        TimelineHistory(
            rows: branches.dropLast().map {
                TimelineHistory.Row(timeline: $0.timeline, switchpoint: $0.end, reason: "no recovery target specified")
            })
    }

    /// What PostgreSQL finds when a standby with the log `self` asks `upstream` for more: it compares numbers of
    /// timelines and positions, for it knows nothing of writers.
    func looksLikeBeginning(of upstream: ModelLog) -> Bool {
        guard let row = upstream.branches.last(where: { $0.timeline == timeline }) else { return false }
        return end <= row.end
    }
}
