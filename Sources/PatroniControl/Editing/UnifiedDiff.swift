// The difference of two texts, as `diff -u` shows it (CTL-114).

/// Finds the longest run of lines that both texts have, then looks left and right of it, as Python's difflib does.
struct UnifiedDiff {
    private let old: [String]
    private let new: [String]
    private let places: [String: [Int]]

    init(_ old: String, _ new: String) {
        self.old = Self.lines(old)
        self.new = Self.lines(new)
        places = Dictionary(grouping: self.new.indices, by: { [new = self.new] in new[$0] })
    }

    private static func lines(_ text: String) -> [String] {
        var text = Substring(text)
        while text.hasSuffix("\n") { text.removeLast() }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private struct Run {
        var old: Int
        var new: Int
        var count: Int
    }

    /// A stretch of both texts that is equal or not.
    private struct Piece {
        var isEqual: Bool
        var old: Range<Int>
        var new: Range<Int>
    }

    private func longestRun(_ oldRange: Range<Int>, _ newRange: Range<Int>) -> Run {
        var best = Run(old: oldRange.lowerBound, new: newRange.lowerBound, count: 0)
        var lengths: [Int: Int] = [:]
        for index in oldRange {
            var next: [Int: Int] = [:]
            for place in places[old[index]] ?? [] where newRange.contains(place) {
                let count = (lengths[place - 1] ?? 0) + 1
                next[place] = count
                if count > best.count { best = Run(old: index - count + 1, new: place - count + 1, count: count) }
            }
            lengths = next
        }
        return best
    }

    private func runs() -> [Run] {
        var found: [Run] = []
        var open = [(old.indices, new.indices)]
        while let (oldRange, newRange) = open.popLast() {
            let run = longestRun(oldRange, newRange)
            if run.count == 0 { continue }
            found.append(run)
            open.append((oldRange.lowerBound..<run.old, newRange.lowerBound..<run.new))
            open.append((run.old + run.count..<oldRange.upperBound, run.new + run.count..<newRange.upperBound))
        }
        return found.sorted { ($0.old, $0.new) < ($1.old, $1.new) }
    }

    private func pieces() -> [Piece] {
        var result: [Piece] = []
        var oldEnd = 0
        var newEnd = 0
        for run in runs() + [Run(old: old.count, new: new.count, count: 0)] {
            if run.old > oldEnd || run.new > newEnd {
                result.append(Piece(isEqual: false, old: oldEnd..<run.old, new: newEnd..<run.new))
            }
            if run.count > 0 {
                if let last = result.last, last.isEqual {
                    result[result.count - 1].old = last.old.lowerBound..<run.old + run.count
                    result[result.count - 1].new = last.new.lowerBound..<run.new + run.count
                } else {
                    result.append(
                        Piece(isEqual: true, old: run.old..<run.old + run.count, new: run.new..<run.new + run.count))
                }
            }
            oldEnd = run.old + run.count
            newEnd = run.new + run.count
        }
        return result
    }

    /// Changes with three lines around them; changes near each other share a group.
    private func groups(context: Int = 3) -> [[Piece]] {
        var result: [[Piece]] = []
        var group: [Piece] = []
        let all = pieces()
        for (index, piece) in all.enumerated() {
            guard piece.isEqual else {
                group.append(piece)
                continue
            }
            let head = Piece(
                isEqual: true, old: piece.old.prefix(context).rangeOfIndices,
                new: piece.new.prefix(context).rangeOfIndices)
            let tail = Piece(
                isEqual: true, old: piece.old.suffix(context).rangeOfIndices,
                new: piece.new.suffix(context).rangeOfIndices)
            if index == 0 {
                group = [tail]
            } else if index == all.count - 1 {
                group.append(head)
            } else if piece.old.count > 2 * context {
                group.append(head)
                result.append(group)
                group = [tail]
            } else {
                group.append(piece)
            }
        }
        if group.contains(where: { !$0.isEqual }) { result.append(group) }
        return result
    }

    /// Lines without line breaks; none when the texts are equal.
    func text() -> [String] {
        var result: [String] = []
        for group in groups() {
            guard let first = group.first, let last = group.last else { continue }
            if result.isEmpty { result = ["--- ", "+++ "] }
            let oldRange = first.old.lowerBound..<last.old.upperBound
            let newRange = first.new.lowerBound..<last.new.upperBound
            result.append("@@ -\(Self.place(oldRange)) +\(Self.place(newRange)) @@")
            for piece in group {
                if piece.isEqual {
                    result += old[piece.old].map { " " + $0 }
                } else {
                    result += old[piece.old].map { "-" + $0 } + new[piece.new].map { "+" + $0 }
                }
            }
        }
        return result
    }

    /// First line and number of lines; the number is left out when it is one.
    private static func place(_ range: Range<Int>) -> String {
        switch range.count {
        case 1: "\(range.lowerBound + 1)"
        case 0: "\(range.lowerBound),0"
        default: "\(range.lowerBound + 1),\(range.count)"
        }
    }
}

extension Slice<Range<Int>> {
    fileprivate var rangeOfIndices: Range<Int> { startIndex..<endIndex }
}

extension Range<Int> {
    fileprivate var rangeOfIndices: Range<Int> { self }
}
