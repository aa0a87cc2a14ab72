// A synchronous standby that is connected and confirms nothing leaves the set, and comes back when it has caught up.

import PatroniCore
import Testing

@Suite("Standbys that confirm nothing") struct ConfirmationProgressTests {
    typealias View = SynchronousReplication.View

    /// beta is synchronous and stands at `beta`, gamma at the end of the log; ttl is 30 s.
    private func view(
        at seconds: Int, end: UInt64, beta: UInt64?, gamma: UInt64? = nil,
        change: (inout ClusterSettings) -> Void = { _ in }
    ) -> View {
        var streams = beta.map { [StandbyStream.of("beta", "sync", at: $0)] } ?? []
        if let gamma { streams.append(.of("gamma", at: gamma)) }
        var view = View.make(listed: ["beta"], names: "beta", streams: streams, change: change)
        view.status.position = LSN(end)
        view.now = .start + .seconds(seconds)
        return view
    }

    private func machine() -> SynchronousReplication {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        machine.namesWereSet(.all(["beta"]))
        return machine
    }

    private let withoutBeta = SynchronousReplication.Step.publish(
        SyncState(leader: "alpha", standbys: []), because: .shrinking)

    @Test func `who owes a confirmation for half a ttl is left out, not a moment earlier`() {
        var machine = machine()
        #expect(machine.step(view(at: 0, end: 100, beta: 100, gamma: 100)) == .steady)
        #expect(machine.step(view(at: 100, end: 200, beta: 100, gamma: 200)) == .steady)
        #expect(machine.step(view(at: 114, end: 300, beta: 100, gamma: 300)) == .steady)
        #expect(!machine.progress.isStalled("beta"))
        #expect(machine.step(view(at: 115, end: 300, beta: 100, gamma: 300)) == withoutBeta)
        #expect(machine.progress.isStalled("BETA"))
        #expect(machine.progress.stalled == ["beta"])
    }

    @Test func `with nothing to confirm nobody is slow`() {
        var machine = machine()
        for second in stride(from: 0, to: 100, by: 10) {
            #expect(machine.step(view(at: second, end: 100, beta: 100, gamma: 100)) == .steady)
        }
    }

    @Test func `a standby that gets further, however slowly, is not left out`() {
        var machine = machine()
        for second in 0..<100 {
            let step = machine.step(view(at: second, end: 1000, beta: UInt64(100 + second), gamma: 1000))
            #expect(step == .steady)
        }
    }

    @Test func `it counts again when it has what it lacked when it was given up`() {
        var machine = machine()
        _ = machine.step(view(at: 0, end: 200, beta: 100))
        _ = machine.step(view(at: 15, end: 300, beta: 100))
        _ = machine.step(view(at: 16, end: 400, beta: 299))
        #expect(machine.progress.isStalled("beta"))
        _ = machine.step(view(at: 17, end: 400, beta: 300))
        #expect(!machine.progress.isStalled("beta"))
    }

    @Test func `a new stream begins anew`() {
        var machine = machine()
        _ = machine.step(view(at: 0, end: 200, beta: 100))
        _ = machine.step(view(at: 15, end: 200, beta: 100))
        #expect(machine.progress.isStalled("beta"))
        _ = machine.step(view(at: 16, end: 200, beta: nil))
        #expect(!machine.progress.isStalled("beta"))
    }

    @Test func `in strict mode it stays when nobody can take its place`() {
        var machine = machine()
        let strict: (inout ClusterSettings) -> Void = { $0.isSynchronousModeStrict = true }
        #expect(machine.step(view(at: 0, end: 200, beta: 100, change: strict)) == .steady)
        #expect(machine.step(view(at: 15, end: 200, beta: 100, change: strict)) == .steady)
        #expect(machine.progress.isStalled("beta"))
        #expect(machine.step(view(at: 16, end: 200, beta: 100, gamma: 200, change: strict)) == withoutBeta)
    }

    @Test func `quorum commit goes on without it as well`() {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        machine.namesWereSet(.any(1, of: ["beta", "gamma"]))
        func view(at seconds: Int) -> View {
            var view = View.make(
                listed: ["beta", "gamma"], names: "ANY 1 (beta,gamma)",
                streams: [.of("beta", "quorum"), .of("gamma", "quorum", at: 200)]
            ) { $0.synchronousMode = .quorum }
            view.sync.quorum = 1
            view.status.position = LSN(200)
            view.now = .start + .seconds(seconds)
            return view
        }
        #expect(machine.step(view(at: 0)) == .steady)
        #expect(machine.step(view(at: 15)) == .setNames(.any(1, of: ["gamma"])))
    }
}
