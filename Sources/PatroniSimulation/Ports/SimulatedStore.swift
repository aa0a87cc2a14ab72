// A member's client of the model store: requests travel, get lost, and are given up at their deadline.

import PatroniCore
import PatroniPorts

/// Behaves as PathStore over etcd does: which requests there are, what is skipped, what a lost answer means.
struct SimulatedStore: ConfigurationStore {
    let world: World
    let life: Int

    var kind: String { "etcd3" }
    var own: Life { world.lives[life] }
    var name: MemberName { world.members[own.member].name }
    /// Without a buffer: that costs more than a stream's worth of news.
    var changes: AsyncStream<StoreChange> {
        AsyncStream { [world, life] in await world.lives[life].nextNews() }
    }

    static let silence = StoreFailure(.unreachable, "no answer in time")

    // MARK: requests

    /// Nil: no answer by the deadline; what was asked for may have happened or not.
    func request<Value: Sendable>(
        by deadline: Moment, detour: Duration = .zero, _ operation: @escaping (inout ModelStore, Moment) -> Value
    ) async -> Value? {
        let own = own
        let end = world.members[own.member].clock.global(deadline)
        return await world.wait(own, otherwise: nil) { number in
            world.sendToStore(from: own.member, by: end, detour: detour) { [world] arrived in
                guard arrived else { return world.answer(own, number, Value?.none) }
                let value = world.change { operation(&$0, world.now) }
                world.sendFromStore(to: own.member, by: end) { arrived in
                    world.answer(own, number, arrived ? Value?.some(value) : nil)
                }
            }
        }
    }

    private func write(
        by deadline: Moment, detour: Duration = .zero, _ operation: @escaping (inout ModelStore) -> WriteOutcome
    ) async -> WriteOutcome {
        await request(by: deadline, detour: detour) { store, _ in operation(&store) } ?? .unknown(Self.silence)
    }

    /// How much longer than usual a conditional write travels.
    private var detour: Duration { world.storeTrouble.strayWrites[own.member] ?? .zero }

    func readCluster(by deadline: Moment) async throws(StoreFailure) -> Cluster {
        own.session.isWatching = true
        guard let cluster = await request(by: deadline, { store, _ in store.cluster }) else { throw Self.silence }
        own.session.knownLeader = cluster.leader
        own.session.knownStatus = cluster.status
        if cluster.member(name) == nil { own.session.knownMember = nil }
        return cluster
    }

    // MARK: the session

    /// The session, kept alive when `loop_wait` has passed since the last time, or at once when forced. Nil: no answer.
    private func session(isForced: Bool, by deadline: Moment) async -> Int? {
        let own = own
        let time = SimulatedTime(world: world, life: life)
        while own.session.isBusy {
            if time.now >= deadline { return nil }
            await world.pass(own, .milliseconds(5))
        }
        own.session.isBusy = true
        defer { own.session.isBusy = false }
        let start = time.now
        if let number = own.session.number {
            let isDue = own.session.renewedAt.map { start - $0 >= own.session.loopWait } ?? true
            if !isForced, !isDue { return number }
            guard let isAlive = await request(by: deadline, { $0.keepAlive(number, at: $1) }) else { return nil }
            if isAlive {
                own.session.renewedAt = start
                return number
            }
            own.session.number = nil
        }
        let ttl = own.session.ttl
        guard let number = await request(by: deadline, { $0.grant(ttl, at: $1) }) else { return nil }
        own.session.number = own.session.ttl == ttl ? number : nil
        own.session.renewedAt = start
        return number
    }

