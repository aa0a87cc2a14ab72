// Commands to single members: `reload`, `reinit`, `flush`.

import ArgumentParser
import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

extension ControlSession {
    /// One line about an answer; returns whether it was good.
    func report(
        _ answer: HTTPAnswer, _ action: String, _ member: Member, isSilentOnSuccess: Bool = false
    ) -> Bool {
        if answer.status >= 400 {
            terminal.echo("Failed: \(action) for member \(member.name), status code=\(answer.status), (\(answer.text))")
            return false
        }
        if !isSilentOnSuccess { terminal.echo("Success: \(action) for member \(member.name)") }
        return true
    }
}

struct ReloadCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Reload cluster member configuration")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String
    @Argument var memberNames: [String] = []
    @OptionGroup var group: GroupOption
    @Option(name: .shortAndLong, help: "Reload only members with this role")
    var role = RoleChoice.any
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(clusterName)
        let selection = MemberSelection("reload", role: role, isForced: force.isForced)
        let members = try await selection.pick(memberNames, from: view, session)
        try await selection.confirm(members, session)
        for member in members {
            let answer = try await session.demand(.post, "reload", to: member)
            switch answer.status {
            case 200: session.terminal.echo("No changes to apply on member \(member.name)")
            case 202:
                let seconds = view.settings.loopWait.wholeSeconds
                session.terminal.echo(
                    "Reload request received for member \(member.name) and will be processed within \(seconds) seconds")
            default:
                session.terminal.echo(
                    "Failed: reload for member \(member.name), status code=\(answer.status), (\(answer.text))")
            }
        }
    }
}

struct ReinitCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "reinit", abstract: "Reinitialize cluster member")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String
    @OptionGroup var group: GroupOption
    @Argument var memberNames: [String] = []
    @OptionGroup var force: ForceOption
    @Flag(name: .customLong("from-leader"), help: "Get basebackup from leader")
    var fromLeader = false
    @Flag(help: "Wait until reinitialization completes")
    var wait = false

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(clusterName)
        var selection = MemberSelection("reinitialize", role: .replica, isForced: force.isForced)
        selection.roleText = "replica"
        let members = try await selection.pick(memberNames, from: view, session)
        try await selection.confirm(members, session)
        var waiting: [Member] = []
        for member in members where try await start(member, session) && wait { waiting.append(member) }
        try await waitUntilDone(waiting, session)
    }

    private func start(_ member: Member, _ session: ControlSession) async throws(ControlError) -> Bool {
        var body: JSONObject = ["force": .bool(force.isForced), "from_leader": .bool(fromLeader)]
        while true {
            let answer = try await session.demand(
                .post, "reinitialize", to: member, body: body, within: .seconds(3600))
            if session.report(answer, "reinitialize", member) { return true }
            guard answer.text.hasSuffix(" already in progress"), !force.isForced,
                try await session.terminal.confirm("Do you want to cancel it and reinitialize anyway?")
            else { return false }
            body["force"] = true
        }
    }

    private func waitUntilDone(_ members: [Member], _ session: ControlSession) async throws(ControlError) {
        var waiting = members
        var shown: [Member] = []
        while !waiting.isEmpty {
            if waiting != shown {
                let names = waiting.map(\.name.text).joined(separator: ", ")
                session.terminal.echo("Waiting for reinitialize to complete on: \(names)")
                shown = waiting
            }
            await session.time.sleep(until: session.deadline(.seconds(2)))
            for member in waiting {
                let answer = try await session.demand(.get, "patroni", to: member)
                let state = (try? JSON.parse(answer.body))?["state"]?.string
                if state != MemberState.creatingReplica.rawValue {
                    session.terminal.echo("Reinitialize is completed on: \(member.name)")
                    waiting.removeAll { $0.name == member.name }
                }
            }
        }
    }
}

struct FlushCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "flush", abstract: "Discard scheduled events")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String
    @OptionGroup var group: GroupOption
    @Argument(help: "Members, and at the end what to flush: restart or switchover")
    var words: [String]
    @Option(name: .shortAndLong, help: "Flush only members with this role")
    var role = RoleChoice.any
    @OptionGroup var force: ForceOption

    mutating func validate() throws {
        guard words.last == "restart" || words.last == "switchover" else {
            throw ValidationError(
                "Invalid value for '{restart|switchover}': '\(words.last ?? "")' is not one of 'restart', 'switchover'."
            )
        }
    }

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(clusterName)
        if words.last == "restart" {
            try await flushRestarts(view, session)
        } else {
            try await flushSwitchover(view, session)
        }
    }

    private func flushRestarts(_ view: ClusterView, _ session: ControlSession) async throws(ControlError) {
        let selection = MemberSelection("flush", role: role, isForced: force.isForced)
        let members = try await selection.pick(Array(words.dropLast()), from: view, session)
        try await selection.confirm(members, session)
        for member in members {
            if member.scheduledRestart != nil {
                let answer = try await session.demand(.delete, "restart", to: member)
                _ = session.report(answer, "flush scheduled restart", member)
            } else {
                session.terminal.echo("No scheduled restart for member \(member.name)")
            }
        }
    }

    private func flushSwitchover(_ view: ClusterView, _ session: ControlSession) async throws(ControlError) {
        guard let request = view.cluster.failover, request.scheduledAt != nil else {
            session.terminal.echo("No pending scheduled switchover")
            return
        }
        for member in view.reachableLeaderFirst {
            do throws(HTTPFailure) {
                let answer = try await session.send(.delete, "switchover", to: member)
                if answer.status == 200 || answer.status == 404 {
                    session.terminal.echo("\(answer.status == 200 ? "Success" : "Failed"): \(answer.text)")
                    return
                }
                session.terminal.echo(
                    "Failed: member=\(member.name), status_code=\(answer.status), (\(answer.text))")
            } catch {
                session.logger.warning("\(error)")
                session.logger.warning("Member \(member.name) is not accessible")
            }
        }
        session.logger.warning("Failing over to DCS")
        session.terminal.echo(
            "\(LocalTime.stamp(session.now, digits: 5)) Could not find any accessible member of cluster \(view.scope)")
        let outcome = await (try session.store(view.scope)).writeFailover(
            nil, ifVersion: request.version, by: session.deadline())
        try session.check(outcome)
    }
}
