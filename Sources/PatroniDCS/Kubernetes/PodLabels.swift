// Which labels a member's pod is to have (DCS-154 to DCS-156). Pure.

import PatroniConfiguration
import PatroniCore

/// The rule by which pods are labelled.
struct PodLabels: Sendable {
    let settings: KubernetesSettings

    /// A label to be written; nil removes it.
    struct Wish: Sendable, Hashable {
        var name: String
        var value: String?

        init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// For the member that says `member` of itself; whoever holds the lock is the leader, whatever its server does.
    func wanted(for member: JSONObject, isLeader: Bool) -> [Wish] {
        let state = member["state"]?.string
        let role = member["role"]?.string
        var label: String?
        var temporary: String?
        if isLeader {
            label =
                role == MemberRole.standbyLeader.rawValue
                ? settings.standbyLeaderLabelValue : settings.leaderLabelValue
            temporary = MemberRole.primary.rawValue
        } else if state == MemberState.running.rawValue, let role, role != MemberRole.primary.rawValue {
            label = role == MemberRole.replica.rawValue ? settings.followerLabelValue : role
            temporary = role
        }
        var wishes = [Wish(settings.roleLabel, label)]
        if let name = settings.temporaryRoleLabel { wishes.append(Wish(name, temporary)) }
        let isBeingMade = state.map { Self.bootstrapStates.contains($0) } ?? false
        for bootstrap in settings.bootstrapLabels {
            wishes.append(Wish(bootstrap.name, isBeingMade ? bootstrap.value : nil))
        }
        return wishes
    }

    private static let bootstrapStates: Set<String> = Set(
        [
            MemberState.initializing, .runningCustomBootstrap, .startingAfterCustomBootstrap, .creatingReplica,
        ].map(\.rawValue))

    static func holds(_ wishes: [Wish], in labels: [String: String]) -> Bool {
        wishes.allSatisfy { labels[$0.name] == $0.value }
    }

    /// What is to be taken off another's pod that still bears the leader's label though it does not lead: its own agent
    /// may be dead. Empty when nothing is.
    func stale(in labels: [String: String]) -> [Wish] {
        var wishes: [Wish] = []
        let leaders = [settings.leaderLabelValue, settings.standbyLeaderLabelValue]
        if let value = labels[settings.roleLabel], leaders.contains(value), value != settings.followerLabelValue {
            wishes.append(Wish(settings.roleLabel, nil))
        }
        if let name = settings.temporaryRoleLabel, labels[name] == MemberRole.primary.rawValue {
            wishes.append(Wish(name, nil))
        }
        return wishes
    }

    static func json(_ wishes: [Wish]) -> JSON {
        .object(JSONObject(wishes.map { ($0.name, JSON($0.value)) }))
    }
}
