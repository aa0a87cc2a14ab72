// The real embedded store behind a bad line: slow, silent, or losing what comes back.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Synchronization

/// What the line does to requests.
enum Line: Sendable {
    case healthy
    case slow(Duration)
    /// Nothing gets through.
    case silent
    /// Requests for the leader key get through, their answers don't.
    case losesLeaderAnswers
    /// While a request for the leader key is on its way somebody leads, writes this history and is gone again.
    case isOvertaken(TimelineHistory)
}

final class UnreliableStore: ConfigurationStore {
    private let store: any ConfigurationStore
    private let time = FastTime()
    private let state = Mutex(Line.healthy)

    init(_ store: any ConfigurationStore) { self.store = store }

    var line: Line {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    private let noAnswer = StoreFailure(.unreachable, "no answer")

    private func through<Value: Sendable>(
        _ deadline: Moment, lost: Value, isLeader: Bool = false, _ work: () async -> Value
    ) async -> Value {
        switch line {
        case .healthy: return await work()
        case .slow(let delay):
            await time.sleep(until: time.now + delay)
            return await work()
        case .silent:
            await time.sleep(until: deadline)
            return lost
        case .isOvertaken(let history):
            if isLeader {
                _ = await store.writeHistory(history, by: deadline)
                line = .healthy
            }
            return await work()
        case .losesLeaderAnswers:
            let answer = await work()
            guard isLeader else { return answer }
            await time.sleep(until: deadline)
            return lost
        }
    }

    private func write(_ deadline: Moment, _ work: () async -> WriteOutcome) async -> WriteOutcome {
        await through(deadline, lost: .unknown(noAnswer), work)
    }

    var kind: String { store.kind }
    var changes: AsyncStream<StoreChange> { store.changes }

    func readCluster(by deadline: Moment) async throws(StoreFailure) -> Cluster {
        let result = await through(deadline, lost: Result<Cluster, StoreFailure>.failure(noAnswer)) {
            do throws(StoreFailure) { return .success(try await store.readCluster(by: deadline)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await through(deadline, lost: .unknown(noAnswer), isLeader: true) { await store.acquireLeader(by: deadline) }
    }
    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await through(deadline, lost: .unknown(noAnswer), isLeader: true) { await store.renewLeader(by: deadline) }
    }
    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.releaseLeader(position: position, by: deadline) }
    }
    func publishMember(_ value: JSONObject, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.publishMember(value, by: deadline) }
    }
    func removeMember(by deadline: Moment) async -> WriteOutcome { await store.removeMember(by: deadline) }
    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeStatus(status, by: deadline) }
    }
    func writeHistory(_ history: TimelineHistory, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeHistory(history, by: deadline) }
    }
    func writeFailsafe(_ members: [MemberName: String], by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeFailsafe(members, by: deadline) }
    }
    func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeFailover(request, ifVersion: ifVersion, by: deadline) }
    }
    func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeConfiguration(values, ifVersion: ifVersion, by: deadline) }
    }
    func restoreConfiguration(_ values: JSONObject, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.restoreConfiguration(values, by: deadline) }
    }
    func writeSync(_ state: SyncState, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeSync(state, ifVersion: ifVersion, by: deadline) }
    }
    func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.claimInitialize(by: deadline) }
    }
    func writeInitialize(_ identifier: SystemIdentifier, by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.writeInitialize(identifier, by: deadline) }
    }
    func cancelInitialize(by deadline: Moment) async -> WriteOutcome {
        await write(deadline) { await store.cancelInitialize(by: deadline) }
    }
    func deleteCluster(by deadline: Moment) async -> WriteOutcome { await store.deleteCluster(by: deadline) }
    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async {
        await store.setTimings(ttl: ttl, loopWait: loopWait, retryTimeout: retryTimeout)
    }
    func close() async { await store.close() }
}
