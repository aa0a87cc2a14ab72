// One history from seed to end.

import PatroniCore

/// What became of one seed.
package struct HistoryResult {
    var plan: HistoryPlan
    var violation: Violation?
    var statistics: Statistics
}

enum History {
    /// Runs on the calling thread, which must belong to nobody else.
    static func run(
        _ plan: HistoryPlan, blueprints: Blueprints, tell: ((Moment, Actor, String) -> Void)? = nil
    ) -> HistoryResult {
        let world = World(plan, blueprints: blueprints)
        world.trace.tell = tell
        world.run()
        world.statistics.histories = 1
        return HistoryResult(plan: plan, violation: world.violation, statistics: world.statistics)
    }
}
