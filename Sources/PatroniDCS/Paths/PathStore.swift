// A ConfigurationStore over any backend of keys: Patroni's paths and JSON, and what need not be written again.

import PatroniCore
import PatroniPorts

/// One cluster's keys as one member sees them.
actor PathStore<Backend: KeyBackend>: ConfigurationStore {
    nonisolated let kind: String
    nonisolated let changes: AsyncStream<StoreChange>
    let member: MemberName
    nonisolated let backend: Backend
    /// The last view with our own writes folded in: tells what need not be written.
    var known: [String: StoredKey] = [:]

    init(_ backend: Backend, member: MemberName) {
        self.backend = backend
        self.member = member
        kind = backend.kind
        changes = backend.changes
    }

    func readCluster(by deadline: Moment) async throws(StoreFailure) -> Cluster {
        known = try await backend.readAll(by: deadline)
        return Cluster(keys: known)
    }

    // MARK: the leader key

    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await backend.acquireLeader(member.text, by: deadline)
    }

    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await backend.renewLeader(member.text, known: known[ClusterKey.leader], by: deadline)
    }

    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome {
        var keys: [(key: String, value: String)] = []
        if let position {
            let status = mergedStatus(ClusterStatus(position: position))
            keys.append((ClusterKey.status, status.json.text()))
            if needsLegacyOptime { keys.append((ClusterKey.leaderOptime, String(position.number))) }
        }
        let outcome = await backend.releaseLeader(member.text, writing: keys, by: deadline)
        if outcome.isWritten {
            known[ClusterKey.leader] = nil
            for (key, value) in keys { fold(key, value, outcome) }
        }
        return outcome
    }

    // MARK: compare-and-swap

    func writeFailover(
        _ request: FailoverRequest?, ifVersion version: KeyVersion?, by deadline: Moment
    ) async -> WriteOutcome {
        await put(ClusterKey.failover, (request?.json ?? [:]).text(), if: version.map(WriteCondition.version), deadline)
    }

    func writeConfiguration(
        _ values: JSONObject, ifVersion version: KeyVersion?, by deadline: Moment
    ) async -> WriteOutcome {
        await put(ClusterKey.configuration, values.text(), if: version.map(WriteCondition.version), deadline)
    }

    func restoreConfiguration(_ values: JSONObject, by deadline: Moment) async -> WriteOutcome {
        let unreadable = known[ClusterKey.configuration].flatMap { key in
            StoredConfiguration.isReadable(key.value) ? nil : key.version
        }
        return await put(
            ClusterKey.configuration, values.text(), if: unreadable.map(WriteCondition.version) ?? .absent, deadline)
    }

    func writeSync(_ state: SyncState, ifVersion version: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        await put(ClusterKey.sync, state.json.text(), if: version.map(WriteCondition.version) ?? .absent, deadline)
    }

    // MARK: the initialize key

    func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        await backend.claimInitialize(by: deadline)
    }

    func writeInitialize(_ identifier: SystemIdentifier, by deadline: Moment) async -> WriteOutcome {
        await put(ClusterKey.initialize, identifier.text, if: .always, deadline)
    }

    func cancelInitialize(by deadline: Moment) async -> WriteOutcome {
        await delete(ClusterKey.initialize, deadline)
    }

    func deleteCluster(by deadline: Moment) async -> WriteOutcome {
        let outcome = await backend.deleteAll(by: deadline)
        known = [:]
        return outcome
    }

    // MARK: life

    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async {
        await backend.setTimings(ttl: ttl, loopWait: loopWait, retryTimeout: retryTimeout)
    }

    func close() async { await backend.close() }

    // MARK: helpers

    func put(
        _ key: String, _ value: String, if condition: WriteCondition?, _ deadline: Moment
    ) async -> WriteOutcome {
        let outcome = await backend.put(key, value, underSession: false, if: condition ?? .always, by: deadline)
        fold(key, value, outcome)
        return outcome
    }

    func delete(_ key: String, _ deadline: Moment) async -> WriteOutcome {
        let outcome = await backend.delete(key, if: .always, by: deadline)
        if outcome.isWritten || outcome.isUnknown { known[key] = nil }
        return outcome
    }

    /// A write that may or may not have landed is forgotten, so that nothing is skipped on its account.
    func fold(_ key: String, _ value: String, _ outcome: WriteOutcome, session: String? = nil) {
        switch outcome {
        case .written(let version):
            known[key] = StoredKey(
                value: value, version: version ?? known[key]?.version ?? KeyVersion(0), session: session)
        case .conflict: break
        case .unknown: known[key] = nil
        }
    }
}

extension WriteOutcome {
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
}
