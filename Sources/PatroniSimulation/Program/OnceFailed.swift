// Histories that once broke a promise. They are always run, whatever else is.

/// One history among all.
struct HistoryName: Sendable, Hashable {
    var seed: UInt64
    var mode = Mode.mixed

    var replay: String { "patroni-simulator replay \(seed) --mode \(mode.rawValue)" }
}

/// A mend changes what follows in a history, so a seed shows its old fault no more for certain; it costs nothing to look.
enum OnceFailed {
    static let histories: [HistoryName] = [
        // A promotion was ordered after a sleep.
        HistoryName(seed: 38), HistoryName(seed: 3160),
        // A primary without an agent's word stayed up.
        HistoryName(seed: 995), HistoryName(seed: 1096),
        // The machine that created the cluster died, and its claim stayed.
        HistoryName(seed: 23517), HistoryName(seed: 25713),
        // An agent that had just started waited for a primary that didn't answer, beside the leader.
        HistoryName(seed: 27010),
        // A server stood still while its agent ended.
        HistoryName(seed: 16902),
        // A stop that failed was not tried again.
        HistoryName(seed: 34049), HistoryName(seed: 35623), HistoryName(seed: 44575), HistoryName(seed: 46001),
        // A renewal after a sleep took the key that somebody else had had meanwhile.
        HistoryName(seed: 36728),
        // An operator's restart made a second primary of a copy of the first.
        HistoryName(seed: 76682), HistoryName(seed: 79974),
        // The check forgot an operator's failover that waited for the end of maintenance mode.
        HistoryName(seed: 83234),
        // A leader let go of its key while a promotion was on its way.
        HistoryName(seed: 97714),
        // An agent that had just started did not know that its timeline was not the recorded one of the same number.
        HistoryName(seed: 46271),
        // A former leader took its own timeline for the recorded one of the same number.
        HistoryName(seed: 500_301, mode: .pause),
    ]
}
