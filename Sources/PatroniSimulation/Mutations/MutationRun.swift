// Looks how many seeds it takes until a mistake is noticed.

/// What became of one mistake.
package struct MutationResult: Sendable {
    package let mutation: Mutation
    /// The seed that showed it; nil: nothing was noticed within the limit.
    package let seed: UInt64?
    package let seedsNeeded: Int
    /// What was violated, in words.
    package let finding: String
    /// The number of the invariant.
    package let invariant: Int?

    package var isCaught: Bool { seed != nil }
}

extension Mutation {
    /// Runs histories with the mistake until one violates what the mistake should violate.
    package func run(from first: UInt64 = 1, limit: Int? = nil) -> MutationResult {
        let blueprints = Blueprints()
        let most = limit ?? self.limit
        for number in 0..<max(0, most) {
            let seed = first + UInt64(number)
            let result = History.run(plan(seed: seed), blueprints: blueprints)
            guard let violation = result.violation, invariants.contains(violation.invariant) else { continue }
            // A history that goes wrong without the mistake says nothing about it.
            if History.run(HistoryPlan(seed: seed, mode: mode), blueprints: blueprints).violation != nil { continue }
            return MutationResult(
                mutation: self, seed: seed, seedsNeeded: number + 1, finding: violation.explanation,
                invariant: violation.invariant.rawValue)
        }
        return MutationResult(mutation: self, seed: nil, seedsNeeded: most, finding: "", invariant: nil)
    }
}

extension MutationResult {
    /// A row of the table in docs/simulator.md.
    var row: String {
        let found = isCaught ? "\(invariant.map(String.init) ?? "") | \(seedsNeeded)" : "**none** | –"
        return
            "| `\(mutation.name)` | \(mutation.sentence) | \(mutation.mode.rawValue) | \(found) | \(mutation.limit) |"
    }

    static let head = """
        | mutation | what is wrong | mode | caught by invariant | seeds needed | limit |
        |---|---|---|---|---|---|
        """
}
