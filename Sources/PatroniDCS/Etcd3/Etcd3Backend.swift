// The etcd v3 store: reads from a watched copy, one lease for everything this member holds.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

/// Keys in etcd, through its JSON gateway.
actor Etcd3Backend: KeyBackend {
    nonisolated let kind = "etcd3"
    nonisolated let changes: AsyncStream<StoreChange>
    nonisolated let time: any TimeSource
    let gateway: EtcdGateway
    let path: ClusterPath
    let isControl: Bool
    let logger: Logger
    let news: AsyncStream<StoreChange>.Continuation
    var timings: StoreTimings
    var lease = EtcdLease()
    var isLeaseBusy = false
    var view = EtcdView()
    var watch: Task<Void, Never>?
    /// Counts the streams; what an earlier one still says is not listened to.
    var streamNumber = 0
    /// The current stream was accepted by a server and has not ended.
    var isStreaming = false
    /// Which of the gateway's servers the stream was opened with.
    var watchGeneration = 0
    var isClosed = false

    init(
        gateway: EtcdGateway, path: ClusterPath, timings: StoreTimings, isControl: Bool, time: any TimeSource,
        logger: Logger
    ) {
        self.gateway = gateway
        self.path = path
        self.timings = timings
        self.isControl = isControl
        self.time = time
        self.logger = logger
        // A reader that sleeps loses the oldest news; any later one makes it read everything anyway.
        (changes, news) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    deinit { news.finish() }

    // MARK: plain keys

    func put(
        _ key: String, _ value: String, underSession: Bool, if condition: WriteCondition, by deadline: Moment
    ) async -> WriteOutcome {
        await writing(deadline) { lease in
            let put = EtcdRequest.put(self.path.full(key), value, lease: lease)
            guard let compare = self.compare(condition, key) else { return .plain("kv/put", put) }
            return .transaction(compare, [put], key)
        } underSession: {
            underSession
        } found: { found, lease in
            // Our earlier attempt, whose answer was lost, did it.
            found?.value == value && found?.lease == lease ? .written(found?.stored.version) : .conflict
        }
    }

    func delete(_ key: String, if condition: WriteCondition, by deadline: Moment) async -> WriteOutcome {
        await writing(deadline) { _ in
            let request = EtcdRequest.key(self.path.full(key))
            guard let compare = self.compare(condition, key) else { return .plain("kv/deleterange", request) }
            return .transaction(compare, [request], key)
        } found: { found, _ in
            found == nil ? .written(nil) : .conflict
        }
    }

    func deleteAll(by deadline: Moment) async -> WriteOutcome {
        await writing(deadline) { _ in .plain("kv/deleterange", EtcdRequest.prefix(self.path)) }
    }

    /// While it is undecided whose claim it is, the key hangs on our lease: that tells it from others' claims when an
    /// answer was lost. Then it is written again without, as Patroni has it.
    func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        let claim = await put(ClusterKey.initialize, "", underSession: true, if: .absent, by: deadline)
        guard case .written(let version?) = claim else { return claim }
        return await writing(deadline) { _ in
            let full = self.path.full(ClusterKey.initialize)
            return .transaction(
                EtcdRequest.hasVersion(full, version), [EtcdRequest.put(full, "", lease: nil)], ClusterKey.initialize)
        } found: { found, _ in
            found?.created == version.number && found?.lease == nil ? .written(found?.stored.version) : .conflict
        }
    }

    // MARK: life

    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async {
        // Keys move to a lease of the new length one by one; the old lease runs out by itself (DCS-096).
        if ttl != timings.ttl { lease = EtcdLease() }
        timings = StoreTimings(ttl: ttl, loopWait: loopWait, retryTimeout: retryTimeout)
        await gateway.setTopologyLifetime(ttl * 10)
    }

    func close() async {
        isClosed = true
        stopWatching()
        news.finish()
        await gateway.close()
    }
}
