// Quorum commit's state machine, all of it: every state three standbys can be in, every single step (HA-198 to HA-208).

import PatroniCore
import Testing

/// Sets of three standbys as bits: every one of them is looked at.
private enum Small {
    static let names = ["a", "b", "c"]
    static let all = (0..<8).map { bits in Set(names.indices.filter { bits >> $0 & 1 == 1 }.map { names[$0] }) }

    static func states(_ body: (QuorumState) -> Void) {
        for voters in all {
            for quorum in 0...voters.count {
                for synchronous in all {
                    for count in 0...synchronous.count where (count == 0) == synchronous.isEmpty {
                        for confirmed in all where confirmed.isSubset(of: synchronous) {
                            for active in all {
                                for wanted in 1...3 {
                                    body(
                                        QuorumState(
                                            voters: voters, quorum: quorum, count: count, names: synchronous,
                                            confirmed: confirmed, active: active, wanted: wanted))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension QuorumState {
    /// Would every race's winner have a commit that exactly these have? The worst race: as many as possible lack it.
    static func keeps(_ holders: Set<String>, _ voters: Set<String>, _ quorum: Int) -> Bool {
        voters.subtracting(holders).count <= quorum || quorum >= voters.count
    }

    /// Who may hold an acknowledged commit: it came before the names were in force, or after.
    fileprivate func mayHave(_ holders: Set<String>) -> Bool {
        confirmed.isSubset(of: holders) || (count > 0 && holders.intersection(names).count >= count)
            || (count == 0)
    }

    /// The state after the step has been carried out.
    fileprivate func after(_ transition: Transition) -> QuorumState {
        var next = self
        switch transition {
        case .publish(let voters, let quorum), .reset(let voters, let quorum):
            (next.voters, next.quorum) = (voters, quorum)
        case .wait(let count, let names): (next.count, next.names, next.confirmed) = (count, names, [])
        case .restart: next.confirmed = names
        case .done: break
        }
        return next
    }
}

@Suite("Quorum commit's state machine") struct QuorumStateTests {
    @Test func `every step from every safe state leaves a safe state behind`() {
        var steps = 0
        Small.states { state in
            guard state.isSafe else { return }
            steps += 1
            let next = state.after(state.next())
            #expect(next.isSafe, "\(state) -> \(state.next())")
        }
        #expect(steps > 10_000)
    }

    @Test func `no step forgets a commit that was acknowledged before it`() {
        Small.states { state in
            guard state.isSafe else { return }
            let transition = state.next()
            guard case .publish(let voters, let quorum) = transition else { return }
            for holders in Small.all
            where state.mayHave(holders) && QuorumState.keeps(holders, state.voters, state.quorum) {
                #expect(QuorumState.keeps(holders, voters, quorum), "\(state) -> \(transition), held by \(holders)")
            }
        }
    }

    @Test func `a promise that PostgreSQL does not keep is taken back to what is sure`() {
        Small.states { state in
            guard !state.isSafe else { return }
            guard case .reset(let voters, let quorum) = state.next() else {
                Issue.record("\(state)")
                return
            }
            #expect(state.after(state.next()).isSafe)
            for holders in Small.all where state.mayHave(holders) {
                #expect(QuorumState.keeps(holders, voters, quorum), "\(state), held by \(holders)")
            }
        }
    }

    @Test func `from everywhere a few steps lead to where it should be`() {
        Small.states { start in
            var state = start
            var steps = 0
            while state.next() != .done, steps < 8 {
                state = state.after(state.next())
                steps += 1
            }
            #expect(steps < 8, "\(start)")
            #expect(state.voters == start.active && state.names == start.active)
            #expect(state.count == min(start.wanted, start.active.count))
            #expect(state.quorum == start.active.count - state.count)
        }
    }

    @Test func `the new primary's first state is safe, for old commits and for its own`() {
        Small.states { state in
            guard state.isSafe, state.active.isEmpty, state.wanted == 1 else { return }
            let old = SyncState(
                leader: "l", quorum: state.quorum, standbys: state.voters.sorted().map { MemberName($0) })
            for winner in Small.names + ["l"] {
                let takeover = QuorumTakeover(old, me: MemberName(winner))
                let voters = Set(takeover.sync.standbys.map(\.text))
                let names = Set(takeover.names.map(\.text))
                #expect(!voters.contains(winner) && !names.contains(winner))
                #expect(
                    QuorumState.isSafe(
                        voters: voters, quorum: takeover.sync.quorum, count: takeover.count, names: names))
                // The winner has every commit, so each of those is with it and with enough others.
                for holders in Small.all
                where QuorumState.keeps(holders, state.voters, state.quorum)
                    && (holders.contains(winner) || winner == "l" || !state.voters.contains(winner))
                {
                    #expect(QuorumState.keeps(holders, voters, takeover.sync.quorum), "\(old) -> \(takeover)")
                }
            }
        }
    }

    // MARK: single steps, as the specification tells them

    private func state(
        _ voters: Set<String>, _ quorum: Int, _ count: Int, _ names: Set<String>, confirmed: Set<String>? = nil,
        active: Set<String>, wanted: Int = 1
    ) -> QuorumState {
        QuorumState(
            voters: voters, quorum: quorum, count: count, names: names, confirmed: confirmed ?? names, active: active,
            wanted: wanted)
    }

    @Test func `a standby that is gone lowers the quorum: PostgreSQL first, then the key (HA-205)`() {
        let start = state(["a", "b"], 1, 1, ["a", "b"], active: ["a"])
        #expect(start.next() == .wait(count: 1, of: ["a"]))
        #expect(state(["a", "b"], 1, 1, ["a"], confirmed: [], active: ["a"]).next() == .restart)
        #expect(state(["a", "b"], 1, 1, ["a"], active: ["a"]).next() == .publish(voters: ["a"], quorum: 0))
    }

    @Test func `with nothing to lower the quorum is raised first (HA-205)`() {
        let start = state(["a", "b"], 0, 2, ["a", "b"], active: ["a"], wanted: 2)
        #expect(start.next() == .publish(voters: ["a", "b"], quorum: 1))
        #expect(state(["a", "b"], 1, 2, ["a", "b"], active: ["a"], wanted: 2).next() == .wait(count: 1, of: ["a"]))
    }

    @Test func `when all are gone nobody is waited for and nobody can be elected (HA-205)`() {
        #expect(state(["a"], 0, 1, ["a"], active: []).next() == .publish(voters: [], quorum: 0))
        #expect(state([], 0, 1, ["a"], active: []).next() == .wait(count: 0, of: []))
    }

    @Test func `a standby up to the wanted number: PostgreSQL first, then the key (HA-206)`() {
        #expect(state(["a"], 0, 1, ["a"], active: ["a", "b"], wanted: 2).next() == .wait(count: 2, of: ["a", "b"]))
        let second = state(["a"], 0, 2, ["a", "b"], active: ["a", "b"], wanted: 2)
        #expect(second.next() == .publish(voters: ["a", "b"], quorum: 0))
    }

    @Test func `one more than wanted: the key first, then PostgreSQL (HA-206)`() {
        #expect(state(["a"], 0, 1, ["a"], active: ["a", "b"]).next() == .publish(voters: ["a", "b"], quorum: 1))
        #expect(
            state(["a", "b"], 1, 1, ["a"], active: ["a", "b"]).next() == .wait(count: 1, of: ["a", "b"]))
    }

    @Test func `more copies: PostgreSQL first; fewer: the key first (HA-207)`() {
        let both: Set<String> = ["a", "b"]
        #expect(state(both, 1, 1, both, active: both, wanted: 2).next() == .wait(count: 2, of: both))
        #expect(state(both, 1, 2, both, active: both, wanted: 2).next() == .publish(voters: both, quorum: 0))
        #expect(state(both, 0, 2, both, active: both).next() == .publish(voters: both, quorum: 1))
    }

    @Test func `who has not confirmed yet is made up for by votes (HA-208)`() {
        let both: Set<String> = ["a", "b"]
        let start = state([], 0, 2, both, confirmed: ["b"], active: both, wanted: 2)
        #expect(start.next() == .publish(voters: both, quorum: 1))
        #expect(state([], 0, 2, both, confirmed: [], active: both, wanted: 2).next() == .restart)
    }

    @Test func `what is as it should be stays, confirmed by this agent or by the one before`() {
        #expect(state(["a", "b"], 1, 1, ["a", "b"], confirmed: [], active: ["a", "b"]).next() == .done)
    }
}
