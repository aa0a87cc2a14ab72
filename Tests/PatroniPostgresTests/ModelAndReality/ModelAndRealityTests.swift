// The simulator's PostgreSQL against the real one: the same steps, and after each the same is to be seen.

import PatroniCore
import PatroniPlatform
import Testing

@Suite("Model and reality", .serialized) struct ModelAndRealityTests {
    @Test(arguments: Scenario.all)
    func `real servers do what the model predicts`(_ scenario: Scenario) async throws {
        let real = try RealCluster()
        let result: Result<Void, any Error>
        do { result = .success(try await play(scenario, real)) } catch { result = .failure(error) }
        await real.remove()
        try result.get()
    }

    private func play(_ scenario: Scenario, _ real: RealCluster) async throws {
        var model = PredictedCluster()
        for (number, step) in scenario.steps.enumerated() {
            let answer = try await real.take(step)
            #expect(answer == (try model.take(step)), "step \(number + 1), \(step)")
            let wanted = model.seen
            var seen = try? await real.seen()
            let end = soon(20)
            while seen != wanted, time.now < end {
                await time.sleep(until: time.now + .milliseconds(100))
                seen = try? await real.seen()
            }
            // What must not happen gets a moment to happen.
            if case .commit = step, seen == wanted {
                await time.sleep(until: time.now + .milliseconds(500))
                seen = try? await real.seen()
            }
            guard seen == wanted else {
                Issue.record(
                    """
                    After step \(number + 1), \(step), the model says
                    \(wanted)
                    and reality
                    \(seen.map(\.description) ?? "nothing")
                    """)
                return
            }
        }
    }
}
