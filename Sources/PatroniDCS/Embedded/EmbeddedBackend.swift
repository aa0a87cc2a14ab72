// The embedded store: one SQLite file shared by the members on one machine.

import Glibc
import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

/// Keys and sessions in a file. All blocking work runs on this actor's own thread.
actor EmbeddedBackend: KeyBackend {
    nonisolated let kind = "embedded"
    nonisolated let changes: AsyncStream<StoreChange>
    nonisolated let time: any TimeSource
    private nonisolated let executor = ThreadExecutor(name: "store")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let path: String
    let cluster: ClusterPath
    let owner: String
    let isControl: Bool
    let logger: Logger
    let news: AsyncStream<StoreChange>.Continuation
    var ttl: Duration
    var loopWait: Duration
    var connection: EmbeddedFile?
    /// Ends sessions of earlier boots: their times mean nothing now.
    let boot: String
    var sessionID: Int64?
    var renewedAt: Moment?
    /// What the last look at the keys saw; the next is compared with it.
    var lastSeen: [String: StoredKey]?
    var lastDataVersion: Int64 = -1
    var nextExpiry: Moment?
    var watcher: Task<Void, Never>?

    init(
        path: String, cluster: ClusterPath, owner: String, timings: StoreTimings, isControl: Bool,
        time: any TimeSource, logger: Logger
    ) {
        self.path = path
        self.cluster = cluster
        // No two processes share it, so that a session can't be taken for another's.
        self.owner = "\(owner)/\(getpid())/\(time.now.nanoseconds)"
        self.isControl = isControl
        self.time = time
        self.logger = logger
        ttl = timings.ttl
        loopWait = timings.loopWait
        boot = (try? FileReading.text("/proc/sys/kernel/random/boot_id")) ?? "unknown"
        // A reader that sleeps loses the oldest news; any later one makes it read everything anyway.
        (changes, news) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    deinit {
        news.finish()
        executor.stop()
    }

    // MARK: reading and writing

    nonisolated func readAll(by deadline: Moment) async throws(StoreFailure) -> [String: StoredKey] {
        try await onTime(deadline) { me throws(StoreFailure) in try me.readAllNow(deadline) }
    }

    nonisolated func session(by deadline: Moment) async throws(StoreFailure) -> String {
        try await onTime(deadline) { me throws(StoreFailure) in
            try me.transaction(deadline) { db throws(SQLiteError) in
                String(try me.livingSession(db, isForced: false))
            }
        }
    }

    nonisolated func put(
        _ key: String, _ value: String, underSession: Bool, if condition: WriteCondition, by deadline: Moment
    ) async -> WriteOutcome {
        await writing(deadline) { me, db throws(SQLiteError) in
            guard try me.holds(condition, key, db) else { return .conflict }
            let session = underSession ? try me.livingSession(db, isForced: false) : nil
            return .written(try me.store(key, value, session, db))
        }
    }

    nonisolated func delete(_ key: String, if condition: WriteCondition, by deadline: Moment) async -> WriteOutcome {
        await writing(deadline) { me, db throws(SQLiteError) in
            guard try me.current(key, db) != nil else { return .written(nil) }
            guard try me.holds(condition, key, db) else { return .conflict }
            try me.remove(key, db)
            return .written(nil)
        }
    }

    nonisolated func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        await put(ClusterKey.initialize, "", underSession: false, if: .absent, by: deadline)
    }

    nonisolated func deleteAll(by deadline: Moment) async -> WriteOutcome {
        await writing(deadline) { me, db throws(SQLiteError) in
            try db.execute(
                "DELETE FROM keys WHERE path >= ? AND path < ?", .text(me.cluster.prefix), .text(me.cluster.end))
            return .written(nil)
        }
    }

    // MARK: the leader key

    nonisolated func acquireLeader(_ name: String, by deadline: Moment) async -> LeaderKeyOutcome {
        await leading(name, .race, by: deadline)
    }

    nonisolated func renewLeader(
        _ name: String, known: StoredKey?, by deadline: Moment
    ) async -> LeaderKeyOutcome {
        await leading(name, .renewal, by: deadline)
    }

    /// Taking and keeping are nearly one: the key is ours already, or somebody else's, or free, and then only taken.
    private nonisolated func leading(
        _ name: String, _ claim: LeaderClaim, by deadline: Moment
    ) async -> LeaderKeyOutcome {
        do throws(StoreFailure) {
            return try await onTime(deadline) { me throws(StoreFailure) in
                try me.transaction(deadline) { db throws(SQLiteError) in
                    let holder = try me.current(ClusterKey.leader, db)
                    if let holder, holder.value != name, !holder.value.isEmpty {
                        return .lostTo(MemberName(holder.value))
                    }
                    if claim == .renewal, holder?.value.isEmpty != false { return .lostTo(nil) }
                    let session = try me.livingSession(db, isForced: true)
                    if holder?.session != String(session) { _ = try me.store(ClusterKey.leader, name, session, db) }
                    return .held
                }
            }
        } catch {
            return .unknown(error)
        }
    }

    nonisolated func releaseLeader(
        _ name: String, writing keys: [(key: String, value: String)], by deadline: Moment
    ) async -> WriteOutcome {
        await writing(deadline) { me, db throws(SQLiteError) in
            guard let holder = try me.current(ClusterKey.leader, db) else { return .written(nil) }
            guard holder.value == name else { return .conflict }
            for (key, value) in keys { _ = try me.store(key, value, nil, db) }
            try me.remove(ClusterKey.leader, db)
            return .written(nil)
        }
    }

    // MARK: life

    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) {
        if ttl != self.ttl { renewedAt = nil }
        self.ttl = ttl
        self.loopWait = loopWait
    }

    func close() {
        watcher?.cancel()
        watcher = nil
        connection = nil
        news.finish()
    }

    // MARK: getting onto the thread and off it in time

    /// Runs `work` on the thread; the caller is released at the deadline even if the disk hangs.
    private nonisolated func onTime<Value: Sendable>(
        _ deadline: Moment, _ work: @escaping @Sendable (isolated EmbeddedBackend) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        let result = await waiting(until: deadline, time) { await self.run(deadline, work) }
        guard let result else {
            throw StoreFailure(.unreachable, "embedded store \(path): no answer in time, its disk may hang")
        }
        return try result.get()
    }

    private func run<Value>(
        _ deadline: Moment, _ work: (isolated EmbeddedBackend) throws(StoreFailure) -> Value
    ) -> Result<Value, StoreFailure> {
        // What waited too long behind other work must not be done late: nobody believes in it any more.
        guard time.now < deadline else {
            return .failure(StoreFailure(.unavailable, "embedded store \(path): no time left"))
        }
        do throws(StoreFailure) { return .success(try work(self)) } catch { return .failure(error) }
    }

    private nonisolated func writing(
        _ deadline: Moment,
        _ work: @escaping @Sendable (isolated EmbeddedBackend, SQLiteConnection) throws(SQLiteError) -> WriteOutcome
    ) async -> WriteOutcome {
        do throws(StoreFailure) {
            return try await onTime(deadline) { me throws(StoreFailure) in
                try me.transaction(deadline) { db throws(SQLiteError) in try work(me, db) }
            }
        } catch {
            return .unknown(error)
        }
    }
}
