// `failover` and `switchover`: another member shall lead (CTL-046 to CTL-061).

import ArgumentParser
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPorts

struct FailoverCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "failover", abstract: "Failover to a replica")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption
    @Option(help: "The name of the candidate")
    var candidate: String?
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let scope = try session.scope(clusterName)
        try await LeaderChange(
            kind: .failover, scope: scope, leader: nil, candidate: candidate, scheduled: nil, isForced: force.isForced
        ).carryOut(session)
    }
}

struct SwitchoverCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "switchover", abstract: "Switchover to a replica")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption
    @Option(name: [.customLong("leader"), .customLong("primary")], help: "The name of the current leader")
    var leader: String?
    @Option(help: "The name of the candidate")
    var candidate: String?
    @Option(help: "Timestamp of a scheduled switchover in unambiguous format (e.g. ISO 8601)")
    var scheduled: String?
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let scope = try session.scope(clusterName)
        try await LeaderChange(
            kind: .switchover, scope: scope, leader: leader, candidate: candidate, scheduled: scheduled,
            isForced: force.isForced
        ).carryOut(session)
    }
}

/// What both commands do; what the operator didn't say is asked for.
private struct LeaderChange {
    enum Kind: String { case failover, switchover }

    let kind: Kind
    let scope: String
    var leader: String?
    var candidate: String?
    let scheduled: String?
    let isForced: Bool

    func carryOut(_ session: ControlSession) async throws(ControlError) {
        var change = self
        let view = try await session.cluster(scope)
        session.terminal.echo("Current cluster topology")
        session.showMembers(view)
        if kind == .switchover { change.leader = try await leader(view, session) }
        change.candidate = try await candidate(view, session)
        try await confirmAsynchronous(change.candidate, view, session)
        let schedule = try await schedule(view, session)
        try await confirm(schedule, view, session)
        try await change.order(schedule, view, session)
    }

    private func leader(_ view: ClusterView, _ session: ControlSession) async throws(ControlError) -> String {
        guard let current = view.leaderName?.text else { throw .failed("This cluster has no leader") }
        var named = leader ?? current
        if leader == nil, !isForced {
            named = try await session.terminal.prompt(
                view.settings.isStandbyCluster ? "Standby Leader" : "Primary", default: current)
        }
        if named != current { throw .failed("Member \(named) is not the leader of cluster \(scope)") }
        return named
    }

    private func candidate(_ view: ClusterView, _ session: ControlSession) async throws(ControlError) -> String? {
        let names = view.cluster.members.filter { $0.name != view.leaderName && $0.mayLead }.map(\.name.text).sorted()
        if names.isEmpty { throw .failed("No candidates found to \(kind.rawValue) to") }
        var named = candidate
        if named == nil, !isForced {
            let list = JSON.array(names.map(JSON.string)).pythonText
            named = try await session.terminal.prompt("Candidate \(list)", default: "")
        }
        guard let named, !named.isEmpty else {
            if kind == .failover { throw .failed("Failover could be performed only to a specific candidate") }
            return named
        }
        if names.contains(named) { return named }
        if named == view.leaderName?.text {
            throw .failed("Member \(named) is already the leader of cluster \(scope)")
        }
        throw .failed("Member \(named) does not exist in cluster \(scope) or is tagged as nofailover")
    }

    private func confirmAsynchronous(
        _ candidate: String?, _ view: ClusterView, _ session: ControlSession
    ) async throws(ControlError) {
        guard !isForced, kind == .failover, view.settings.isSynchronous, !view.cluster.sync.isEmpty, let candidate,
            !view.cluster.sync.contains(MemberName(candidate))
        else { return }
        let question = "Are you sure you want to failover to the asynchronous node \(candidate)?"
        if try await !session.terminal.confirm(question) { throw .failed("Aborting failover") }
    }

    private func schedule(_ view: ClusterView, _ session: ControlSession) async throws(ControlError) -> Schedule? {
        guard kind == .switchover else { return nil }
        var answer = scheduled
        if answer == nil, !isForced {
            let example = LocalTime.example(after: session.now)
            answer = try await session.terminal.prompt(
                "When should the switchover take place (e.g. \(example) ) ", default: "now")
        }
        guard let schedule = try LocalTime.schedule(answer, now: session.now) else { return nil }
        if view.settings.isPaused { throw .failed("Can't schedule switchover in the paused state") }
        return schedule
    }

    private func confirm(
        _ schedule: Schedule?, _ view: ClusterView, _ session: ControlSession
    ) async throws(ControlError) {
        if isForced { return }
        let demotion = view.leaderName.map { ", demoting current leader \($0)" } ?? ""
        let question =
            schedule.map { "schedule switchover of cluster \(scope) at \($0.iso)" }
            ?? "\(kind.rawValue) cluster \(scope)"
        if try await session.terminal.confirm("Are you sure you want to \(question)\(demotion)?") { return }
        throw .failed(schedule == nil ? "Aborting \(kind.rawValue)" : "Aborting scheduled \(kind.rawValue)")
    }

    /// Asks the leader's REST API, or the candidate's when nobody leads; falls back to the store.
    private func order(_ schedule: Schedule?, _ view: ClusterView, _ session: ControlSession) async throws(ControlError)
    {
        var body: JSONObject = ["candidate": JSON(candidate)]
        body["leader"] = leader.map(JSON.string)
        body["scheduled_at"] = schedule.map { .string($0.iso) }
        let target =
            view.leaderName == nil ? view.cluster.member(candidate.map { MemberName($0) }) : view.cluster.leaderMember
        if let target, let answer = await ask(target, body, session) {
            guard answer.status == 200 || answer.status == 202 else {
                let word = kind == .failover ? "Failover" : "Switchover"
                session.terminal.echo("\(word) failed, details: \(answer.status), \(answer.text)")
                return
            }
            let after = try await session.cluster(scope)
            session.terminal.echo("\(stamp(session)) \(answer.text)")
            session.showMembers(after)
            return
        }
        session.logger.warning("Failing over to DCS")
        session.terminal.echo("\(stamp(session)) Could not \(kind.rawValue) using Patroni api, falling back to DCS")
        let request = FailoverRequest(
            leader: leader.map { MemberName($0) },
            candidate: candidate.flatMap { $0.isEmpty ? nil : MemberName($0) }, scheduledAt: schedule?.time)
        let outcome = await (try session.store(scope)).writeFailover(request, ifVersion: nil, by: session.deadline())
        try session.check(outcome)
        session.showMembers(view)
    }

    private func ask(_ member: Member, _ body: JSONObject, _ session: ControlSession) async -> HTTPAnswer? {
        do throws(HTTPFailure) {
            let answer = try await session.send(.post, kind.rawValue, to: member, body: body, within: .seconds(600))
            if answer.status == 501, kind == .switchover, answer.text.contains("Server does not support this operation")
            {
                return try await session.send(.post, "failover", to: member, body: body, within: .seconds(600))
            }
            return answer
        } catch {
            session.logger.error("\(error)")
            return nil
        }
    }

    private func stamp(_ session: ControlSession) -> String { LocalTime.stamp(session.now, digits: 5) }
}

extension ControlSession {
    /// A write that did not certainly arrive ends the command.
    func check(_ outcome: WriteOutcome) throws(ControlError) {
        switch outcome {
        case .written: return
        case .conflict: throw .failed("Somebody else changed the same key at the same time: nothing was written")
        case .unknown(let failure): throw .failed(failure.explanation)
        }
    }
}
