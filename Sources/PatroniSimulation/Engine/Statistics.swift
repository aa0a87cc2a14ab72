// What was done, for people who ask whether it was enough.

import PatroniCore

struct Statistics {
    var histories = 0
    var simulated: Duration = .zero
    var turns = 0
    var events = 0
    var jobs = 0
    var faults = 0
    var commands = 0
    var happenings = 0
    var healings = 0
    var halts = 0
    var copies = 0
    var fencings = 0
    var promotions = 0
    /// Standbys and rewinds that took another log for their own.
    var mixings = 0
    /// Dead agents that did not end.
    var ghostsLeft = 0
    var hash: UInt64 = 0
    /// From the end of all faults until one led and all followed.
    var longestHealing: Duration = .zero
    /// By name: how often it had the last word or did something.
    var rules: [String: Int] = [:]

    mutating func add(_ other: Statistics) {
        histories += other.histories
        simulated += other.simulated
        turns += other.turns
        events += other.events
        jobs += other.jobs
        faults += other.faults
        commands += other.commands
        happenings += other.happenings
        healings += other.healings
        halts += other.halts
        copies += other.copies
        fencings += other.fencings
        promotions += other.promotions
        mixings += other.mixings
        ghostsLeft += other.ghostsLeft
        hash ^= other.hash
        longestHealing = max(longestHealing, other.longestHealing)
        rules.merge(other.rules) { $0 + $1 }
    }
}
