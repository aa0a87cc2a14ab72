// `restart`: PostgreSQL on some members, now or later (CTL-035 to CTL-041).

import ArgumentParser
import PatroniCore
import PatroniHTTP
import PatroniPlatform

struct RestartCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "restart", abstract: "Restart cluster member")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String
    @Argument var memberNames: [String] = []
    @OptionGroup var group: GroupOption
    @Option(name: .shortAndLong, help: "Restart only members with this role")
    var role = RoleChoice.any
    @Flag(name: .customLong("any"), help: "Restart a single member only")
    var onlyOne = false
    @Option(help: "Timestamp of a scheduled restart in unambiguous format (e.g. ISO 8601)")
    var scheduled: String?
    @Option(
        name: .customLong("pg-version"), help: "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)")
    var version: String?
    @Flag(help: "Restart if pending")
    var pending = false
    @Option(help: "Return error and fail over if necessary when restarting takes longer than this.")
    var timeout: String?
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(clusterName)
        let selection = MemberSelection("restart", role: role, isForced: force.isForced)
        var members = try await selection.pick(memberNames, from: view, session)
        var answer = scheduled
        if answer == nil, !force.isForced {
            answer = try await session.terminal.prompt(
                "When should the restart take place (e.g. \(LocalTime.example(after: session.now))) ", default: "now")
        }
        let schedule = try LocalTime.schedule(answer, now: session.now)
        if pending, schedule == nil { members = members.filter(\.pendingRestart) }
        // Which one doesn't matter, as long as it isn't always the same: the clock's last digits decide.
        if onlyOne, !members.isEmpty {
            members = [members[Int(session.time.now.nanoseconds.magnitude / 1000 % UInt64(members.count))]]
        }
        try await selection.confirm(members, at: schedule, whatIsPending: pending, session)
        let body = try await body(schedule, view, session)
        for member in members { try await restart(member, body, session) }
    }

    private func body(
        _ schedule: Schedule?, _ view: ClusterView, _ session: ControlSession
    ) async throws(ControlError) -> JSONObject {
        var limit = version
        if limit == nil, !force.isForced {
            limit = try await session.terminal.prompt(
                "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", default: "")
        }
        var body = JSONObject()
        if pending { body["restart_pending"] = true }
        if let limit, !limit.isEmpty {
            if let problem = Self.complaint(aboutVersion: limit) { throw .failed(problem) }
            body["postgres_version"] = .string(limit)
        }
        if let schedule {
            if view.settings.isPaused { throw .failed("Can't schedule restart in the paused state") }
            body["schedule"] = .string(schedule.iso)
        }
        body["timeout"] = timeout.map(JSON.string)
        return body
    }

    /// `9.5.2` before PostgreSQL 10, `10.1` from then on.
    static func complaint(aboutVersion text: String) -> String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.allSatisfy({ $0 != nil }), let major = parts.first ?? nil else {
            return "Invalid PostgreSQL version: \(text)"
        }
        if parts.count == 3 || parts.count == 2 && major >= 10 { return nil }
        return "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: \(text)"
    }

    private func restart(_ member: Member, _ body: JSONObject, _ session: ControlSession) async throws(ControlError) {
        if body["schedule"] != nil, force.isForced, member.scheduledRestart != nil {
            let answer = try await session.demand(.delete, "restart", to: member)
            _ = session.report(answer, "flush scheduled restart", member, isSilentOnSuccess: true)
        }
        let answer = try await session.demand(.post, "restart", to: member, body: body, within: .seconds(3600))
        switch answer.status {
        case 200: session.terminal.echo("Success: restart on member \(member.name)")
        case 202: session.terminal.echo("Success: restart scheduled on member \(member.name)")
        case 409: session.terminal.echo("Failed: another restart is already scheduled on member \(member.name)")
        default: _ = session.report(answer, "restart", member)
        }
    }
}
