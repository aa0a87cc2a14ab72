// Writing: PATCH or POST, compare-and-swap by resource version, and never a guess about what became of it.

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// What is to be written into one object.
struct KubernetesWrite: Sendable {
    var resource: KubernetesResource
    var name: String
    var annotations: [KubernetesAnnotation]
    /// Endpoints: the new subsets; nil leaves them alone.
    var subsets: JSON?
    /// Who writes, in the server's books; nil: as always.
    var manager: String?
}

extension KubernetesStore {
    /// What became of one request.
    enum Sent: Sendable {
        case done(KubernetesObject)
        /// The object exists already, or has another version; `wasRepeated`: by our own hand, perhaps.
        case conflict(wasRepeated: Bool)
        case absent
    }

    /// PATCH, with the version that the object must still have.
    func patch(
        _ write: KubernetesWrite, version: KeyVersion?, by deadline: Moment, retriesRefusals: Bool = false
    ) async throws(KubernetesProblem) -> Sent {
        var call = KubernetesCall(method: .patch, path: write.resource.path(namespace, write.name))
        call.retriesRefusals = retriesRefusals
        call.body = body(write, version: version, isNew: false)
        return try await send(call, write, by: deadline)
    }

    func create(
        _ write: KubernetesWrite, by deadline: Moment, retriesRefusals: Bool = false
    ) async throws(KubernetesProblem) -> Sent {
        var call = KubernetesCall(method: .post, path: write.resource.path(namespace))
        call.retriesRefusals = retriesRefusals
        call.body = body(write, version: nil, isNew: true)
        return try await send(call, write, by: deadline)
    }

    private func send(
        _ call: KubernetesCall, _ write: KubernetesWrite, by deadline: Moment
    ) async throws(KubernetesProblem) -> Sent {
        var call = call
        if let manager = write.manager { call.query.add("fieldManager", manager) }
        do throws(KubernetesProblem) {
            let answer = try await gateway.call(call, by: deadline)
            guard let object = KubernetesObject(answer.json) else {
                throw .unknown(StoreFailure(.protocolViolation, "kubernetes: the answer is no object"))
            }
            take(object, as: write.resource)
            return .done(object)
        } catch {
            guard case .refused(let refusal, let wasRepeated) = error else { throw error }
            if refusal.isConflict { return .conflict(wasRepeated: wasRepeated) }
            if refusal.isAbsent, call.method == .patch { return .absent }
            throw wasRepeated ? .unknown(error.failure) : error
        }
    }

    private func body(_ write: KubernetesWrite, version: KeyVersion?, isNew: Bool) -> JSONObject {
        var metadata = KubernetesMetadata(
            namespace: namespace, name: write.name, labels: names.labelsJSON, annotations: write.annotations,
            version: version)
        var spec = JSONObject()
        if write.resource == .leases { (spec, metadata.annotations) = LeaseSpec.split(write.annotations) }
        if isNew { metadata.annotations.removeAll { $0.value == nil } }
        var body: JSONObject = ["metadata": metadata.json]
        if !spec.isEmpty { body["spec"] = .object(spec) }
        body["subsets"] = write.subsets
        return body
    }

    // MARK: the plain objects

    func write(
        _ object: String, _ annotations: [KubernetesAnnotation], if condition: WriteCondition, by deadline: Moment
    ) async -> WriteOutcome {
        let write = KubernetesWrite(resource: names.resource, name: object, annotations: annotations)
        if object == names.configuration { await makeConfigurationService(by: deadline) }
        do throws(KubernetesProblem) {
            switch condition {
            case .version(let version):
                return try await judge(try await patch(write, version: version, by: deadline), write, by: deadline)
            case .absent: return try await judge(try await create(write, by: deadline), write, by: deadline)
            case .always, .value: return try await writeAnyway(write, by: deadline)
            }
        } catch {
            return .unknown(error.failure)
        }
    }

