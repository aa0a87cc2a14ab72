// A write-ahead log as far as elections care: who wrote which part of it.

/// Branches one after the other; every promotion begins a new one.
struct ModelLog: Hashable {
    struct Branch: Hashable {
        var writer: Int
        var timeline: UInt32
        var end: UInt64
    }
    var branches: [Branch] = []

    var position: UInt64 { branches.last?.end ?? 0 }
    var timeline: UInt32 { branches.last?.timeline ?? 1 }

    mutating func write(_ bytes: UInt64) {
        guard !branches.isEmpty else { return }
        branches[branches.count - 1].end += bytes
    }

    mutating func begin(writer: Int) {
        branches.append(Branch(writer: writer, timeline: branches.isEmpty ? 1 : timeline + 1, end: position + 1))
    }

    /// Everything here is there too.
    func isPart(of other: ModelLog) -> Bool { commonPosition(with: other) == position }

    func commonPosition(with other: ModelLog) -> UInt64 {
        var common: UInt64 = 0
        for (mine, theirs) in zip(branches, other.branches) {
            guard mine.writer == theirs.writer else { break }
            common = min(mine.end, theirs.end)
            if mine.end != theirs.end { break }
        }
        return common
    }

    /// Cut off what `other` does not have.
    mutating func rewind(to other: ModelLog) {
        let common = commonPosition(with: other)
        var kept: [Branch] = []
        for branch in other.branches where (kept.last?.end ?? 0) < common {
            kept.append(Branch(writer: branch.writer, timeline: branch.timeline, end: min(branch.end, common)))
        }
        branches = kept
    }
}
