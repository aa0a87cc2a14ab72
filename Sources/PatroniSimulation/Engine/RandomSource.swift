// Chance that can be repeated: one seed, one sequence.

import PatroniCore

/// SplitMix64: small, quick, and good enough to choose faults by.
struct RandomSource: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A sequence of its own, so that drawing more here changes nothing there.
    mutating func fork() -> RandomSource { RandomSource(seed: next()) }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(1, limit))) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        let (low, high) = (range.lowerBound.inNanoseconds, range.upperBound.inNanoseconds)
        return .nanoseconds(low + Int64(next() % UInt64(high - low + 1)))
    }
}
