// Seeds that once broke a promise. They are always run, whatever else is.

/// A mend changes what follows in a history, so a seed shows its old fault no more for certain; it costs nothing to look.
enum OnceFailed {
    static let seeds: [UInt64] = [
        // A promotion was ordered after a sleep.
        38, 3160,
        // A primary without an agent's word stayed up.
        995, 1096,
        // The machine that created the cluster died, and its claim stayed.
        23517, 25713,
        // An agent that had just started waited for a primary that didn't answer, beside the leader.
        27010,
    ]
}
