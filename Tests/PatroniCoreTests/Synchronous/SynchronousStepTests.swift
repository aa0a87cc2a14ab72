// Synchronous replication, step by step: each test reads like the rule it is about. alpha leads.
// HA-155, HA-176 to HA-182, HA-184 to HA-186, HA-188, HA-192, HA-193.

import PatroniCore
import Testing

extension StandbyStream {
    static func of(_ name: MemberName, _ syncState: String = "async", at position: UInt64 = 100) -> StandbyStream {
        let position = LSN(position)
        return StandbyStream(
            name: name, isStreaming: true, syncState: syncState, written: position, flushed: position,
            replayed: position)
    }
}

extension SynchronousReplication.View {
    /// Everybody streams and nothing is synchronous yet.
    static func make(
        listed: [MemberName] = [], names: String = "", streams: [StandbyStream] = [.of("beta"), .of("gamma")],
        members: [Member] = [.primary("alpha"), .replica("beta"), .replica("gamma")],
        change: (inout ClusterSettings) -> Void = { _ in }
    ) -> SynchronousReplication.View {
        var settings = ClusterSettings()
        settings.synchronousMode = .on
        change(&settings)
        return SynchronousReplication.View(
            me: "alpha", settings: settings, members: members,
            sync: SyncState(leader: "alpha", standbys: listed, version: KeyVersion(7)),
            status: SynchronousStatus(names: names, commitLevel: "on", position: LSN(100), streams: streams))
    }
}

@Suite("Steps of synchronous replication") struct SynchronousStepTests {
    typealias View = SynchronousReplication.View
    typealias Step = SynchronousReplication.Step

    /// The step of an agent all of whose writes have been answered.
    private func step(_ view: View) -> Step {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        // What is in force has been ordered by this agent, and it has had a look since.
        let names = SynchronousNames(parsing: view.status.names) ?? .nobody
        machine.namesWereSet(names)
        return machine.step(view)
    }

    private func publish(_ names: [MemberName], _ cause: SynchronousReplication.Cause) -> Step {
        .publish(SyncState(leader: "alpha", standbys: names), because: cause)
    }

    @Test func `an empty key is filled with the leader alone`() {
        var view = View.make()
        view.sync = .none
        #expect(step(view) == publish([], .enabled))
    }

    @Test func `a key of another leader is reset`() {
        var view = View.make(listed: ["alpha", "beta"], names: "beta")
        view.sync.leader = "gamma"
        #expect(step(view) == publish([], .otherLeader("gamma")))
    }

    @Test func `PostgreSQL waits for a standby before it is listed`() {
        #expect(step(.make()) == .setNames(.all(["beta"])))
    }

    @Test func `who is waited for and has caught up is listed`() {
        #expect(step(.make(names: "beta", streams: [.of("beta", "sync")])) == publish(["beta"], .confirmed))
    }

    @Test func `who has not caught up is not listed yet`() {
        #expect(step(.make(names: "beta", streams: [.of("beta", "sync", at: 99)])) == .wait)
    }

    @Test func `who is not yet synchronous for PostgreSQL is not listed yet`() {
        #expect(step(.make(names: "beta", streams: [.of("beta", "async")])) == .wait)
    }

    @Test func `what is as it should be stays`() {
        #expect(step(.make(listed: ["beta"], names: "beta", streams: [.of("beta", "sync", at: 50)])) == .steady)
    }

    @Test func `a synchronous standby is kept although another one is further`() {
        let streams: [StandbyStream] = [.of("beta", "sync", at: 50), .of("gamma", "async", at: 100)]
        #expect(step(.make(listed: ["beta"], names: "beta", streams: streams)) == .steady)
    }

    @Test func `the list shrinks before PostgreSQL waits for fewer`() {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        let gone: [StandbyStream] = [.of("gamma")]
        #expect(machine.step(.make(listed: ["beta"], names: "beta", streams: gone)) == publish([], .shrinking))
        #expect(machine.step(.make(names: "beta", streams: gone)) == .setNames(.all(["gamma"])))
    }

    @Test func `a write without an answer is outrun before PostgreSQL waits for fewer`() {
        var machine = SynchronousReplication()
        machine.learned(.unknown(StoreFailure(.unreachable, "")))
        let gone: [StandbyStream] = [.of("gamma")]
        #expect(machine.step(.make(names: "beta", streams: gone)) == publish([], .settling))
        machine.learned(.written(KeyVersion(8)))
        var view = View.make(names: "beta", streams: gone)
        #expect(machine.step(view) == .wait, "the picture of the store is older than what was written")
        view.sync.version = KeyVersion(8)
        #expect(machine.step(view) == .setNames(.all(["gamma"])))
    }

    @Test func `whom PostgreSQL does not wait for is taken off the list`() {
        #expect(step(.make(listed: ["beta", "gamma"], names: "beta")) == publish(["beta"], .mismatch))
    }

    @Test func `what another agent may just have ordered is ordered once more`() {
        var machine = SynchronousReplication()
        machine.learned(.written(KeyVersion(7)))
        let view = View.make(listed: ["beta"], names: "beta", streams: [.of("beta", "sync")])
        #expect(machine.step(view) == .setNames(.all(["beta"])))
        machine.namesWereSet(.all(["beta"]))
        #expect(machine.step(view) == .steady)
    }

    @Test func `as many as are wanted`() {
        let two = step(.make { $0.synchronousNodeCount = 2 })
        #expect(two == .setNames(.all(["beta", "gamma"])))
        let synced: [StandbyStream] = [.of("beta", "sync"), .of("gamma", "sync")]
        let view = View.make(listed: ["beta"], names: "2 (beta,gamma)", streams: synced) { $0.synchronousNodeCount = 2 }
        #expect(step(view) == publish(["beta", "gamma"], .confirmed))
    }

