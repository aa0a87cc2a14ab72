// Members are pods: what a member says of itself, and the labels that Services select by (DCS-153 to DCS-157).

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

extension KubernetesStore {
    /// Written only when something changed (DCS-157).
    func publishMember(_ value: JSONObject, by deadline: Moment) async -> WriteOutcome {
        await makeConfigurationService(by: deadline)
        let isLeader = holder == member.text
        let labels = podLabels.wanted(for: value, isLeader: isLeader)
        if isLeader {
            stripStaleLabels()
            routeIfNeeded()
        }
        if let pod = cached(.pods, member.text), PodLabels.holds(labels, in: pod.labels),
            let text = pod.annotations["status"], (try? JSON.parse(text)) == .object(value)
        {
            return .written(pod.version)
        }
        return await patchPod(
            member.text, labels: labels, annotations: [KubernetesAnnotation("status", value.text())], by: deadline)
    }

    /// The pod stays; it is no member any more, and no Service's.
    func removeMember(by deadline: Moment) async -> WriteOutcome {
        var labels = [PodLabels.Wish(settings.roleLabel, nil)]
        if let name = settings.temporaryRoleLabel { labels.append(PodLabels.Wish(name, nil)) }
        if let pod = cached(.pods, member.text), pod.annotations["status"] == nil,
            PodLabels.holds(labels, in: pod.labels)
        {
            return .written(pod.version)
        }
        return await patchPod(
            member.text, labels: labels, annotations: [KubernetesAnnotation("status", nil)], by: deadline)
    }

    private func patchPod(
        _ name: String, labels: [PodLabels.Wish], annotations: [KubernetesAnnotation], version: KeyVersion? = nil,
        by deadline: Moment
    ) async -> WriteOutcome {
        let metadata = KubernetesMetadata(
            namespace: namespace, name: name, labels: PodLabels.json(labels), annotations: annotations,
            version: version)
        var call = KubernetesCall(method: .patch, path: KubernetesResource.pods.path(namespace, name))
        call.body = ["metadata": metadata.json]
        do throws(KubernetesProblem) {
            let answer = try await gateway.call(call, by: deadline)
            guard let pod = KubernetesObject(answer.json) else {
                return .unknown(StoreFailure(.protocolViolation, "kubernetes: the answer is no pod"))
            }
            warnOfUnselected(pod)
            take(pod, as: .pods)
            return .written(pod.version)
        } catch {
            if case .refused(let refusal, _) = error {
                if refusal.isConflict { return .conflict }
                if refusal.isAbsent {
                    return .unknown(
                        StoreFailure(
                            .protocolViolation,
                            "kubernetes: there is no pod \(name) in the namespace \(namespace): a member's name must be"
                                + " its pod's, and kubernetes.namespace the pod's namespace"))
                }
            }
            return .unknown(error.failure)
        }
    }

    /// A pod that the others' selector doesn't find is a member that nobody sees.
    private func warnOfUnselected(_ pod: KubernetesObject) {
        guard !hasWarnedOfPod, pod.name == member.text,
            let missing = names.labels.first(where: { pod.labels[$0.name] != $0.value })
        else { return }
        hasWarnedOfPod = true
        logger.warning(
            "the pod \(pod.name) has no label \(missing.name)=\(missing.value): other members can't see it")
    }

    /// A dead member can't take the leader's label off its own pod; its Service would go on sending clients there. We
    /// do it, unless the pod changed since we looked: then somebody is alive there.
    private func stripStaleLabels() {
        let stale = caches[.pods]?.objects.values.filter {
            $0.name != member.text && names.isOurs($0) && !podLabels.stale(in: $0.labels).isEmpty
        }
        guard let stale, !stale.isEmpty, !isStripping else { return }
        isStripping = true
        let deadline = time.now + .seconds(3)
        Task {
            defer { isStripping = false }
            for pod in stale.sorted(by: { $0.name < $1.name }) where holder == member.text {
                logger.info("taking the leader's label off the pod \(pod.name), which does not lead any more")
                let outcome = await patchPod(
                    pod.name, labels: podLabels.stale(in: pod.labels), annotations: [], version: pod.version,
                    by: deadline)
                if case .unknown(let failure) = outcome {
                    logger.warning("the pod \(pod.name) keeps the leader's label: \(failure)")
                }
            }
        }
    }
}
