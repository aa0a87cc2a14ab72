// Whole histories: the same seed tells the same story, and nothing forbidden happens in a few of them.

import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniSimulation

/// Runs on a thread of its own: a history takes the thread's executor away.
func simulate(_ plan: HistoryPlan) async -> HistoryResult {
    await withCheckedContinuation { continuation in
        let code = OwnThread.start(name: "history", stackBytes: 16 << 20) {
            continuation.resume(returning: History.run(plan, blueprints: Blueprints()))
        }
        precondition(code == 0, "no thread for a history")
    }
}

@Suite("Histories") struct HistoryTests {
    @Test("A seed tells the same story every time", arguments: [3, 38, 77] as [UInt64])
    func isDeterministic(seed: UInt64) async {
        let first = await simulate(HistoryPlan(seed: seed))
        let second = await simulate(HistoryPlan(seed: seed))
        #expect(first.statistics.hash == second.statistics.hash)
        #expect(first.statistics.events == second.statistics.events)
        #expect(first.statistics.turns > 100)
    }

    @Test("Different seeds tell different stories")
    func seedsDiffer() async {
        let first = await simulate(HistoryPlan(seed: 1, mode: .calm))
        let second = await simulate(HistoryPlan(seed: 2, mode: .calm))
        #expect(first.statistics.hash != second.statistics.hash)
    }

    @Test("Where nothing goes wrong, the first member leads and all others follow it")
    func calm() async {
        let result = await simulate(HistoryPlan(seed: 5, mode: .calm))
        #expect(result.violation == nil)
        // initdb's own beginning does not count as one.
        #expect(result.statistics.promotions == 0)
        #expect(result.statistics.copies == result.plan.members.count - 1)
    }

    @Test("No seed of a small budget breaks a promise", arguments: [0, 1, 2, 3] as [UInt64])
    func budget(part: UInt64) async {
        for seed in (part * 25 + 1)...(part * 25 + 25) {
            let result = await simulate(HistoryPlan(seed: seed))
            guard let violation = result.violation else { continue }
            Issue.record("\(violation.explanation): patroni-simulator replay \(seed)")
        }
    }

    @Test("What once broke a promise does not any more", arguments: OnceFailed.histories)
    func mended(name: HistoryName) async {
        let violation = await simulate(HistoryPlan(seed: name.seed, mode: name.mode)).violation
        #expect(violation == nil, "\(violation?.explanation ?? ""): \(name.replay)")
    }
}
