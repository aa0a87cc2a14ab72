// Quorum commit, step by step, as the leader's agent takes it. alpha leads.
// HA-183, HA-184, HA-188, HA-191 to HA-194, HA-200, HA-201, HA-211.

import PatroniCore
import Testing

@Suite("Steps of quorum commit") struct QuorumStepTests {
    typealias View = SynchronousReplication.View
    typealias Step = SynchronousReplication.Step

    private static let both: [StandbyStream] = [.of("beta", "quorum"), .of("gamma", "quorum")]

    private func view(
        _ listed: [MemberName] = [], quorum: Int = 0, names: String = "", streams: [StandbyStream] = both,
        members: [Member] = [.primary("alpha"), .replica("beta"), .replica("gamma")],
        change: (inout ClusterSettings) -> Void = { _ in }
    ) -> View {
        var view = View.make(listed: listed, names: names, streams: streams, members: members) {
            $0.synchronousMode = .quorum
            change(&$0)
        }
        view.sync.quorum = quorum
        return view
    }

    private func machine(_ view: View) -> SynchronousReplication {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        machine.namesWereSet(SynchronousNames(parsing: view.status.names) ?? .nobody)
        return machine
    }

    /// The step of an agent all of whose writes have been answered, and who has set the names itself.
    private func step(_ view: View) -> Step {
        var machine = machine(view)
        return machine.step(view)
    }

    private func publish(_ names: [MemberName], _ quorum: Int, _ cause: SynchronousReplication.Cause = .quorum) -> Step
    {
        .publish(SyncState(leader: "alpha", quorum: quorum, standbys: names), because: cause)
    }

    @Test func `from nothing to two voters: the key, PostgreSQL, confirmations, the key`() {
        var empty = view()
        empty.sync = .none
        #expect(step(empty) == publish([], 0, .enabled))
        #expect(step(view()) == .setNames(.any(1, of: ["beta", "gamma"])))
        let behind: [StandbyStream] = [.of("beta", "quorum", at: 99), .of("gamma", "async", at: 100)]
        #expect(step(view(names: "ANY 1 (beta,gamma)", streams: behind)) == .wait)
        #expect(step(view(names: "ANY 1 (beta,gamma)")) == publish(["beta", "gamma"], 1))
        #expect(step(view(["beta", "gamma"], quorum: 1, names: "ANY 1 (beta,gamma)")) == .steady)
    }

    @Test func `a key of another leader is reset`() {
        var other = view(["alpha"])
        other.sync.leader = "beta"
        #expect(step(other) == publish([], 0, .otherLeader("beta")))
    }

    @Test func `a write without an answer is settled before anything is built on the key`() {
        var machine = SynchronousReplication()
        machine.learned(.unknown(.noAnswer))
        let now = view(["beta", "gamma"], quorum: 1, names: "ANY 1 (beta,gamma)")
        #expect(machine.step(now) == publish(["beta", "gamma"], 1, .settling))
    }

    @Test func `names that somebody else left are ordered once more before the key changes`() {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        let now = view(["beta"], names: "ANY 1 (beta)")
        #expect(machine.step(now) == .setNames(.any(1, of: ["beta"])))
        machine.namesWereSet(.any(1, of: ["beta"]))
        #expect(machine.step(now) == publish(["beta", "gamma"], 1))
    }

    @Test func `names that are ordered and not in force yet are ordered again`() {
        let now = view(["beta", "gamma"], quorum: 1, names: "ANY 1 (beta,gamma)")
        var machine = machine(now)
        machine.namesWereSet(.any(2, of: ["beta", "gamma"]))
        #expect(machine.step(now) == .setNames(.any(2, of: ["beta", "gamma"])))
    }

