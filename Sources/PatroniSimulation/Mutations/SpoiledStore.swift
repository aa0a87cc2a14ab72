// A store's client that makes mistakes.

import PatroniCore
import PatroniPorts

/// Everything goes through to the store beneath, but for the one mistake.
struct SpoiledStore: ConfigurationStore {
    let inner: SimulatedStore
    let spoil: Spoil

    var kind: String { inner.kind }
    var changes: AsyncStream<StoreChange> { inner.changes }

    // MARK: the mistakes

    private func granted(_ outcome: LeaderKeyOutcome) -> LeaderKeyOutcome {
        if spoil == .silenceIsSuccess, case .unknown = outcome { return .held }
        return outcome
    }

    private func settled(_ outcome: WriteOutcome) -> WriteOutcome {
        if spoil == .silenceIsRefusal, case .unknown = outcome { return .conflict }
        return outcome
    }

    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await inner.acquireLeader(by: deadline)
    }

    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome { granted(await inner.renewLeader(by: deadline)) }

    func writeSync(_ state: SyncState, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        let old = inner.world.store.cluster.sync
        let isOurs = old.leader == inner.name && state.leader == inner.name
        let isShrinking = isOurs && state.standbys.count < old.standbys.count && ifVersion != nil
        if spoil == .forgetsToShrink, isShrinking { return .written(ifVersion) }
        if spoil == .keepsOldSyncKey, !isOurs, !old.isEmpty, ifVersion != nil { return .written(ifVersion) }
        if spoil == .namesBeforeKey, isShrinking {
            let names = SynchronousNames.all(state.standbys).text
            try? inner.world.fleet.setNames(names, on: ServerID(inner.own.member), at: inner.world.now)
            inner.world.happened(.namesLoosened(inner.own.member))
            await inner.world.pass(inner.own, .milliseconds(20))
        }
        return settled(await inner.writeSync(state, ifVersion: ifVersion, by: deadline))
    }

    func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        let outcome = await inner.claimInitialize(by: deadline)
        return spoil == .createsAnyway ? .written(nil) : outcome
    }

    // MARK: everything else

    func readCluster(by deadline: Moment) async throws(StoreFailure) -> Cluster {
        try await inner.readCluster(by: deadline)
    }
    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome {
        await inner.releaseLeader(position: position, by: deadline)
    }
    func publishMember(_ value: JSONObject, by deadline: Moment) async -> WriteOutcome {
        await inner.publishMember(value, by: deadline)
    }
    func removeMember(by deadline: Moment) async -> WriteOutcome { await inner.removeMember(by: deadline) }
    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome {
        await inner.writeStatus(status, by: deadline)
    }
    func writeHistory(_ history: TimelineHistory, by deadline: Moment) async -> WriteOutcome {
        await inner.writeHistory(history, by: deadline)
    }
    func writeFailsafe(_ members: [MemberName: String], by deadline: Moment) async -> WriteOutcome {
        await inner.writeFailsafe(members, by: deadline)
    }
    func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        settled(await inner.writeFailover(request, ifVersion: ifVersion, by: deadline))
    }
    func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        settled(await inner.writeConfiguration(values, ifVersion: ifVersion, by: deadline))
    }
    func restoreConfiguration(_ values: JSONObject, by deadline: Moment) async -> WriteOutcome {
        settled(await inner.restoreConfiguration(values, by: deadline))
    }
    func writeInitialize(_ identifier: SystemIdentifier, by deadline: Moment) async -> WriteOutcome {
        await inner.writeInitialize(identifier, by: deadline)
    }
    func cancelInitialize(by deadline: Moment) async -> WriteOutcome { await inner.cancelInitialize(by: deadline) }
    func deleteCluster(by deadline: Moment) async -> WriteOutcome { await inner.deleteCluster(by: deadline) }
    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async {
        await inner.setTimings(ttl: ttl, loopWait: loopWait, retryTimeout: retryTimeout)
    }
    func close() async { await inner.close() }
}
