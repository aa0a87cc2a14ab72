// Reading: from the watched copies when they are provably fresh, from the server otherwise (DCS-168).

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform

extension KubernetesStore {
    func readCluster(by deadline: Moment) async throws(StoreFailure) -> Cluster {
        if !isControl {
            startWatching()
            refreshServers()
        }
        let stale = watched.filter { isControl || !isFresh($0) }
        if !stale.isEmpty { try await readFromServer(stale, by: deadline) }
        return Cluster(keys: view.keys)
    }

    /// The API servers' addresses are looked up beside the turn, once a loop (DCS-170).
    private func refreshServers() {
        let (gateway, age) = (gateway, max(.milliseconds(500), timings.loopWait - .milliseconds(500)))
        let deadline = time.now + .seconds(3)
        Task { await gateway.refreshServers(age: age, by: deadline) }
    }

    /// How long a stream may be silent before its copy is compared with the server: the leader speaks once a loop, the
    /// pods when they have something to say.
    private func longestSilence(_ resource: KubernetesResource) -> Duration {
        resource == names.lockResource ? max(.seconds(3), timings.loopWait + .seconds(2)) : .seconds(90)
    }

    private func isFresh(_ resource: KubernetesResource) -> Bool {
        guard let stream = streams[resource], stream.isOpen, caches[resource]?.isFilled == true,
            let heardAt = stream.heardAt
        else { return false }
        return time.now - heardAt <= longestSilence(resource)
    }

    private func readFromServer(_ resources: [KubernetesResource], by deadline: Moment) async throws(StoreFailure) {
        let questions = resources.map { resource in
            Task { () -> StoreFailure? in
                do throws(StoreFailure) {
                    try await self.list(resource, by: deadline)
                    return nil
                } catch { return error }
            }
        }
        for question in questions { if let failure = await question.value { throw failure } }
    }

    /// Reads all objects of a kind, and brings the copy up to date with them.
    func list(_ resource: KubernetesResource, by deadline: Moment) async throws(StoreFailure) {
        let since = caches[resource]?.touches ?? 0
        let stream = streams[resource]
        let call = KubernetesCall(
            path: resource.path(namespace), query: KubernetesQuery(("labelSelector", names.selector)))
        do throws(KubernetesProblem) {
            let answer = try await gateway.call(call, by: deadline)
            guard let list = KubernetesList(answer.json) else {
                throw .notDone(StoreFailure(.protocolViolation, "kubernetes: the answer to a list is no list"))
            }
            let hadNews = caches[resource, default: KubernetesCache()].replace(with: list, since: since)
            noteChanges()
            guard let stream, let now = streams[resource], now.number == stream.number, now.isOpen else { return }
            if hadNews, stream.isOpen, stream.heardAt != nil {
                logger.info("kubernetes: the watch of \(resource.rawValue) missed something, starting it anew")
                restartWatch(resource)
            } else {
                streams[resource]?.heardAt = time.now
            }
        } catch {
            throw error.failure
        }
    }

    /// One object as it is now, straight from the server; nil when there is none.
    func look(
        at resource: KubernetesResource, _ name: String, by deadline: Moment
    ) async throws(KubernetesProblem) -> KubernetesObject? {
        do throws(KubernetesProblem) {
            let answer = try await gateway.call(
                KubernetesCall(path: resource.path(namespace, name), retriesRefusals: true), by: deadline)
            guard let object = KubernetesObject(answer.json) else {
                throw .notDone(StoreFailure(.protocolViolation, "kubernetes: the answer is no object"))
            }
            take(object, as: resource)
            return cached(resource, name) ?? object
        } catch {
            guard case .refused(let refusal, _) = error, refusal.isAbsent else { throw error }
            caches[resource, default: KubernetesCache()].forget(name)
            noteChanges()
            return nil
        }
    }
}
