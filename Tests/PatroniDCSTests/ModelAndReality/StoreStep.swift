// A recorded scenario of the store: what its clients ask, one after the other, of the model and of a real etcd.

import PatroniCore
import PatroniPorts
import Synchronization

/// One thing that happens.
enum StoreStep: Sendable, CustomStringConvertible {
    /// A member's process begins; an earlier one of the same name is gone without a word.
    case open(String)
    /// The same, but it never reads before it writes.
    case openBlind(String)
    case ask(String, Deed)
    case pass(Duration)
    /// The servers stand still.
    case freeze
    case thaw
    /// The servers are killed, and started again after a while.
    case kill
    case start

    var description: String {
        switch self {
        case .open(let name): "\(name) begins"
        case .openBlind(let name): "\(name) begins, and reads nothing"
        case .ask(let name, let deed): "\(name): \(deed)"
        case .pass(let time): "\(time) pass"
        case .freeze: "the store stands still"
        case .thaw: "the store moves again"
        case .kill: "the store is killed"
        case .start: "the store starts again"
        }
    }
}

/// What a client asks for.
enum Deed: Sendable {
    case read
    case acquire
    case renew
    case release(UInt64?)
    case publish(JSONObject)
    case removeMember
    case status(ClusterStatus)
    case history(TimelineHistory)
    case failsafe([MemberName: String])
    case failover(FailoverRequest?, Condition)
    case configuration(JSONObject, Condition)
    case restoreConfiguration(JSONObject)
    case sync(SyncState, Condition)
    case claimInitialize
    case writeInitialize(String)
    case cancelInitialize
    case deleteCluster
    case ttl(Duration)

    /// The version on condition of which something is written.
    enum Condition: Sendable {
        case none
        /// As this client last read it.
        case read
        /// As this client's last write of it answered.
        case written
    }
}

/// What one client remembers. The same code asks the model and reality.
final class StoreClient: Sendable {
    let store: any ConfigurationStore
    private let notes = Mutex(Notes())

    private struct Notes {
        var read = Cluster()
        var failover: KeyVersion?
        var configuration: KeyVersion?
        var sync: KeyVersion?
    }

    init(_ store: any ConfigurationStore) { self.store = store }

    /// The answer, in words.
    func ask(_ deed: Deed, by end: Moment) async -> String {
        switch deed {
        case .read:
            do throws(StoreFailure) {
                let cluster = try await store.readCluster(by: end)
                notes.withLock { $0.read = cluster }
                return "read: \(cluster.leader?.name.text ?? "nobody") leads"
            } catch { return "unknown" }
        case .acquire: return word(await store.acquireLeader(by: end))
        case .renew: return word(await store.renewLeader(by: end))
        case .release(let position):
            return word(await store.releaseLeader(position: position.map { LSN($0) }, by: end))
        case .publish(let object): return word(await store.publishMember(object, by: end))
        case .removeMember: return word(await store.removeMember(by: end))
        case .status(let status): return word(await store.writeStatus(status, by: end))
        case .history(let history): return word(await store.writeHistory(history, by: end))
        case .failsafe(let members): return word(await store.writeFailsafe(members, by: end))
        case .failover, .configuration, .sync: return await write(deed, by: end)
        case .restoreConfiguration(let values): return word(await store.restoreConfiguration(values, by: end))
        case .claimInitialize: return word(await store.claimInitialize(by: end))
        case .writeInitialize(let text):
            guard let identifier = SystemIdentifier(text) else { return "no identifier" }
            return word(await store.writeInitialize(identifier, by: end))
        case .cancelInitialize: return word(await store.cancelInitialize(by: end))
        case .deleteCluster: return word(await store.deleteCluster(by: end))
        case .ttl(let ttl):
            await store.setTimings(ttl: ttl, loopWait: .seconds(1), retryTimeout: .seconds(5))
            return "set"
        }
    }

    /// Compare-and-swap.
    private func write(_ deed: Deed, by end: Moment) async -> String {
        let notes = notes.withLock { $0 }
        switch deed {
        case .failover(let request, let condition):
            let version = choose(condition, notes.read.failover?.version, notes.failover)
            let outcome = await store.writeFailover(request, ifVersion: version, by: end)
            return note(outcome) { $0.failover = $1 }
        case .configuration(let values, let condition):
            let version = choose(condition, notes.read.configuration?.version, notes.configuration)
            let outcome = await store.writeConfiguration(values, ifVersion: version, by: end)
            return note(outcome) { $0.configuration = $1 }
        case .sync(let state, let condition):
            let version = choose(condition, notes.read.sync.version, notes.sync)
            let outcome = await store.writeSync(state, ifVersion: version, by: end)
            return note(outcome) { $0.sync = $1 }
        default: return "no conditional write"
        }
    }

    private func choose(_ condition: Deed.Condition, _ read: KeyVersion?, _ written: KeyVersion?) -> KeyVersion? {
        switch condition {
        case .none: nil
        case .read: read
        case .written: written
        }
    }

    private func note(_ outcome: WriteOutcome, _ keep: (inout Notes, KeyVersion) -> Void) -> String {
        if case .written(let version?) = outcome { notes.withLock { keep(&$0, version) } }
        return word(outcome)
    }

    private func word(_ outcome: LeaderKeyOutcome) -> String {
        switch outcome {
        case .held: "held"
        case .lostTo(let name): "lost to \(name?.text ?? "somebody")"
        case .unknown: "unknown"
        }
    }

    private func word(_ outcome: WriteOutcome) -> String {
        switch outcome {
        case .written: "written"
        case .conflict: "conflict"
        case .unknown: "unknown"
        }
    }
}

/// Versions differ between the model and etcd; whether they changed in a step does not.
struct SeenStore {
    private var versions: [String: KeyVersion] = [:]

    /// What is to be seen, in words; `keep` when this is how the step has ended.
    mutating func words(_ cluster: Cluster, keep: Bool = false) -> String {
        let now: [String: KeyVersion] = [
            "leader": cluster.leader?.version, "config": cluster.configuration?.version,
            "failover": cluster.failover?.version, "sync": cluster.sync.version,
        ].compactMapValues { $0 }
        let changed = Set(now.keys).union(versions.keys).filter { now[$0] != versions[$0] }.sorted()
        if keep { versions = now }
        let failsafe = cluster.failsafe.map { map in map.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } }
        return """
            leader: \(cluster.leader?.name.text ?? "nobody"); initialize: \(cluster.initialize)
            config: \(cluster.configuration?.values.text() ?? "none")
            failover: \(cluster.failover?.json.text() ?? "none"); sync: \(cluster.sync.json.text())
            status: \(cluster.status.json.text()); history: \(cluster.history?.json.text() ?? "none"); \
            failsafe: \(failsafe.map { "\($0)" } ?? "none")
            members: \(cluster.members.map { "\($0.name) \($0.state?.rawValue ?? "?") \($0.position?.description ?? "")" })
            new versions: \(changed)
            """
    }
}

/// News as they are compared: repetitions say nothing new, and interruptions are the network's.
func told(_ news: [StoreChange]) -> [StoreChange] {
    var told: [StoreChange] = []
    for change in news where change != .missedSome && told.last != change { told.append(change) }
    return told
}
