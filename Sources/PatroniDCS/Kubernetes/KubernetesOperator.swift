// What an operator does in Kubernetes beside the cluster's own objects: `patronictl kubernetes`.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// The API with an operator's rights.
public actor KubernetesOperator {
    private let gateway: KubernetesGateway
    private let settings: KubernetesSettings
    private let names: KubernetesNames
    private let namespace: String
    private let time: any TimeSource

    /// Nil when the configuration's store is another.
    public init?(
        _ store: StoreSettings, scope: String, time: any TimeSource = SystemTime(), logger: Logger,
        environment: [String: String] = ProcessEnvironment.read()
    ) throws(StoreFailure) {
        guard case .kubernetes(let settings) = store else { return nil }
        let access = try KubernetesAccess.find(settings, environment: environment)
        gateway = try KubernetesGateway(
            access: access, bypasses: false, retriable: settings.retriableStatuses, seed: 0, time: time, logger: logger)
        self.settings = settings
        self.time = time
        names = KubernetesNames(scope: scope, settings: settings)
        namespace = access.namespace(settings)
    }

    public func close() async { await gateway.close() }

    /// The plan of a change of labels; the temporary label is the one configured unless another is named.
    public nonisolated func migration(temporaryLabel: String?) -> LabelMigration? {
        (temporaryLabel ?? settings.temporaryRoleLabel).map { LabelMigration(settings, temporaryLabel: $0) }
    }

    public func pods() async throws(StoreFailure) -> [(name: String, labels: [String: String])] {
        let pods = try await list(.pods, selector: names.selector)
        return pods.compactMap(KubernetesObject.init).map { ($0.name, $0.labels) }
    }

    /// The Services that select this cluster's pods, by whatever else.
    public func services() async throws(StoreFailure) -> [SelectingService] {
        let scope = names.labels.first { $0.name == settings.scopeLabel }
        return try await list(.services, selector: nil).compactMap { service in
            guard let name = service["metadata"]?["name"]?.string, let table = service["spec"]?["selector"]?.object
            else { return nil }
            let selector = table.pairs.reduce(into: [String: String]()) { $0[$1.key] = $1.value.string }
            guard let scope, selector[scope.name] == scope.value else { return nil }
            return SelectingService(name: name, selector: selector)
        }
    }

    public func carryOut(_ turn: LabelMigration.Turn) async throws(StoreFailure) {
        var call = KubernetesCall(method: .patch, path: KubernetesResource.services.path(namespace, turn.service))
        let selector: JSON = .object(JSONObject([(turn.removed, .null), (turn.name, .string(turn.value))]))
        call.body = ["spec": ["selector": selector]]
        do throws(KubernetesProblem) { _ = try await gateway.call(call, by: time.now + .seconds(10)) } catch {
            throw error.failure
        }
    }

    private func list(_ resource: KubernetesResource, selector: String?) async throws(StoreFailure) -> [JSON] {
        var call = KubernetesCall(path: resource.path(namespace))
        if let selector { call.query.add("labelSelector", selector) }
        do throws(KubernetesProblem) {
            return try await gateway.call(call, by: time.now + .seconds(10)).json["items"]?.array ?? []
        } catch {
            throw error.failure
        }
    }
}
