// The lock (DCS-162 to DCS-166): a record in the leader object, swapped by resource version, believed for its ttl.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension KubernetesStore {
    /// Somebody else may have led since we did, and the slices lead to them: no renewal has told us so.
    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome {
        forgetRoute()
        return await leading(.race, by: deadline)
    }

    /// A record of ours that expired and that nobody took is ours still: nobody has led since.
    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome { await leading(.renewal, by: deadline) }

    nonisolated var hasReportBesideLeader: Bool { true }

    /// One write a loop, as Patroni's leader makes: other writers of the object meet it less often, and so do watches.
    func renewLeader(reporting status: ClusterStatus, by deadline: Moment) async -> LeaderKeyOutcome {
        let outcome = await leading(
            .renewal, reporting: KubernetesWriting.status(merged(status)), by: deadline)
        statusVersion = nil
        return outcome
    }

    /// Both locks while members change over: the older one first, by which the others decide.
    private func leading(
        _ claim: LeaderClaim, reporting report: [KubernetesAnnotation] = [], by deadline: Moment
    ) async -> LeaderKeyOutcome {
        if let older = names.olderLock {
            let outcome = await taking(older, claim, with: report, by: deadline)
            guard outcome.isHeld else { return outcome }
        }
        // The older one is the one that counts; beside it this one may be new.
        let outcome = await taking(
            names.mainLock, names.olderLock == nil ? claim : .race, with: report, by: deadline)
        if outcome.isHeld { routeIfNeeded() } else { forgetRoute() }
        return outcome
    }

    /// Writes our record over the one that is there, unless it is another's and alive; in a race also over one that is
    /// nobody's.
    private func taking(
        _ lock: KubernetesLock, _ claim: LeaderClaim, with report: [KubernetesAnnotation], by deadline: Moment
    ) async -> LeaderKeyOutcome {
        do throws(KubernetesProblem) {
            var current = cached(lock.resource, lock.name)
            var isCertain = false
            for _ in 0..<5 {
                if let other = holder, other != member.text {
                    if isCertain { return .lostTo(MemberName(other)) }
                    // The copy may be a moment behind: the server decides.
                    current = try await look(at: lock.resource, lock.name, by: deadline)
                    isCertain = true
                    continue
                }
                if claim == .renewal, current.flatMap({ LeaderRecord($0.annotations).leader }) != member.text {
                    if isCertain { return .lostTo(nil) }
                    current = try await look(at: lock.resource, lock.name, by: deadline)
                    isCertain = true
                    continue
                }
                var write = record(lock, over: current)
                write.annotations += report
                let sent =
                    if let current {
                        try await patch(write, version: current.version, by: deadline, retriesRefusals: true)
                    } else {
                        try await create(write, by: deadline, retriesRefusals: true)
                    }
                if case .done = sent { return .held }
                current = try await look(at: lock.resource, lock.name, by: deadline)
                isCertain = true
                // Our own earlier attempt, whose answer was lost, did it.
                if let current, current.holds(write.annotations) { return .held }
            }
        } catch {
            return .unknown(error.failure)
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: the leader object changes faster than it can be taken"))
    }

    private func record(_ lock: KubernetesLock, over current: KubernetesObject?) -> KubernetesWrite {
        KubernetesWrite(
            resource: lock.resource, name: lock.name,
            annotations: LeaderRecord.claim(
                by: member.text, over: current.map { LeaderRecord($0.annotations) }, ttl: timings.ttl,
                at: time.wallTime),
            subsets: subsets(lock, over: current))
    }

    /// Nil when they are right, can't be told, or are none of this kind of lock.
    private func subsets(_ lock: KubernetesLock, over current: KubernetesObject?) -> JSON? {
        guard lock.resource == .endpoints else { return nil }
        let pod = cached(.pods, member.text)
        guard let ip = settings.podIP ?? pod?.podIP else { return nil }
        let wanted = EndpointSubsets(
            namespace: namespace, name: member.text, ip: ip, ports: settings.ports, pod: pod)
        return wanted.patch(over: current?.subsets)
    }

    /// The older lock goes last: by it the others decide.
    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome {
        await unroute(by: deadline)
        let outcome = await releasing(names.mainLock, position, by: deadline)
        guard let older = names.olderLock else { return outcome }
        let other = await releasing(older, position, by: deadline)
        return outcome.isWritten ? other : outcome
    }

    private func releasing(_ lock: KubernetesLock, _ position: LSN?, by deadline: Moment) async -> WriteOutcome {
        var annotations = [KubernetesAnnotation("leader", nil)]
        if let position { annotations.append(KubernetesAnnotation("optime", String(position.number))) }
        do throws(KubernetesProblem) {
            var current = cached(lock.resource, lock.name)
            if current.map({ LeaderRecord($0.annotations).leader }) != member.text {
                current = try await look(at: lock.resource, lock.name, by: deadline)
            }
            for _ in 0..<4 {
                guard let found = current, let name = LeaderRecord(found.annotations).leader else {
                    return .written(current?.version)
                }
                if name != member.text { return .conflict }
                var write = KubernetesWrite(resource: lock.resource, name: lock.name, annotations: annotations)
                if lock.resource == .endpoints, found.subsets?.array?.isEmpty == false { write.subsets = [] }
                if case .done(let object) = try await patch(write, version: found.version, by: deadline) {
                    return .written(object.version)
                }
                current = try await look(at: lock.resource, lock.name, by: deadline)
            }
        } catch {
            return .unknown(error.failure)
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: the leader object changes too fast"))
    }

    // MARK: what else stands beside the lock

    private var knownStatus: ClusterStatus {
        view.keys[ClusterKey.status].map { ClusterStatus(stored: $0.value) } ?? ClusterStatus()
    }

    /// Parts that are not given stay.
    private func merged(_ status: ClusterStatus) -> ClusterStatus {
        let known = knownStatus
        return ClusterStatus(
            position: status.position ?? known.position, slots: status.slots ?? known.slots,
            retainedSlots: status.retainedSlots ?? known.retainedSlots)
    }

    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome {
        if merged(status) == knownStatus, let version = statusVersion ?? lock?.version { return .written(version) }
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

    /// Writes into the leader object, or into both while members change over: each reads its own.
    func writeBesideLock(_ annotations: [KubernetesAnnotation], by deadline: Moment) async -> WriteOutcome {
        let outcome = await writeBeside(names.mainLock, annotations, by: deadline)
        guard outcome.isWritten, let older = names.olderLock else { return outcome }
        let other = await writeBeside(older, annotations, by: deadline)
        return other.isWritten ? outcome : other
    }

    /// Never over another leader's record. The leader renews its own with it, as every update of Patroni's does.
    private func writeBeside(
        _ lock: KubernetesLock, _ annotations: [KubernetesAnnotation], by deadline: Moment
    ) async -> WriteOutcome {
        do throws(KubernetesProblem) {
            var current = cached(lock.resource, lock.name)
            if current == nil { current = try await look(at: lock.resource, lock.name, by: deadline) }
            for _ in 0..<4 {
                let name = current.flatMap { LeaderRecord($0.annotations).leader }
                if let name, name != member.text { return .conflict }
                var write = KubernetesWrite(resource: lock.resource, name: lock.name, annotations: annotations)
                if name == member.text {
                    write = record(lock, over: current)
                    write.annotations += annotations
                }
                let sent =
                    if let current { try await patch(write, version: current.version, by: deadline) } else {
                        try await create(write, by: deadline)
                    }
                if case .done(let object) = sent { return .written(object.version) }
                current = try await look(at: lock.resource, lock.name, by: deadline)
                if let current, current.holds(write.annotations) { return .written(current.version) }
            }
        } catch {
            return .unknown(error.failure)
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: the leader object changes too fast"))
    }
}
