// Something happened that must never happen.

import PatroniCore

/// The promises; their numbers are the ones of docs/simulator.md.
enum Invariant: Int, CaseIterable {
    case oneWriter = 1
    case noLostCommits
    case noForks
    case healing
    case pause
    case keys
    case givesWay
}

struct Violation {
    var seed: UInt64
    var at: Duration
    var invariant: Invariant
    var explanation: String
}
