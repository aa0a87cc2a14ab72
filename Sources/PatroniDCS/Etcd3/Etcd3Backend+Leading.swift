// The lease and the leader key that hangs on it (DCS-096 to DCS-099).

import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

/// The lease this process holds.
struct EtcdLease: Sendable, Hashable {
    /// Nil before the first grant and after a loss.
    var id: String?
    /// When the last successful renewal was sent.
    var renewedAt: Moment?
}

extension Etcd3Backend {
    func session(by deadline: Moment) async throws(StoreFailure) -> String {
        try await keepLease(isForced: false, by: deadline)
    }

    /// Keeps the lease alive when `loop_wait` has passed since the last time, or at once when forced.
    private func keepLease(isForced: Bool, by deadline: Moment) async throws(StoreFailure) -> String {
        // One at a time: two would each make a lease of their own.
        while isLeaseBusy {
            guard time.now < deadline else {
                throw StoreFailure(.unreachable, "etcd3: no answer about the lease in time")
            }
            await time.sleep(until: time.now + .milliseconds(5))
        }
        isLeaseBusy = true
        defer { isLeaseBusy = false }
        let start = time.now
        do throws(EtcdProblem) {
            if let id = lease.id {
                let isDue = lease.renewedAt.map { start - $0 >= timings.loopWait } ?? true
                if !isForced, !isDue { return id }
                let answer = try await call("lease/keepalive", ["ID": .string(id)], by: deadline)
                if answer.json["result"]?["TTL"]?.number64 ?? 0 > 0 {
                    if lease.id == id { lease.renewedAt = start }
                    return id
                }
                logger.info("etcd3: lease \(id) has expired")
            }
            let ttl = timings.ttl
            let seconds = max(1, ttl.wholeSeconds)
            let answer = try await call("lease/grant", ["TTL": .string(String(seconds))], by: deadline)
            guard let id = answer.json["ID"]?.number64 else {
                throw .notDone(StoreFailure(.protocolViolation, "etcd3: the answer to a lease request has no ID"))
            }
            // When the ttl changed meanwhile, this lease serves once, and the next call makes a better one.
            lease = timings.ttl == ttl ? EtcdLease(id: String(id), renewedAt: start) : EtcdLease()
            return String(id)
        } catch {
            throw error.failure
        }
    }

    func acquireLeader(_ name: String, by deadline: Moment) async -> LeaderKeyOutcome {
        await leading(name, .race, by: deadline)
    }

    /// Normally renews the lease only: the key must not change, others wake up on it (DCS-196). One that is gone is not made
    /// anew: somebody else may have led meanwhile, and only the race looks whether.
    func renewLeader(_ name: String, known: StoredKey?, by deadline: Moment) async -> LeaderKeyOutcome {
        do throws(StoreFailure) {
            let lease = try await keepLease(isForced: true, by: deadline)
            if let known, known.value == name, known.session == lease { return .held }
        } catch {
            return .unknown(error)
        }
        return await leading(name, .renewal, by: deadline)
    }

    /// Writes the leader key under our lease. A key of ours from an earlier life is taken over.
    private func leading(_ name: String, _ claim: LeaderClaim, by deadline: Moment) async -> LeaderKeyOutcome {
        let full = path.full(ClusterKey.leader)
        var losses = 0
        do throws(StoreFailure) {
            var takesOver = claim == .renewal
            while losses < 3 {
                let lease = try await keepLease(isForced: true, by: deadline)
                let condition = takesOver ? EtcdRequest.hasValue(full, name) : EtcdRequest.isAbsent(full)
                let put = EtcdRequest.put(full, name, lease: lease)
                switch try await send(.transaction(condition, [put], ClusterKey.leader), by: deadline) {
                case .done: return .held
                case .conditionFailed(let found?, _):
                    if found.value != name { return .lostTo(MemberName(found.value)) }
                    if found.lease == lease { return .held }
                    takesOver = true
                case .conditionFailed(nil, _):
                    if claim == .renewal { return .lostTo(nil) }
                    // It went away while we tried to take it over: anybody's now.
                    takesOver = false
                case .leaseLost: self.lease = EtcdLease()
                }
                losses += 1
            }
        } catch {
            return .unknown(error)
        }
        return .unknown(StoreFailure(.unavailable, "etcd3: the leader key changes faster than it can be taken"))
    }

    func releaseLeader(
        _ name: String, writing keys: [(key: String, value: String)], by deadline: Moment
    ) async -> WriteOutcome {
        let full = path.full(ClusterKey.leader)
        let puts = keys.map { EtcdRequest.put(path.full($0.key), $0.value, lease: nil) }
        return await writing(deadline) { _ in
            .transaction(EtcdRequest.hasValue(full, name), puts + [EtcdRequest.key(full)], ClusterKey.leader)
        } found: { found, _ in
            found == nil ? .written(nil) : .conflict
        }
    }
}
