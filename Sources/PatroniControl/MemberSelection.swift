// Which members a command acts on, and whether the operator means it (CTL-098 to CTL-104).

import PatroniCore

extension ClusterView {
    /// Members by their place in the cluster, in the store's order.
    func members(_ role: RoleChoice) -> [Member] {
        let leader = cluster.leaderMember
        switch role {
        case .any: return cluster.members
        case .replica, .standby: return cluster.members.filter { $0.name != leaderName }
        case .leader: return leader.map { [$0] } ?? []
        case .primary: return leader.flatMap { $0.role == .standbyLeader ? nil : [$0] } ?? []
        case .standbyLeader: return leader.flatMap { $0.role == .primary ? nil : [$0] } ?? []
        }
    }
}

/// What a command asks of the selection.
struct MemberSelection {
    let action: String
    var role = RoleChoice.any
    /// As the role stands in messages: Patroni quotes it when it came from the command line (CTL-122).
    var roleText: String
    var isForced: Bool

    init(_ action: String, role: RoleChoice, isForced: Bool) {
        self.action = action
        self.role = role
        self.isForced = isForced
        roleText = "'\(role.rawValue)'"
    }

    /// Shows the members, then picks: those named, or all of the role; `reinitialize` asks instead.
    func pick(
        _ names: [String], from view: ClusterView, _ session: ControlSession
    ) async throws(ControlError) -> [Member] {
        let members = view.members(role)
        if names.isEmpty, members.isEmpty { throw .failed("\(view.scope) cluster doesn't have any members") }
        session.showMembers(view)
        var wanted = names
        if !names.isEmpty {
            wanted = names.filter { name in members.contains { $0.name.text == name } }
            if wanted.isEmpty { throw .failed("No \(roleText) among provided members") }
        } else if action != "reinitialize" {
            return members
        } else if !isForced {
            let all = members.map(\.name.text).joined(separator: ", ")
            wanted = [
                try await session.terminal.prompt("Which member do you want to \(action) [\(all)]?", default: "")
            ]
        }
        for name in wanted where !members.contains(where: { $0.name.text == name }) {
            throw .failed("\(name) is not a member of cluster")
        }
        return members.filter { wanted.contains($0.name.text) }
    }

    /// The last question.
    func confirm(
        _ members: [Member], at schedule: Schedule? = nil, whatIsPending: Bool = false, _ session: ControlSession
    ) async throws(ControlError) {
        if isForced { return }
        let names = members.map(\.name.text).joined(separator: ", ")
        guard let schedule else {
            if try await session.terminal.confirm("Are you sure you want to \(action) members \(names)?") { return }
            throw .failed("Aborted \(action)")
        }
        let question =
            whatIsPending
            ? "The nodes needing a restart will be identified at the scheduled time, and might be different from the"
                + " ones showing pending restart right now. Is this fine?"
            : "Are you sure you want to schedule \(action) of members \(names) at \(schedule.shown)?"
        if try await session.terminal.confirm(question) { return }
        throw .failed("Aborted scheduled \(action)")
    }
}
