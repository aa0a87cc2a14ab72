// Beside a Lease: EndpointSlices that lead the cluster's Service to the leader, one for each family of addresses.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// An EndpointSlice of ours, as it is to be written. Pure.
struct LeaderSlice: Sendable {
    var namespace: String
    var names: KubernetesNames
    var family: Family
    var addresses: [String]
    var ports: [KubernetesSettings.Port]
    var pod: KubernetesObject?
    /// Deleted with it.
    var owner: KubernetesObject?

    enum Family: String, Sendable, CaseIterable {
        case ipv4 = "IPv4"
        case ipv6 = "IPv6"

        init(of address: String) { self = address.contains(":") ? .ipv6 : .ipv4 }
    }

    /// `isNew`: the family can't be changed later.
    func body(isNew: Bool) -> JSONObject {
        var labels = JSONObject(names.labels.map { ($0.name, .string($0.value)) })
        labels["kubernetes.io/service-name"] = .string(names.service)
        labels["endpointslice.kubernetes.io/managed-by"] = "patroni"
        var metadata: JSONObject = [
            "namespace": .string(namespace), "name": .string(names.slice(family.rawValue)), "labels": .object(labels),
        ]
        if let owner, let uid = owner.uid {
            metadata["ownerReferences"] = [
                [
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": .string(owner.name),
                    "uid": .string(uid),
                ]
            ]
        }
        var body: JSONObject = ["metadata": .object(metadata)]
        if isNew { body["addressType"] = .string(family.rawValue) }
        body["endpoints"] = .array(addresses.isEmpty ? [] : [.object(endpoint)])
        body["ports"] = .array(
            ports.map { port in
                [
                    "name": .string(port.name ?? ""), "port": .int(Int64(port.port)),
                    "protocol": .string(port.protocolName ?? "TCP"),
                ]
            })
        return body
    }

    private var endpoint: JSONObject {
        var endpoint: JSONObject = [
            "addresses": .array(addresses.map(JSON.string)), "conditions": ["ready": true],
        ]
        if let pod {
            endpoint["nodeName"] = pod.nodeName.map(JSON.string)
            endpoint["targetRef"] = [
                "kind": "Pod", "namespace": .string(namespace), "name": .string(pod.name),
                "uid": JSON(pod.uid),
            ]
        }
        return endpoint
    }
}

extension KubernetesStore {
    private var ownAddresses: [String] {
        if let ip = settings.podIP { return [ip] }
        let pod = cached(.pods, member.text)
        return pod?.podIPs.isEmpty == false ? pod?.podIPs ?? [] : [pod?.podIP].compactMap { $0 }
    }

    /// Beside the turn: who leads is decided by the lock, and must not wait for this.
    func routeIfNeeded() {
        guard settings.leaderObject == .lease, routing == nil, !isClosed else { return }
        let addresses = ownAddresses
        if addresses.isEmpty || routed == addresses { return }
        let deadline = time.now + .seconds(3)
        let attempt = routeAttempts
        routing = Task {
            let isDone = await self.route(addresses, by: deadline)
            guard attempt == routeAttempts else { return }
            if isDone { routed = addresses }
            routing = nil
        }
    }

    /// What was written, or is on its way, tells nothing about whom the slices lead to from now on.
    func forgetRoute() {
        routeAttempts += 1
        routed = nil
        routing = nil
    }

    /// Nobody leads any more: before the lock goes.
    func unroute(by deadline: Moment) async {
        await routing?.value
        guard settings.leaderObject == .lease, routed != nil else { return }
        routed = nil
        _ = await route([], by: min(deadline, time.now + .seconds(2)))
    }

    private func route(_ addresses: [String], by deadline: Moment) async -> Bool {
        var isDone = true
        for family in LeaderSlice.Family.allCases {
            let own = addresses.filter { LeaderSlice.Family(of: $0) == family }
            let slice = LeaderSlice(
                namespace: namespace, names: names, family: family, addresses: own, ports: settings.ports,
                pod: cached(.pods, member.text), owner: lock)
            do throws(KubernetesProblem) {
                try await write(slice, by: deadline)
            } catch {
                isDone = false
                logger.warning("the EndpointSlice of the leader (\(family.rawValue)) is not written: \(error.failure)")
            }
        }
        return isDone
    }

    private func write(_ slice: LeaderSlice, by deadline: Moment) async throws(KubernetesProblem) {
        let name = names.slice(slice.family.rawValue)
        var call = KubernetesCall(method: .patch, path: KubernetesResource.endpointslices.path(namespace, name))
        call.body = slice.body(isNew: false)
        do throws(KubernetesProblem) {
            _ = try await gateway.call(call, by: deadline)
        } catch {
            guard case .refused(let refusal, _) = error, refusal.isAbsent else { throw error }
            // A family without addresses needs no slice.
            if slice.addresses.isEmpty { return }
            call.method = .post
            call.path = KubernetesResource.endpointslices.path(namespace)
            call.body = slice.body(isNew: true)
            do throws(KubernetesProblem) {
                _ = try await gateway.call(call, by: deadline)
            } catch {
                guard case .refused(let refusal, _) = error, refusal.isAbsent else { throw error }
                logger.warning("this API server has no discovery.k8s.io/v1: no EndpointSlice leads to the leader")
            }
        }
    }
}
