// Commands that only look: `history`, `dsn`, `show-config`, `version`.

import ArgumentParser
import PatroniConfiguration
import PatroniCore
import PatroniHTTP

struct HistoryCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show the history of failovers/switchovers")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption
    @Option(name: .shortAndLong, help: "Output format")
    var format = OutputFormat.pretty

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(try session.scope(clusterName))
        let table = OutputTable(
            columns: ["TL", "LSN", "Reason", "Timestamp", "New Leader"],
            rows: (view.cluster.history?.rows ?? []).map { row in
                [
                    .int(Int64(row.timeline.rawValue)), .int(row.switchpoint.number), .string(row.reason),
                    .string(row.time ?? ""), .string(row.newLeader?.text ?? ""),
                ]
            })
        session.terminal.write(
            format == .pretty
                ? table.prettyText(right: ["TL", "LSN"]) : table.machineText(format, leavesOutEmpty: false))
    }
}

struct DSNCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "dsn", abstract: "Generate a dsn for the provided member, defaults to a dsn of the leader")

    @ParentCommand var patronictl: Patronictl
    @Option(name: .shortAndLong, help: "Give a dsn of any member with this role")
    var role: RoleChoice?
    @Option(name: .shortAndLong, help: "Generate a dsn for this member")
    var member: String?
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        if role != nil, member != nil { throw .failed("--role and --member are mutually exclusive options") }
        let view = try await session.cluster(try session.scope(clusterName))
        let candidates = view.members(member == nil ? role ?? .leader : .any)
        guard let found = candidates.first(where: { member == nil || $0.name.text == member }) else {
            throw .failed("Can not find a suitable member")
        }
        guard let endpoint = found.endpoint else {
            throw .failed("Member \(found.name) has published no address of its PostgreSQL")
        }
        session.terminal.echo("host=\(endpoint.host) port=\(endpoint.port)")
    }
}

struct ShowConfigCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "show-config", abstract: "Show cluster configuration")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(try session.scope(clusterName))
        guard let stored = view.cluster.configuration else { return }
        session.terminal.echo(YAML.text(.object(stored.values)))
    }
}

struct VersionCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Output version of patronictl command or a running Patroni instance")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @Argument var memberNames: [String] = []
    @OptionGroup var group: GroupOption

    /// Ours is Patroni's that we stand in for.
    static let version = "4.1.5"

    func execute(_ session: ControlSession) async throws(ControlError) {
        session.terminal.echo("patronictl version \(Self.version)")
        guard let clusterName else { return }
        session.terminal.echo("")
        for member in try await session.cluster(clusterName).cluster.members
        where member.apiURL != nil && (memberNames.isEmpty || memberNames.contains(member.name.text)) {
            session.terminal.echo("\(member.name): \(await describe(member, session))")
        }
    }

    private func describe(_ member: Member, _ session: ControlSession) async -> String {
        do throws(HTTPFailure) {
            let answer = try await session.send(.get, "patroni", to: member, within: .seconds(10))
            guard let page = try? JSON.parse(answer.body), page.object != nil else {
                return "failed to get version: the answer (status \(answer.status)) is no JSON object"
            }
            let server = page["server_version"]?.int.map { " PostgreSQL \(Self.postgres($0))" } ?? ""
            return "Patroni \(page["patroni"]?["version"]?.pythonText ?? "None")\(server)"
        } catch {
            return "failed to get version: \(error)"
        }
    }

    /// `150018` as `15.18`, `90624` as `9.6.24`.
    static func postgres(_ number: Int64) -> String {
        number < 100_000
            ? "\(number / 10000).\(number / 100 % 100).\(number % 100)" : "\(number / 10000).\(number % 100)"
    }
}
