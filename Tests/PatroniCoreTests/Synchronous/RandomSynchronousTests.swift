// Synchronous replication against a model: answers get lost, writes land late, reloads take their time (HA-185).

import PatroniCore
import Testing

/// A primary with its standbys, its store and its agent, each going its own way.
private struct SynchronousModel {
    struct Standby {
        var isStreaming = true
        var isRunning = true
        var tags = Tags()
        var position: UInt64 = 10
    }
    struct LateWrite {
        var state: SyncState
        var ifVersion: KeyVersion?
    }

    var random: SeededRandom
    var settings = ClusterSettings()
    var standbys: [MemberName: Standby] = ["beta": Standby(), "gamma": Standby(), "delta": Standby()]
    /// The end of the primary's log, and what has been acknowledged to clients.
    var position: UInt64 = 10
    var acknowledged: UInt64 = 0
    /// What stands in the file, and what the processes have read.
    var file = SynchronousNames.nobody
    var inForce = SynchronousNames.nobody
    var stored = SyncState.none
    var version: Int64 = 0
    var late: [LateWrite] = []
    var machine = SynchronousReplication()
    /// What was last read of the store; may be old.
    var read = SyncState.none
    var trace: [String] = []

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        settings.synchronousMode = .on
    }

    // MARK: the world

    mutating func happen() {
        let name = random.pick(standbys.keys.sorted())
        switch random.number(0...15) {
        case 0: standbys[name]?.isStreaming.toggle()
        case 1: standbys[name]?.isRunning.toggle()
        case 2: standbys[name]?.tags.values["nosync"] = .bool(random.chance(40))
        case 3: standbys[name]?.tags.values["sync_priority"] = .int(Int64(random.number(1...2)))
        case 4: settings.synchronousNodeCount = random.number(1...3)
        case 5: settings.isSynchronousModeStrict = random.chance(30)
        case 6: settings.synchronousMode = random.chance(85) ? .on : .off
        case 7: settings.maximumLagOnSyncNode = random.maybe(40, ByteCount(20))
        case 8, 9: position += UInt64(random.number(1...30))
        case 10, 11: receive(name)
        case 12: acknowledge()
        case 13: inForce = file
        case 14: land()
        default: if random.chance(20) { restartAgent() }
        }
    }

    private mutating func receive(_ name: MemberName) {
        guard let standby = standbys[name], standby.isStreaming, standby.position < position else { return }
        standbys[name]?.position += UInt64(random.number(1...Int(position - standby.position)))
    }

    /// A commit is acknowledged when all that PostgreSQL waits for have it.
    private mutating func acknowledge() {
        if inForce.hasAnybody {
            acknowledged = max(acknowledged, standbys.values.filter(\.isStreaming).map(\.position).max() ?? 0)
            return
        }
        let needed = inForce.names.map { standbys[$0]?.position ?? 0 }
        acknowledged = max(acknowledged, needed.min() ?? position)
    }

    private mutating func land() {
        guard !late.isEmpty else { return }
        let write = late.remove(at: random.number(0...late.count - 1))
        trace.append("  late \(write.state.standbys)")
        _ = apply(write.state, write.ifVersion)
    }

    /// A new process knows nothing, and finds what the old one left.
    private mutating func restartAgent() {
        trace.append("  agent restarts")
        machine = SynchronousReplication()
        late = []
        read = stored
    }

    private mutating func apply(_ state: SyncState, _ ifVersion: KeyVersion?) -> Bool {
        guard ifVersion == stored.version else { return false }
        version += 1
        stored = state
        stored.version = KeyVersion(version)
        return true
    }

    // MARK: the agent

    private var view: SynchronousReplication.View {
        let waiting = inForce
        let streams = standbys.sorted { $0.key < $1.key }.filter(\.value.isStreaming).map { name, standby in
            let position = LSN(standby.position)
            return StandbyStream(
                name: name, isStreaming: true, syncState: waiting.waitsFor(name) ? "sync" : "async", written: position,
                flushed: position, replayed: position)
        }
        let members = standbys.map { name, standby in
            var member = Member(name: name)
            member.state = standby.isRunning ? .running : .stopped
            member.tags = standby.tags
            return member
        }
        return SynchronousReplication.View(
            me: "alpha", settings: settings, members: members.sorted { $0.name < $1.name }, sync: read,
            status: SynchronousStatus(
                names: inForce.text ?? "", commitLevel: "on", position: LSN(position), streams: streams))
    }

    mutating func act() -> SynchronousReplication.Step {
        if random.chance(80) { read = stored }
        let step = machine.step(view)
        trace.append("\(step)")
        switch step {
        case .publish(let state, _):
            switch random.number(0...9) {
            case 0: machine.learned(.unknown(StoreFailure(.unreachable, "")))
            case 1:
                late.append(LateWrite(state: state, ifVersion: read.version))
                machine.learned(.unknown(StoreFailure(.unreachable, "")))
            case 2:
                _ = apply(state, read.version)
                machine.learned(.unknown(StoreFailure(.unreachable, "")))
            default:
                machine.learned(apply(state, read.version) ? .written(stored.version) : .conflict)
            }
        case .setNames(let names):
            file = names
            machine.namesWereSet(names)
            if random.chance(70) { inForce = file }
        case .useConfigured:
            file = .nobody
            machine = SynchronousReplication()
        case .steady, .wait: break
        }
        return step
    }

    /// What must be true at every moment.
    var violation: String? {
        for name in stored.standbys {
            if !inForce.waitsFor(name) { return "\(name) is listed, and PostgreSQL does not wait for it" }
            if standbys[name]?.position ?? 0 < acknowledged { return "\(name) is listed and lacks a commit" }
        }
        return nil
    }

    /// Nothing breaks any more.
    mutating func calmDown() {
        settings.synchronousMode = .on
        settings.synchronousNodeCount = 2
        settings.maximumLagOnSyncNode = nil
        late = []
        for name in standbys.keys { standbys[name] = Standby(position: position) }
    }
}

@Suite("Synchronous replication, at random") struct RandomSynchronousTests {
    @Test(arguments: 0..<40)
    func `every listed member has every acknowledged commit, whatever happens between two steps`(block: UInt64) {
        for seed in block * 10..<block * 10 + 10 {
            var model = SynchronousModel(seed: seed)
            for _ in 0..<200 {
                model.happen()
                if model.random.chance(50) { _ = model.act() }
                if let violation = model.violation {
                    Issue.record("seed \(seed): \(violation)\n\(model.trace.suffix(25).joined(separator: "\n"))")
                    return
                }
            }
        }
    }

    @Test func `when nothing breaks any more, as many as are wanted become synchronous`() {
        for seed in UInt64(0)..<100 {
            var model = SynchronousModel(seed: seed)
            for _ in 0..<100 {
                model.happen()
                _ = model.act()
            }
            model.calmDown()
            var step = SynchronousReplication.Step.wait
            for _ in 0..<60 where step != .steady {
                step = model.act()
                model.inForce = model.file
                for name in model.standbys.keys { model.standbys[name]?.position = model.position }
            }
            #expect(step == .steady, "seed \(seed): \(model.trace.suffix(20).joined(separator: "\n"))")
            #expect(model.stored.standbys.count == 2, "seed \(seed)")
        }
    }
}
