// Where a log's end was lately: what others know of it is as old as the network is slow.

import PatroniCore

/// Positions over time, straight between samples. Remembers the last seconds only.
struct ModelTrack: Sendable {
    private struct Sample {
        var at: Int64
        var position: UInt64
    }

    private var samples: [Sample] = []
    private var first = 0

    private static let spacing: Int64 = 20_000_000
    private static let memory: Int64 = 4_000_000_000

    init(at: Int64, _ position: LSN) { restart(at: at, position) }

    /// Another log, or the same one after a break: nothing of before counts.
    mutating func restart(at: Int64, _ position: LSN) {
        samples.removeAll(keepingCapacity: true)
        first = 0
        samples.append(Sample(at: at, position: position.rawValue))
    }

    mutating func note(at: Int64, _ position: LSN) {
        let sample = Sample(at: at, position: position.rawValue)
        let count = samples.count
        if count - first >= 2, samples[count - 1].position == sample.position,
            samples[count - 2].position == sample.position
        {
            samples[count - 1].at = at
            return
        }
        // Close neighbours are one, so that a busy moment does not fill the memory.
        if count - first >= 2, at - samples[count - 2].at < Self.spacing {
            samples[count - 1] = sample
        } else {
            samples.append(sample)
        }
        while samples.count - first > 2, samples[first + 1].at < at - Self.memory { first += 1 }
        if first > 64 {
            samples.removeFirst(first)
            first = 0
        }
    }

    func position(at: Int64) -> LSN {
        var index = samples.count - 1
        if at >= samples[index].at { return LSN(samples[index].position) }
        while index > first, samples[index - 1].at > at { index -= 1 }
        guard index > first else { return LSN(samples[first].position) }
        let (before, after) = (samples[index - 1], samples[index])
        let share = Double(at - before.at) / Double(after.at - before.at)
        return LSN(before.position + UInt64(Double(after.position - before.position) * share))
    }
}