    private func writeAnyway(
        _ write: KubernetesWrite, by deadline: Moment
    ) async throws(KubernetesProblem) -> WriteOutcome {
        var exists = cached(write.resource, write.name) != nil
        for _ in 0..<4 {
            let sent =
                exists
                ? try await patch(write, version: nil, by: deadline) : try await create(write, by: deadline)
            switch sent {
            case .done(let object): return .written(object.version)
            case .conflict: exists = true
            case .absent: exists = false
            }
        }
        return .unknown(StoreFailure(.unavailable, "kubernetes: \(write.name) comes and goes"))
    }

    /// A conflict after a lost answer may be with ourselves: then our annotations stand there (DCS-163).
    private func judge(
        _ sent: Sent, _ write: KubernetesWrite, by deadline: Moment
    ) async throws(KubernetesProblem) -> WriteOutcome {
        switch sent {
        case .done(let object): return .written(object.version)
        case .absent: return .conflict
        case .conflict(let wasRepeated):
            // Our copy is behind: what is there now is looked at in any case.
            let found = try await look(at: write.resource, write.name, by: deadline)
            guard wasRepeated, let found, found.holds(write.annotations) else { return .conflict }
            return .written(found.version)
        }
    }

    func writeFailover(
        _ request: FailoverRequest?, ifVersion version: KeyVersion?, by deadline: Moment
    ) async -> WriteOutcome {
        await write(
            names.failover, KubernetesWriting.failover(request),
            if: version.map(WriteCondition.version) ?? .always, by: deadline)
    }

    func writeConfiguration(
        _ values: JSONObject, ifVersion version: KeyVersion?, by deadline: Moment
    ) async -> WriteOutcome {
        await write(
            names.configuration, [KubernetesAnnotation("config", values.text())],
            if: version.map(WriteCondition.version) ?? .always, by: deadline)
    }

    /// It shares its object with other annotations, so that the object may be there without it.
    func restoreConfiguration(_ values: JSONObject, by deadline: Moment) async -> WriteOutcome {
        let annotation = KubernetesAnnotation("config", values.text())
        return await adding(annotation, over: { !StoredConfiguration.isReadable($0) }, by: deadline) {
            found, mayBeOurs in
            mayBeOurs && found.holds([annotation]) ? .written(found.version) : .conflict
        }
    }

    func writeSync(_ state: SyncState, ifVersion version: KeyVersion?, by deadline: Moment) async -> WriteOutcome {
        await write(
            names.sync, KubernetesWriting.sync(state), if: version.map(WriteCondition.version) ?? .absent,
            by: deadline)
    }

    func writeHistory(_ history: TimelineHistory, by deadline: Moment) async -> WriteOutcome {
        await write(
            names.configuration, [KubernetesAnnotation("history", history.json.text())], if: .always, by: deadline)
    }

    // MARK: the initialize key

    func writeInitialize(_ identifier: SystemIdentifier, by deadline: Moment) async -> WriteOutcome {
        await write(
            names.configuration, [KubernetesAnnotation("initialize", identifier.text)], if: .always, by: deadline)
    }

    func cancelInitialize(by deadline: Moment) async -> WriteOutcome {
        let write = KubernetesWrite(
            resource: names.resource, name: names.configuration,
            annotations: [KubernetesAnnotation("initialize", nil)])
        do throws(KubernetesProblem) {
            switch try await patch(write, version: nil, by: deadline) {
            case .done(let object): return .written(object.version)
            case .absent: return .written(nil)
            case .conflict: return .conflict
            }
        } catch {
            return .unknown(error.failure)
        }
    }

    /// Claims look alike, whoever makes them. The server's books tell whose it is when an answer was lost.
    func claimInitialize(by deadline: Moment) async -> WriteOutcome {
        await adding(KubernetesAnnotation("initialize", ""), as: claimant, by: deadline, judgeClaim)
    }