    @Test func `a quorum that another mode left is rewritten`() {
        var view = View.make(listed: ["beta"], names: "ANY 1 (beta,gamma)")
        view.sync.quorum = 1
        #expect(step(view) == .setNames(.all(["beta"])))
        view.status.names = "beta"
        view.status.streams = [.of("beta", "sync")]
        #expect(step(view) == publish(["beta"], .quorum))
        #expect(step(.make(names: "ANY 1 (beta)")) == .setNames(.all(["beta"])))
    }

    @Test func `without standbys commits wait for nobody, or for anybody in strict mode`() {
        #expect(step(.make(names: "beta", streams: [])) == .setNames(.nobody))
        #expect(step(.make(names: "beta", streams: []) { $0.isSynchronousModeStrict = true }) == .setNames(.anybody))
        #expect(step(.make(names: "*", streams: []) { $0.isSynchronousModeStrict = true }) == .steady)
    }

    @Test(arguments: [true, false])
    func `switched off, the key is emptied before the names go back`(isListed: Bool) {
        let view = View.make(listed: isListed ? ["beta"] : [], names: "beta") { $0.synchronousMode = .off }
        #expect(step(view) == .publish(.none, because: .disabled))
        var emptied = view
        emptied.sync = SyncState(leader: nil, standbys: [], version: KeyVersion(8))
        #expect(step(emptied) == .useConfigured)
    }

    @Test func `a standby cluster has no synchronous standbys`() {
        var view = View.make { $0.standbyCluster = RemoteSource(["host": "elsewhere"]) }
        view.sync = .none
        #expect(step(view) == .useConfigured)
    }

    // MARK: who is chosen

    private func chosen(_ members: [Member], _ streams: [StandbyStream], lag: Int64? = nil) -> MemberName? {
        let view = View.make(streams: streams, members: members + [.primary("alpha")]) {
            $0.maximumLagOnSyncNode = lag.map { ByteCount($0) }
        }
        if case .setNames(let names) = step(view) { return names.names.first }
        return nil
    }

    @Test func `the one that is furthest`() {
        #expect(chosen([.replica("beta"), .replica("gamma")], [.of("beta", at: 9), .of("gamma", at: 10)]) == "gamma")
    }

    @Test func `the one with the highest priority, whatever its state`() {
        let members = [Member.replica("beta"), Member.replica("gamma").tagged("sync_priority", 2)]
        #expect(chosen(members, [.of("beta", "sync"), .of("gamma", at: 10)]) == "gamma")
    }

    @Test(arguments: ["nosync", "sync_priority"])
    func `never one that does not want it`(tag: String) {
        let unwilling = Member.replica("beta").tagged(tag, tag == "nosync" ? true : 0)
        #expect(chosen([unwilling, .replica("gamma")], [.of("beta", "sync"), .of("gamma", at: 10)]) == "gamma")
        #expect(chosen([unwilling], [.of("beta", "sync")]) == nil)
    }

    @Test func `one that may not lead only in need`() {
        let unable = Member.replica("beta").tagged("nofailover")
        #expect(chosen([unable, .replica("gamma")], [.of("beta", "sync"), .of("gamma", at: 10)]) == "gamma")
        #expect(chosen([unable], [.of("beta")]) == "beta")
    }

    @Test func `nobody whose PostgreSQL is not running or not streaming`() {
        var stopped = Member.replica("beta")
        stopped.state = .stopped
        #expect(chosen([stopped], [.of("beta")]) == nil)
        var copying = StandbyStream.of("beta")
        copying.isStreaming = false
        #expect(chosen([.replica("beta")], [copying]) == nil)
    }

    @Test func `nobody that belongs behind another standby`() {
        let cascading = Member.replica("beta").tagged("replicatefrom", "gamma")
        #expect(chosen([cascading, .replica("gamma")], [.of("beta"), .of("gamma", at: 10)]) == "gamma")
        #expect(chosen([cascading], [.of("beta")]) == "beta")
        #expect(chosen([Member.replica("beta").tagged("replicatefrom", "alpha")], [.of("beta")]) == "beta")
    }

    @Test func `nobody too far behind the furthest, or behind the primary when alone`() {
        let both = [Member.replica("beta"), .replica("gamma")]
        #expect(chosen(both, [.of("beta", "sync", at: 10), .of("gamma", at: 60)], lag: 40) == "gamma")
        #expect(chosen([.replica("beta")], [.of("beta", at: 10)], lag: 40) == nil)
        #expect(chosen([.replica("beta")], [.of("beta", at: 60)], lag: 40) == "beta")
    }

    @Test func `the position that commits wait for counts`() {
        var view = View.make(
            names: "beta",
            streams: [
                StandbyStream(
                    name: "beta", isStreaming: true, syncState: "sync", written: LSN(100), flushed: LSN(90),
                    replayed: LSN(80))
            ])
        #expect(step(view) == .wait)
        view.status.commitLevel = "remote_write"
        #expect(step(view) == publish(["beta"], .confirmed))
    }

    @Test func `a standby knows whether a commit waits for it`() {
        let sync = SyncState(leader: "alpha", standbys: ["beta"])
        #expect(sync.isWaiting(for: "beta", leader: "alpha"))
        #expect(!sync.isWaiting(for: "beta", leader: "gamma"))
        #expect(!sync.isWaiting(for: "gamma", leader: "alpha"))
        #expect(!sync.isWaiting(for: "beta", leader: nil))
    }
}
