// `demote-cluster` and `promote-cluster`: a cluster becomes the standby of another one, or stands on its own again
// (CTL-072 to CTL-075).

import ArgumentParser
import PatroniCore
import PatroniHTTP
import PatroniPlatform

struct DemoteClusterCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "demote-cluster", abstract: "Demote cluster to a standby cluster")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var force: ForceOption
    @Option(help: "Address of the remote node")
    var host: String?
    @Option(help: "Port of the remote node")
    var port: Int?
    @Option(help: "Command to restore WAL records from the remote primary")
    var restoreCommand: String?
    @Option(help: "Name of the slot on the remote node to use for replication")
    var primarySlotName: String?

    func execute(_ session: ControlSession) async throws(ControlError) {
        var section = JSONObject()
        section["host"] = text(host)
        section["port"] = port.flatMap { $0 == 0 ? nil : .int(Int64($0)) }
        section["primary_slot_name"] = text(primarySlotName)
        section["restore_command"] = text(restoreCommand)
        guard RemoteSource(section) != nil else {
            throw .failed("At least --host, --port or --restore-command should be specified")
        }
        try await ClusterRoleChange(section: section, scope: try session.scope(clusterName), isForced: force.isForced)
            .carryOut(session)
    }

    private func text(_ value: String?) -> JSON? { value.flatMap { $0.isEmpty ? nil : .string($0) } }
}

struct PromoteClusterCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote-cluster", abstract: "Promote cluster, make it run standalone")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        try await ClusterRoleChange(section: nil, scope: try session.scope(clusterName), isForced: force.isForced)
            .carryOut(session)
    }
}

/// What both commands do: change the section, then watch until the leader is what it ought to be.
private struct ClusterRoleChange {
    /// `standby_cluster` from now on; nil: none.
    let section: JSONObject?
    let scope: String
    let isForced: Bool

    /// `demot` or `promot`, the stem of all words.
    private var stem: String { section == nil ? "promot" : "demot" }
    private var wanted: MemberRole { section == nil ? .primary : .standbyLeader }

    func carryOut(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(scope)
        guard let leader = view.leaderName else { throw .failed("Cluster has no leader, \(stem)ion is not possible") }
        if view.cluster.leaderMember?.role == wanted { throw .failed("Cluster is already in the required state") }
        session.terminal.echo("Current cluster topology")
        session.showMembers(view)
        if !isForced,
            try await !session.terminal.confirm("Are you sure you want to \(stem)e \(scope) cluster?")
        {
            throw .failed("Aborted cluster \(stem)ion")
        }
        try await order(view, session)
        session.showMembers(try await watch(leader, session))
    }

    private func order(_ view: ClusterView, _ session: ControlSession) async throws(ControlError) {
        let failed = "Failed to \(stem)e \(scope) cluster: "
        guard let member = view.cluster.leaderMember else {
            throw .failed(failed + "the leader has not said where its REST API is")
        }
        let answer: HTTPAnswer
        do throws(HTTPFailure) {
            answer = try await session.send(
                .patch, "config", to: member, body: ["standby_cluster": section.map(JSON.object) ?? .null])
        } catch { throw .failed(failed + "\(error)") }
        if answer.status != 200 {
            throw .failed(failed + "/config PATCH status code=\(answer.status), (\(answer.text))")
        }
    }

    /// Tells every second how things stand, until all is done.
    private func watch(_ oldLeader: MemberName, _ session: ControlSession) async throws(ControlError) -> ClusterView {
        while true {
            let view = try await session.cluster(scope)
            let leader = view.cluster.isUnlocked ? nil : view.cluster.leaderMember
            let old = view.cluster.member(oldLeader)
            if leader?.role == wanted, leader?.state == .running, section == nil || old?.state == .running {
                session.terminal.echo("\(LocalTime.stamp(session.now)) cluster is successfully \(stem)ed")
                return view
            }
            var parts = [
                "\(LocalTime.stamp(session.now)) cluster is unlocked: \(view.cluster.isUnlocked ? "True" : "False")",
                "leader role: \(leader?.role?.rawValue ?? "None")",
                "leader state: \(leader?.state?.rawValue ?? "None")",
            ]
            if section != nil, let leader, leader.name != oldLeader, let state = old?.state {
                parts.append("previous leader state: '\(state.rawValue)'")
            }
            session.terminal.echo(parts.joined(separator: ", "))
            await session.time.sleep(until: session.deadline(.seconds(1)))
        }
    }
}