    /// Writes an annotation of the configuration's object where there is none of its name, or one that `isNothing`. `judge`
    /// says what another means that is there; an answer of ours may have been lost.
    private func adding(
        _ annotation: KubernetesAnnotation, over isNothing: (String) -> Bool = { _ in false },
        as manager: String? = nil, by deadline: Moment,
        _ judge: (_ found: KubernetesObject, _ mayBeOurs: Bool) -> WriteOutcome
    ) async -> WriteOutcome {
        let write = KubernetesWrite(
            resource: names.resource, name: names.configuration, annotations: [annotation], manager: manager)
        await makeConfigurationService(by: deadline)
        do throws(KubernetesProblem) {
            var known = cached(write.resource, write.name)
            var mayBeOurs = false
            func isTaken(_ object: KubernetesObject?) -> Bool {
                object?.annotations[annotation.name].map { !isNothing($0) } ?? false
            }
            for _ in 0..<4 {
                if isTaken(known) {
                    known = try await look(at: write.resource, write.name, by: deadline)
                    if let known, isTaken(known) { return judge(known, mayBeOurs) }
                }
                let sent =
                    if let known { try await patch(write, version: known.version, by: deadline) } else {
                        try await create(write, by: deadline)
                    }
                if case .done(let object) = sent { return .written(object.version) }
                if case .conflict(let wasRepeated) = sent, wasRepeated { mayBeOurs = true }
                known = try await look(at: write.resource, write.name, by: deadline)
            }
            return .unknown(StoreFailure(.unavailable, "kubernetes: \(write.name) changes too fast"))
        } catch {
            return .unknown(error.failure)
        }
    }

    /// Whose the claim is that stands there; unknown where an answer was lost and the server keeps no books.
    private func judgeClaim(_ found: KubernetesObject, _ mayBeOurs: Bool) -> WriteOutcome {
        if found.writers[claimant]?.contains("initialize") == true { return .written(found.version) }
        if mayBeOurs, found.writers.isEmpty {
            return .unknown(StoreFailure(.unavailable, "kubernetes: nobody can say who claimed the bootstrap"))
        }
        return .conflict
    }

    // MARK: what belongs to no key

    /// Endpoints without a Service are cleared away by Kubernetes (DCS-167).
    func makeConfigurationService(by deadline: Moment) async {
        guard names.resource == .endpoints, !hasConfigurationService, !isControl else { return }
        var call = KubernetesCall(method: .post, path: KubernetesResource.services.path(namespace))
        let metadata = KubernetesMetadata(
            namespace: namespace, name: names.configuration, labels: names.labelsJSON)
        call.body = ["metadata": metadata.json, "spec": ["clusterIP": "None"]]
        do throws(KubernetesProblem) {
            _ = try await gateway.call(call, by: deadline)
            hasConfigurationService = true
        } catch {
            if case .refused(let refusal, _) = error, refusal.isConflict || refusal.isForbidden {
                hasConfigurationService = true
            } else {
                logger.warning("the service \(names.configuration) could not be made: \(error.failure)")
            }
        }
    }

    /// Pods stay, with what they last said (DCS-176).
    func deleteCluster(by deadline: Moment) async -> WriteOutcome {
        do throws(KubernetesProblem) {
            for resource in Set(watched.filter { $0 != .pods }) {
                let call = KubernetesCall(
                    method: .delete, path: resource.path(namespace),
                    query: KubernetesQuery(("labelSelector", names.selector)))
                _ = try await gateway.call(call, by: deadline)
                for name in caches[resource]?.objects.keys.map({ $0 }) ?? [] { caches[resource]?.forget(name) }
            }
            noteChanges()
            return .written(nil)
        } catch {
            return .unknown(error.failure)
        }
    }
}

extension KubernetesObject {
    /// Do all of them stand here?
    func holds(_ written: [KubernetesAnnotation]) -> Bool {
        written.allSatisfy { annotations[$0.name] == $0.value }
    }
}