    @Test func `an old look at the key is passed over`() {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(9)))
        #expect(machine.step(view(["beta"], names: "ANY 1 (beta)")) == .wait)
    }

    @Test func `a key that promises too much is corrected to what is sure (HA-200)`() {
        let now = view(["beta", "gamma"], names: "ANY 1 (beta,gamma)")
        #expect(step(now) == publish(["beta", "gamma"], 1, .mismatch))
        var unsure = SynchronousReplication()
        unsure.learned(.written(KeyVersion(7)))
        #expect(unsure.step(now) == publish([], 0, .mismatch))
    }

    @Test func `who confirmed under other names confirms again (HA-184)`() {
        var machine = machine(view(names: "ANY 1 (beta,gamma)"))
        let late: [StandbyStream] = [.of("beta", "quorum"), .of("gamma", "async")]
        #expect(machine.step(view(names: "ANY 1 (beta,gamma)", streams: late)) == publish(["beta", "gamma"], 1))
        // gamma goes; beta may lack what gamma alone had acknowledged.
        var now = view(
            ["beta", "gamma"], quorum: 1, names: "ANY 1 (beta,gamma)", streams: [.of("beta", "quorum", at: 150)])
        now.status.position = LSN(200)
        #expect(machine.step(now) == .setNames(.any(1, of: ["beta"])))
        machine.namesWereSet(.any(1, of: ["beta"]))
        now.status.names = "ANY 1 (beta)"
        #expect(machine.step(now) == .wait)
        now.status.streams = [.of("beta", "quorum", at: 200)]
        #expect(machine.step(now) == publish(["beta"], 0))
    }

    @Test func `with nobody there commits wait for nobody, strictly for anybody (HA-188)`() {
        #expect(step(view(["beta"], names: "ANY 1 (beta)", streams: [])) == publish([], 0))
        #expect(step(view(names: "ANY 1 (beta)", streams: [])) == .setNames(.nobody))
        let strict = step(view(names: "ANY 1 (beta)", streams: []) { $0.isSynchronousModeStrict = true })
        #expect(strict == .setNames(SynchronousNames(parsing: "ANY 1 (*)") ?? .nobody))
        #expect(step(view(names: "ANY 1 (*)", streams: []) { $0.isSynchronousModeStrict = true }) == .steady)
    }

    @Test func `a primary that has just begun waits for who is on the way (HA-191)`() {
        var now = view(names: "ANY 1 (beta,gamma)", streams: [])
        now.now = .start
        now.graceUntil = .start + .seconds(5)
        #expect(step(now) == .wait)
        now.now = .start + .seconds(5)
        #expect(step(now) == .setNames(.nobody))
    }

    @Test func `but not for who does not run`() {
        var stopped = Member.replica("beta")
        stopped.state = .stopped
        var now = view(
            names: "ANY 1 (beta,gamma)", streams: [], members: [.primary("alpha"), stopped, .replica("gamma")])
        now.now = .start
        now.graceUntil = .start + .seconds(5)
        #expect(step(now) == .setNames(.any(1, of: ["gamma"])))
    }

    @Test func `who can't lead does not vote unless it is needed (HA-211)`() {
        let members = [Member.primary("alpha"), .replica("beta").tagged("nofailover"), .replica("gamma")]
        #expect(step(view(members: members)) == .setNames(.any(1, of: ["gamma"])))
        #expect(
            step(view(members: members) { $0.synchronousNodeCount = 2 }) == .setNames(.any(2, of: ["beta", "gamma"])))
    }

    @Test func `from priorities to quorum: as many votes as PostgreSQL will give up, then PostgreSQL (HA-192)`() {
        let synced: [StandbyStream] = [.of("beta", "sync"), .of("gamma", "sync")]
        #expect(
            step(view(["beta", "gamma"], names: "2 (beta,gamma)", streams: synced)) == publish(["beta", "gamma"], 1))
        let next = view(["beta", "gamma"], quorum: 1, names: "2 (beta,gamma)", streams: synced)
        #expect(step(next) == .setNames(.any(1, of: ["beta", "gamma"])))
        // The same set in the other spelling is only rewritten.
        #expect(
            step(view(["beta"], names: "beta", streams: [.of("beta", "sync")])) == .setNames(.any(1, of: ["beta"])))
    }

    @Test func `and back: PostgreSQL waits for the chosen one, it confirms, it alone is listed`() {
        func back(_ view: View) -> View {
            var view = view
            view.settings.synchronousMode = .on
            return view
        }
        let start = back(view(["beta", "gamma"], quorum: 1, names: "ANY 1 (beta,gamma)"))
        #expect(step(start) == .setNames(.all(["beta"])))
        let next = back(
            view(["beta", "gamma"], quorum: 1, names: "beta", streams: [.of("beta", "sync"), .of("gamma")]))
        #expect(step(next) == publish(["beta"], 0))
        let end = back(view(["beta"], names: "beta", streams: [.of("beta", "sync"), .of("gamma")]))
        #expect(step(end) == .steady)
    }

    @Test func `before PostgreSQL 10 the first ones are waited for (HA-194)`() {
        var old = view()
        old.status.canWaitForAny = false
        #expect(step(old) == .setNames(.first(1, of: ["beta", "gamma"])))
        var next = view(names: "1 (beta,gamma)", streams: [.of("beta", "sync"), .of("gamma", "potential")])
        next.status.canWaitForAny = false
        #expect(step(next) == publish(["beta", "gamma"], 1))
    }

    @Test func `a count of zero is nobody`() {
        #expect(step(view { $0.synchronousNodeCount = 0 }) == .steady)
        let leaving = step(view(["beta"], names: "ANY 1 (beta)") { $0.synchronousNodeCount = 0 })
        #expect(leaving == publish([], 0))
    }

    @Test func `a manual failover to a member that did not vote keeps the voters (HA-190, HA-196)`() {
        let old = SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"])
        let voter = QuorumTakeover(old, me: "beta")
        #expect(voter.sync == SyncState(leader: "beta", standbys: []))
        #expect(voter.names == ["alpha", "gamma"] && voter.count == 1)
        let outsider = QuorumTakeover(old, me: "delta")
        #expect(outsider.sync == SyncState(leader: "delta", quorum: 1, standbys: ["beta", "gamma"]))
        #expect(outsider.names == ["alpha", "beta", "gamma"] && outsider.count == 2)
        let same = QuorumTakeover(old, me: "alpha")
        #expect(same.sync == SyncState(leader: "alpha", quorum: 1, standbys: ["beta", "gamma"]))
        #expect(same.names == ["beta", "gamma"] && same.count == 1)
        #expect(QuorumTakeover(.none, me: "beta").count == 0)
    }
}