    // MARK: the leader key

    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome { await leading(.race, by: deadline) }

    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        guard let number = await session(isForced: true, by: deadline) else { return .unknown(Self.silence) }
        if let known = own.session.knownLeader, known.name == name, known.session == String(number) {
            world.happened(.renewed(own.member))
            return .held
        }
        return await leading(.renewal, by: deadline)
    }

    private func leading(_ claim: LeaderClaim, by deadline: Moment) async -> LeaderKeyOutcome {
        let (name, member) = (name, own.member)
        for _ in 0..<3 {
            guard let number = await session(isForced: true, by: deadline) else { return .unknown(Self.silence) }
            let answer = await request(by: deadline) { store, _ in
                store.acquire(name, number, claim)
            }
            guard let outcome = answer else { return .unknown(Self.silence) }
            if let outcome {
                if outcome == .held { world.happened(.acquired(member)) }
                return outcome
            }
            own.session.number = nil
        }
        return .unknown(StoreFailure(.unavailable, "the session is lost as soon as it is made"))
    }

    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome {
        let name = name
        let status = position.map { merged(ClusterStatus(position: $0)) }
        let outcome = await write(by: deadline) { $0.release(name, status: status) }
        if outcome.isWritten { own.session.knownLeader = nil }
        world.happened(.released(own.member))
        return outcome
    }

    // MARK: what the leader and the members write

    func publishMember(_ value: JSONObject, by deadline: Moment) async -> WriteOutcome {
        guard let number = await session(isForced: false, by: deadline) else { return .unknown(Self.silence) }
        if own.session.knownMemberSession == number, own.session.knownMember == value { return .written(nil) }
        let name = name
        let outcome = await request(by: deadline) { store, _ in store.publish(name, value, number) }
        own.session.knownMember = nil
        guard let outcome else { return .unknown(Self.silence) }
        guard let outcome else {
            own.session.number = nil
            return .unknown(StoreFailure(.unavailable, "the session is lost"))
        }
        own.session.knownMember = value
        own.session.knownMemberSession = number
        return outcome
    }

    func removeMember(by deadline: Moment) async -> WriteOutcome {
        let name = name
        return await write(by: deadline) { store in
            store.removeMember(name)
            return .written(nil)
        }
    }

    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome {
        let merged = merged(status)
        if merged == own.session.knownStatus { return .written(nil) }
        let outcome = await write(by: deadline) { $0.write(status: merged) }
        own.session.knownStatus = outcome.isWritten ? merged : nil
        return outcome
    }

    /// Parts that are not given keep what was last seen of them.
    private func merged(_ status: ClusterStatus) -> ClusterStatus {
        let known = own.session.knownStatus
        return ClusterStatus(
            position: status.position ?? known?.position, slots: status.slots ?? known?.slots,
            retainedSlots: status.retainedSlots ?? known?.retainedSlots)
    }

    func writeHistory(_ history: TimelineHistory, by deadline: Moment) async -> WriteOutcome {
        await write(by: deadline) { $0.write(history: history) }
    }

    func writeFailsafe(_ members: [MemberName: String], by deadline: Moment) async -> WriteOutcome {
        await write(by: deadline) { $0.write(failsafe: members) }
    }

    // MARK: compare-and-swap

    func writeFailover(
        _ request: FailoverRequest?, ifVersion version: KeyVersion?, by deadline: Moment
    ) async -> WriteOutcome {
        await write(by: deadline, detour: detour) { $0.write(failover: request, ifVersion: version) }
    }

    func writeConfiguration(
        _ values: JSONObject, ifVersion version: KeyVersion?, by deadline: Moment
    ) async -> WriteOutcome {
        await write(by: deadline, detour: detour) { $0.write(configuration: values, ifVersion: version) }
    }

    func restoreConfiguration(_ values: JSONObject, by deadline: Moment) async -> WriteOutcome {
        await write(by: deadline, detour: detour) { $0.restore(configuration: values) }
    }

    func writeSync(_ state: SyncState, ifVersion version: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        let (world, member) = (world, own.member)
        let outcome = await write(by: deadline, detour: detour) { store in
            let old = store.cluster.sync
            let outcome = store.write(sync: state, ifVersion: version)
            if outcome.isWritten, !state.standbys.allSatisfy(old.hasStandby) { world.happened(.syncGrown(member)) }
            return outcome
        }
        world.happened(.syncWritten(own.member))
        return outcome
    }

    // MARK: the initialize key

    func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        guard let number = await session(isForced: false, by: deadline),
            let claim = await request(by: deadline, { store, _ in store.claimInitialize(number) })
        else { return .unknown(Self.silence) }
        guard let claim else { return .conflict }
        return await write(by: deadline) { $0.keepClaim(claim) }
    }

    func writeInitialize(_ identifier: SystemIdentifier, by deadline: Moment) async -> WriteOutcome {
        await write(by: deadline) { $0.write(initialize: identifier) }
    }

    func cancelInitialize(by deadline: Moment) async -> WriteOutcome {
        await write(by: deadline) { $0.cancelInitialize() }
    }

    func deleteCluster(by deadline: Moment) async -> WriteOutcome {
        let outcome = await write(by: deadline) { $0.deleteAll() }
        own.session.knownLeader = nil
        own.session.knownMember = nil
        own.session.knownStatus = nil
        return outcome
    }

    // MARK: life

    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async {
        // A session has the ttl it was made with: another ttl needs another session.
        if own.session.ttl != ttl { own.session.number = nil }
        own.session.ttl = ttl
        own.session.loopWait = loopWait
    }

    func close() async {}
}
