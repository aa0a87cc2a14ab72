// The simulator's store against a real etcd: the same requests, and after each the same is to be seen.

import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniDCS

@Suite("The model store and reality") struct StoreModelTests {
    @Test(arguments: StoreScenario.all)
    func `etcd does what the model predicts`(_ scenario: StoreScenario) async throws {
        let real = try await RealStore()
        try await play(scenario, real)
        await real.close()
    }

    private func play(_ scenario: StoreScenario, _ real: RealStore) async throws {
        let model = PredictedStore()
        var (predicted, found) = (SeenStore(), SeenStore())
        var isAway = false
        for (number, step) in scenario.steps.enumerated() {
            real.forgetNews()
            let answer = try await real.take(step, ttl: scenario.ttl)
            #expect(answer == model.take(step, ttl: scenario.ttl), "step \(number + 1), \(step)")
            switch step {
            case .freeze, .kill: isAway = true
            case .thaw, .start: isAway = false
            default: break
            }
            // Who could tell?
            if isAway { continue }
            let (cluster, news) = model.seen()
            let wanted = predicted.words(cluster, keep: true)
            let end = SystemTime().now + .seconds(5)
            var seen: String?
            var heard = news
            repeat {
                if let cluster = await real.cluster() { seen = found.words(cluster) }
                heard = real.news()
                if seen == wanted, heard == news { break }
                try await Task.sleep(for: .milliseconds(50))
            } while SystemTime().now < end
            guard seen == wanted, heard == news else {
                Issue.record(
                    """
                    After step \(number + 1), \(step), the model says
                    \(wanted)
                    news: \(news)
                    and reality
                    \(seen ?? "nothing")
                    news: \(heard)
                    """)
                return
            }
            if let cluster = await real.cluster() { _ = found.words(cluster, keep: true) }
        }
    }
}
