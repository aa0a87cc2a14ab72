// The lock (DCS-162 to DCS-166): a record in the leader object, swapped by resource version, believed for its ttl.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

extension KubernetesStore {
    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await leading(by: deadline) { holder in holder == nil }
    }

    /// A record of ours that expired and that nobody took is ours still.
    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        await leading(by: deadline) { holder in holder == nil }
    }

    /// Writes our record over the one that is there, unless it is another's and alive.
    private func leading(
        by deadline: Moment, _ isFree: (_ holder: String?) -> Bool
    ) async -> LeaderKeyOutcome {
        do throws(KubernetesProblem) {
            var current = lock
            var isCertain = false
            for _ in 0..<5 {
                if let other = holder, other != member.text, current != nil {
                    if isCertain { return .lostTo(MemberName(other)) }
                    // The copy may be a moment behind: the server decides.
                    current = try await lookAtLock(by: deadline)
                    isCertain = true
                    continue
                }
                let write = claim(over: current)
                let sent =
                    if let current {
                        try await patch(write, version: current.version, by: deadline, retriesRefusals: true)
                    } else {
                        try await create(write, by: deadline, retriesRefusals: true)
                    }
                if case .done = sent { return .held }
                current = try await lookAtLock(by: deadline)
                isCertain = true
                // Our own earlier attempt, whose answer was lost, did it.
                if let current, current.holds(write.annotations) { return .held }
            }
        } catch {
            return .unknown(error.failure)
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: the leader object changes faster than it can be taken"))
    }

    func lookAtLock(by deadline: Moment) async throws(KubernetesProblem) -> KubernetesObject? {
        try await look(at: names.lockResource, names.lock, by: deadline)
    }

    private func claim(over current: KubernetesObject?) -> KubernetesWrite {
        KubernetesWrite(
            resource: names.lockResource, name: names.lock,
            annotations: LeaderRecord.claim(
                by: member.text, over: current.map { LeaderRecord($0.annotations) }, ttl: timings.ttl,
                at: time.wallTime),
            subsets: subsets(over: current))
    }

    /// Nil when they are right, can't be told, or are none of this kind of lock.
    private func subsets(over current: KubernetesObject?) -> JSON? {
        guard names.lockResource == .endpoints else { return nil }
        let pod = cached(.pods, member.text)
        guard let ip = settings.podIP ?? pod?.podIP else { return nil }
        let wanted = EndpointSubsets(
            namespace: namespace, name: member.text, ip: ip, ports: settings.ports, pod: pod)
        return wanted.patch(over: current?.subsets)
    }

    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome {
        var annotations = [KubernetesAnnotation("leader", nil)]
        if let position { annotations.append(KubernetesAnnotation("optime", String(position.number))) }
        do throws(KubernetesProblem) {
            var current = lock
            if current.map({ LeaderRecord($0.annotations).leader }) != member.text {
                current = try await lookAtLock(by: deadline)
            }
            for _ in 0..<4 {
                guard let found = current, let name = LeaderRecord(found.annotations).leader else {
                    return .written(current?.version)
                }
                if name != member.text { return .conflict }
                var write = KubernetesWrite(
                    resource: names.lockResource, name: names.lock, annotations: annotations)
                if names.lockResource == .endpoints, found.subsets?.array?.isEmpty == false { write.subsets = [] }
                if case .done(let object) = try await patch(write, version: found.version, by: deadline) {
                    return .written(object.version)
                }
                current = try await lookAtLock(by: deadline)
            }
        } catch {
            return .unknown(error.failure)
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: the leader object changes too fast"))
    }

    // MARK: what else stands beside the lock

    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome {
        let known = view.keys[ClusterKey.status].map { ClusterStatus(stored: $0.value) } ?? ClusterStatus()
        let merged = ClusterStatus(
            position: status.position ?? known.position, slots: status.slots ?? known.slots,
            retainedSlots: status.retainedSlots ?? known.retainedSlots)
        if merged == known, let version = statusVersion ?? lock?.version { return .written(version) }
        let outcome = await writeBesideLock(KubernetesWriting.status(status), by: deadline)
        if case .written(let version) = outcome { statusVersion = version } else { statusVersion = nil }
        return outcome
    }

    func writeFailsafe(_ members: [MemberName: String], by deadline: Moment) async -> WriteOutcome {
        let value = JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key.text, .string($0.value)) })
        if let lock, let text = lock.annotations["failsafe"], (try? JSON.parse(text)) == .object(value) {
            return .written(lock.version)
        }
        return await writeBesideLock([KubernetesAnnotation("failsafe", value.text())], by: deadline)
    }

    /// Writes into the leader object, never over another leader's. The leader renews its record with it, as every
    /// update of Patroni's does.
    func writeBesideLock(
        _ annotations: [KubernetesAnnotation], by deadline: Moment
    ) async -> WriteOutcome {
        do throws(KubernetesProblem) {
            var current = lock
            if current == nil { current = try await lookAtLock(by: deadline) }
            for _ in 0..<4 {
                let name = current.flatMap { LeaderRecord($0.annotations).leader }
                if let name, name != member.text { return .conflict }
                var write = KubernetesWrite(
                    resource: names.lockResource, name: names.lock, annotations: annotations)
                if name == member.text {
                    write = claim(over: current)
                    write.annotations += annotations
                }
                let sent =
                    if let current { try await patch(write, version: current.version, by: deadline) } else {
                        try await create(write, by: deadline)
                    }
                if case .done(let object) = sent { return .written(object.version) }
                current = try await lookAtLock(by: deadline)
                if let current, current.holds(write.annotations) { return .written(current.version) }
            }
        } catch {
            return .unknown(error.failure)
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: the leader object changes too fast"))
    }
}
