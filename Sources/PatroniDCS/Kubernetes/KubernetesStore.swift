// The store in Kubernetes: one cluster's objects as one member sees them (spec dcs.md section 10).

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

/// Annotations of ConfigMaps or Endpoints and of pods, read from copies that watches keep fresh.
actor KubernetesStore: ConfigurationStore {
    nonisolated let kind = "kubernetes"
    nonisolated let changes: AsyncStream<StoreChange>
    nonisolated let time: any TimeSource
    let gateway: KubernetesGateway
    let settings: KubernetesSettings
    let names: KubernetesNames
    let podLabels: PodLabels
    let namespace: String
    let member: MemberName
    let isControl: Bool
    let logger: Logger
    let news: AsyncStream<StoreChange>.Continuation
    var timings = StoreTimings()

    var caches: [KubernetesResource: KubernetesCache] = [:]
    var streams: [KubernetesResource: KubernetesStream] = [:]
    var leader = ObservedLeader()
    /// The same of the lock that members hold besides while they change over.
    var olderLeader = ObservedLeader()
    /// Where the EndpointSlices lead, as far as we wrote them; nil: not written since we began to lead.
    var routed: [String]?
    var routing: Task<Void, Never>?
    /// Counts ``forgetRoute()``: a write from before it is not taken for one from after it.
    var routeAttempts = 0
    /// The last keys that were told of; nil before the first complete look.
    var told: [String: StoredKey]?
    var expiryAlarm: Task<Void, Never>?
    var isClosed = false

    /// Tells the claims of this process from others', and from those of an earlier process of the same name.
    let claimant: String
    /// What ``writeStatus`` returned last, for a report that need not be written again.
    var statusVersion: KeyVersion?
    /// The headless Service that keeps the configuration's Endpoints alive is there, or can't be made (DCS-167).
    var hasConfigurationService = false
    var isStripping = false
    var hasWarnedOfPod = false

    init(
        gateway: KubernetesGateway, settings: KubernetesSettings, scope: String, namespace: String, member: MemberName,
        isControl: Bool, time: any TimeSource, logger: Logger
    ) {
        self.gateway = gateway
        self.settings = settings
        self.namespace = namespace
        self.member = member
        self.isControl = isControl
        self.time = time
        self.logger = logger
        names = KubernetesNames(scope: scope, settings: settings)
        podLabels = PodLabels(settings: settings)
        claimant = "patroni-\(member.text.prefix(60))-\(time.now.nanoseconds)"
        // A reader that sleeps loses the oldest news; any later one makes it read everything anyway.
        (changes, news) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    deinit { news.finish() }

    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async {
        timings = StoreTimings(ttl: ttl, loopWait: loopWait, retryTimeout: retryTimeout)
    }

    func close() async {
        isClosed = true
        expiryAlarm?.cancel()
        for stream in streams.values { stream.task.cancel() }
        streams = [:]
        news.finish()
        await gateway.close()
    }

    // MARK: the copies

    /// Everything a turn needs to know of.
    var watched: [KubernetesResource] {
        var resources: [KubernetesResource] = [.pods, names.resource]
        for other in [names.lockResource, names.olderLock?.resource].compactMap({ $0 }) {
            if !resources.contains(other) { resources.append(other) }
        }
        return resources
    }

    func cached(_ resource: KubernetesResource, _ name: String) -> KubernetesObject? { caches[resource]?[name] }
    var lock: KubernetesObject? { cached(names.lockResource, names.lock) }

    var olderLock: KubernetesObject? { names.olderLock.flatMap { cached($0.resource, $0.name) } }

    /// Who leads, by our own count of the ttl. Whoever holds one of two locks keeps others from leading.
    var holder: String? {
        leader.holder(at: time.now, ttl: timings.ttl) ?? olderLeader.holder(at: time.now, ttl: timings.ttl)
    }

    /// The last moment at which anybody may lead by what we have seen.
    private var leadersEnd: Moment? {
        [leader.end(ttl: timings.ttl), olderLeader.end(ttl: timings.ttl)].compactMap { $0 }.max()
    }

    /// Takes over an object that the server has just shown.
    func take(_ object: KubernetesObject, as resource: KubernetesResource) {
        guard caches[resource, default: KubernetesCache()].set(object) else { return }
        noteChanges()
    }

    /// The copies have changed: who leads now, and what is news in it?
    func noteChanges() {
        if let lock {
            leader.observe(lock.annotations, at: time.now)
        } else if caches[names.lockResource]?.isFilled == true {
            leader = ObservedLeader()
        }
        if let olderLock { olderLeader.observe(olderLock.annotations, at: time.now) }
        watchExpiry()
        tell()
    }

    /// Publishes what is different from what was told last.
    func tell() {
        guard !isControl, watched.allSatisfy({ caches[$0]?.isFilled == true }) else { return }
        let keys = view.keys
        defer { told = keys }
        guard let told else { return }
        for change in KubernetesView.news(told, keys) { news.yield(change) }
    }

    var view: KubernetesView {
        var view = KubernetesView()
        view.lock = lock ?? olderLock
        view.leader = holder
        view.configuration = cached(names.resource, names.configuration)
        view.failover = cached(names.resource, names.failover)
        view.sync = cached(names.resource, names.sync)
        view.pods = caches[.pods]?.objects.values.filter { names.isOurs($0) } ?? []
        return view
    }

    /// Nobody tells us when a record has become too old: we wake up by ourselves.
    private func watchExpiry() {
        guard expiryAlarm == nil, !isControl, !isClosed, nextExpiry() != nil else { return }
        let time = time
        expiryAlarm = Task { [weak self] in
            while !Task.isCancelled, let end = await self?.nextExpiry() {
                await time.sleep(until: end + .milliseconds(5))
            }
            await self?.expired()
        }
    }

    private func nextExpiry() -> Moment? {
        leadersEnd.flatMap { $0 < time.now ? nil : $0 }
    }

    private func expired() {
        expiryAlarm = nil
        tell()
    }
}
