// From the configuration to the store it names.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

/// The three times every store works with.
struct StoreTimings: Sendable, Hashable {
    var ttl: Duration
    var loopWait: Duration
    var retryTimeout: Duration

    init(ttl: Duration, loopWait: Duration, retryTimeout: Duration) {
        self.ttl = ttl
        self.loopWait = loopWait
        self.retryTimeout = retryTimeout
    }

    /// Until the dynamic configuration is known: Patroni's defaults.
    init() { self.init(ttl: .seconds(30), loopWait: .seconds(10), retryTimeout: .seconds(10)) }
}

/// Makes stores.
public enum StoreFactory {
    /// How servers see us in their logs (DCS-057).
    static let userAgent = "Patroni/\(PatroniVersion.text) Swift"

    /// Contacts nobody yet. With `isControl` (patronictl) the store keeps no session, watches nothing, and reads the
    /// newest state from the servers (DCS-056).
    public static func make(
        configuration: AgentConfiguration, isControl: Bool, time: any TimeSource = SystemTime(), logger: Logger,
        environment: [String: String] = ProcessEnvironment.read()
    ) throws(StoreFailure) -> any ConfigurationStore {
        let cluster = ClusterPath(namespace: configuration.namespace, scope: configuration.scope)
        switch configuration.store {
        case .embedded(let settings):
            let backend = EmbeddedBackend(
                path: settings.path, cluster: cluster, owner: configuration.name.text, timings: StoreTimings(),
                isControl: isControl, time: time, logger: logger)
            return PathStore(backend, member: configuration.name)
        case .kubernetes(let settings):
            let access = try KubernetesAccess.find(settings, environment: environment)
            let gateway = try KubernetesGateway(
                access: access, bypasses: settings.bypassesService && !isControl,
                retriable: settings.retriableStatuses, seed: seed(configuration.name), time: time, logger: logger)
            return KubernetesStore(
                gateway: gateway, settings: settings, scope: configuration.scope,
                namespace: access.namespace(settings), member: configuration.name, isControl: isControl, time: time,
                logger: logger)
        case .etcd3(let settings):
            do throws(HTTPFailure) {
                // Patronictl reads once and leaves: no need to know where all servers are.
                var settings = settings
                // Without a CA nobody asked for the servers to be verified (DCS-084).
                if settings.tls.authorities == nil { settings.tls.verifiesServer = false }
                if isControl { settings.usesFixedList = true }
                let gateway = try EtcdGateway(
                    settings: settings, seed: seed(configuration.name), time: time, logger: logger)
                let backend = Etcd3Backend(
                    gateway: gateway, path: cluster, timings: StoreTimings(), isControl: isControl, time: time,
                    logger: logger)
                return PathStore(backend, member: configuration.name)
            } catch {
                throw StoreFailure(.denied, "etcd3: \(error)")
            }
        }
    }

    /// A number of the member's own, so that not all begin at the same server.
    private static func seed(_ name: MemberName) -> Int { name.text.utf8.reduce(0) { $0 &* 31 &+ Int($1) } }
}
