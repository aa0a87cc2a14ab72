// From the objects to the keys that every store has, so that one reader understands them all (DCS-149 to DCS-153). Pure.

import PatroniCore
import PatroniPorts

/// The cluster's objects at one moment.
struct KubernetesView: Sendable {
    var lock: KubernetesObject?
    /// Who leads by our own count of its ttl; nil: nobody, whatever the record says.
    var leader: String?
    var configuration: KubernetesObject?
    var failover: KubernetesObject?
    var sync: KubernetesObject?
    var pods: [KubernetesObject] = []

    var keys: [String: StoredKey] {
        var keys: [String: StoredKey] = [:]
        func copy(_ object: KubernetesObject?, _ annotation: String, as key: String) {
            guard let object, let text = object.annotations[annotation] else { return }
            keys[key] = StoredKey(value: text, version: object.version)
        }
        copy(configuration, "initialize", as: ClusterKey.initialize)
        copy(configuration, "config", as: ClusterKey.configuration)
        copy(configuration, "history", as: ClusterKey.history)
        copy(lock, "failsafe", as: ClusterKey.failsafe)
        if let lock {
            if let leader {
                // Renewals change the object all the time; who leads changes with the count of transitions.
                let count = lock.annotations["transitions"] ?? "0"
                keys[ClusterKey.leader] = StoredKey(value: leader, version: KeyVersion(count))
            }
            if let status = Self.status(lock.annotations) {
                keys[ClusterKey.status] = StoredKey(value: status.text(), version: lock.version)
            }
        }
        if let failover {
            let wish = Self.texts(failover, ["leader", "member", "scheduled_at"])
            keys[ClusterKey.failover] = StoredKey(value: wish.text(), version: failover.version)
        }
        if let sync {
            let state = Self.texts(sync, ["leader", "quorum", "sync_standby"])
            keys[ClusterKey.sync] = StoredKey(value: state.text(), version: sync.version)
        }
        // A pod whose agent has not spoken yet is no member.
        for pod in pods where pod.annotations["status"] != nil {
            copy(pod, "status", as: ClusterKey.member(MemberName(pod.name)))
        }
        return keys
    }

    /// Nil when nothing was ever reported.
    private static func status(_ annotations: [String: String]) -> JSONObject? {
        var status = JSONObject()
        if let text = annotations["optime"] { status["optime"] = Int64(text).map(JSON.int) ?? .string(text) }
        if let text = annotations["slots"] { status["slots"] = .string(text) }
        if let text = annotations["retain_slots"] { status["retain_slots"] = .string(text) }
        return status.isEmpty ? nil : status
    }

    private static func texts(_ object: KubernetesObject, _ names: [String]) -> JSONObject {
        JSONObject(names.compactMap { name in object.annotations[name].map { (name, .string($0)) } })
    }

    /// The news between two views. Several keys share an object and its version: only a new value is news.
    static func news(_ before: [String: StoredKey], _ after: [String: StoredKey]) -> [StoreChange] {
        Set(before.keys).union(after.keys).sorted().compactMap { key in
            let (old, new) = (before[key]?.value, after[key]?.value)
            return old == new ? nil : StoreChange(key: key, before: old, after: new)
        }
    }
}

/// What is written, in annotations.
enum KubernetesWriting {
    /// Parts that are not given stay as they are; empty ones disappear.
    static func status(_ status: ClusterStatus) -> [KubernetesAnnotation] {
        var out: [KubernetesAnnotation] = []
        if let position = status.position { out.append(KubernetesAnnotation("optime", String(position.number))) }
        let json = status.json
        if let slots = status.slots {
            out.append(KubernetesAnnotation("slots", slots.isEmpty ? nil : json["slots"]?.text(.compact)))
        }
        if let retained = status.retainedSlots {
            out.append(
                KubernetesAnnotation("retain_slots", retained.isEmpty ? nil : json["retain_slots"]?.text(.spaced)))
        }
        return out
    }

    static func failover(_ request: FailoverRequest?) -> [KubernetesAnnotation] {
        [
            KubernetesAnnotation("leader", request?.leader?.text),
            KubernetesAnnotation("member", request?.candidate?.text),
            KubernetesAnnotation("scheduled_at", request?.scheduledAt?.iso8601()),
        ]
    }

    /// Of an empty state nothing is left but the object.
    static func sync(_ state: SyncState) -> [KubernetesAnnotation] {
        let standbys = state.standbys.map(\.text).sorted().joined(separator: ",")
        return [
            KubernetesAnnotation("leader", state.leader?.text),
            KubernetesAnnotation("quorum", state.leader == nil ? nil : String(state.quorum)),
            KubernetesAnnotation("sync_standby", standbys.isEmpty ? nil : standbys),
        ]
    }
}
