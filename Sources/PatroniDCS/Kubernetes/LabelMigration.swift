// Changing the values of the role label without a gap: which Services to turn, and when it is safe. Pure.

import PatroniConfiguration
import PatroniCore

/// A Service with what it selects by.
public struct SelectingService: Sendable, Hashable {
    public var name: String
    public var selector: [String: String]

    public init(name: String, selector: [String: String]) {
        self.name = name
        self.selector = selector
    }
}

/// The change of labels in the two steps that need a hand. While a Service selects by the temporary label, whose values
/// never change, the members can be restarted with new values for the first one, one after the other.
public struct LabelMigration: Sendable {
    public enum Step: String, Sendable, CaseIterable {
        /// Services select by the temporary label from now on.
        case toTemporary = "to-temporary"
        /// Services select by the role label again, with its new values.
        case toRole = "to-role"
    }

    /// A Service's selector, as it is to become.
    public struct Turn: Sendable, Hashable {
        public var service: String
        public var removed: String
        public var name: String
        public var value: String
    }

    let roleLabel: String
    let temporaryLabel: String
    /// What the role label says by this configuration; everything else is an older value.
    let leaderValue: String
    let followerValue: String

    init(_ settings: KubernetesSettings, temporaryLabel: String) {
        roleLabel = settings.roleLabel
        self.temporaryLabel = temporaryLabel
        leaderValue = settings.leaderLabelValue
        followerValue = settings.followerLabelValue
    }

    /// The role a value stands for, in any of the vocabularies there were.
    private func role(of value: String) -> String? {
        if [leaderValue, "primary", "master"].contains(value) { return "primary" }
        if [followerValue, "replica"].contains(value) { return "replica" }
        return nil
    }

    /// What to do with these Services.
    public func turns(_ step: Step, _ services: [SelectingService]) -> [Turn] {
        services.sorted { $0.name < $1.name }.compactMap { service in
            switch step {
            case .toTemporary:
                guard let value = service.selector[roleLabel], let role = role(of: value) else { return nil }
                return Turn(service: service.name, removed: roleLabel, name: temporaryLabel, value: role)
            case .toRole:
                guard let value = service.selector[temporaryLabel], let role = role(of: value) else { return nil }
                return Turn(
                    service: service.name, removed: temporaryLabel, name: roleLabel,
                    value: role == "primary" ? leaderValue : followerValue)
            }
        }
    }

    /// Why the step would leave a gap now, one line for each pod; empty when it is safe.
    public func obstacles(_ step: Step, pods: [(name: String, labels: [String: String])]) -> [String] {
        var lines: [String] = []
        let ordered = pods.sorted { $0.name < $1.name }
        for pod in ordered {
            let (role, temporary) = (pod.labels[roleLabel], pod.labels[temporaryLabel])
            switch step {
            case .toTemporary:
                if let role, temporary == nil {
                    lines.append(
                        "\(pod.name) has \(roleLabel)=\(role) and no label \(temporaryLabel): restart it with"
                            + " kubernetes.tmp_role_label: \(temporaryLabel)")
                }
            case .toRole:
                let wanted = temporary == "primary" ? leaderValue : followerValue
                if let temporary, ["primary", "replica"].contains(temporary), role != wanted {
                    lines.append(
                        "\(pod.name) has \(roleLabel)=\(role ?? "nothing"), not \(wanted): restart it with the new values"
                    )
                }
            }
        }
        let label = step == .toTemporary ? temporaryLabel : roleLabel
        if !ordered.contains(where: { $0.labels[label].flatMap(role) == "primary" }) {
            lines.append("no pod is labelled as the leader: a Service would lead nowhere")
        }
        return lines
    }
}
