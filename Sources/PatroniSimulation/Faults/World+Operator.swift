// What operators do to a simulated cluster, and how patronictl does it.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPorts

extension World {
    func carryOut(_ command: OperatorCommand) {
        statistics.commands += 1
        trace.note(now, .operatorCommand, "command", statistics.commands)
        trace.say(now, .operatorCommand, describe(command))
        switch command {
        case .switchover(let candidate): request(from: store.cluster.leader?.name, to: candidate)
        case .failover(let candidate): request(from: nil, to: candidate)
        case .restart(let member): restart(member)
        case .reinitialize(let member, let force): reinitialize(member, force: force)
        case .pause: patchConfiguration(["pause": true])
        case .resume: patchConfiguration(["pause": nil])
        case .configure(let values): patchConfiguration(values)
        case .tag(let member, let tags): tag(member, tags)
        case .stopAgent(let member, let delay): stopAgent(member, startAfter: delay)
        }
    }

    private func describe(_ command: OperatorCommand) -> String {
        func name(_ member: Int) -> String { members[member].name.text }
        return switch command {
        case .switchover(let candidate): "switchover\(candidate.map { " to \(name($0))" } ?? "")"
        case .failover(let candidate): "failover to \(name(candidate))"
        case .restart(let member): "restart \(name(member))"
        case .reinitialize(let member, let force): "reinit \(name(member))\(force ? ", force" : "")"
        case .pause: "pause"
        case .resume: "resume"
        case .configure(let values): "configure \(values.text())"
        case .tag(let member, let tags): "tags of \(name(member)): \(tags.text())"
        case .stopAgent(let member, let delay): "\(name(member))'s agent is stopped for \(delay.inSeconds) s"
        }
    }

    /// The members' REST API lets only sensible requests through.
    private func request(from leader: MemberName?, to candidate: Int?) {
        let name = candidate.map { members[$0].name }
        guard name != nil || leader != nil, name != leader || leader == nil, !storeTrouble.isOut else { return }
        if store.cluster.configuration?.values["pause"] == true, name == nil { return }
        let request = FailoverRequest(leader: leader, candidate: name)
        _ = change { $0.write(failover: request, ifVersion: nil) }
        if leader == nil, let candidate { checks.operatorFailsOver(to: candidate) }
    }

    func patchConfiguration(_ values: JSONObject) {
        guard !storeTrouble.isOut, let stored = store.cluster.configuration else { return }
        var all = stored.values
        all.apply(patch: values)
        guard all != stored.values else { return }
        _ = change { $0.write(configuration: all, ifVersion: stored.version) }
    }

    private func restart(_ member: Int) {
        guard let life = members[member].life, !life.isFrozen, let agent = life.agent else { return }
        life.operatorJobs += 1
        Task { @Sendable [number = life.number] in
            _ = await agent.restart(RestartRequest())
            self.lives[number].operatorJobs -= 1
        }
    }

    private func reinitialize(_ member: Int, force: Bool) {
        guard let life = members[member].life, !life.isFrozen, let agent = life.agent else { return }
        life.operatorJobs += 1
        Task { @Sendable [number = life.number] in
            let refusal = await agent.reinitialize(force: force, fromLeader: false)
            // It goes on beside the request; whatever the agent begins by itself is seen by its rules.
            self.lives[number].operatorJobs -= 1
            if refusal == nil { self.checks.reinitialized(self, self.lives[number]) }
        }
    }

    /// Who dies while it creates the cluster leaves its claim behind for good, as with Patroni: the others can't tell
    /// whether it works on. The operator sees that it doesn't, and says `patronictl remove`.
    func removeAbandonedClaim() {
        guard store.cluster.initialize == .inProgress, !storeTrouble.isOut,
            !store.cluster.members.contains(where: { $0.state == .initializing }),
            members.allSatisfy({ $0.copy == nil && fleet.directory(of: ServerID($0.index)) == .empty })
        else { return }
        statistics.commands += 1
        trace.note(now, .operatorCommand, "remove")
        trace.say(now, .operatorCommand, "remove: nobody creates the cluster any more")
        _ = change { $0.deleteAll() }
    }

    func tag(_ member: Int, _ tags: JSONObject) {
        members[member].tags = tags
        guard let life = members[member].life, let agent = life.agent else { return }
        Task { @Sendable in await agent.requestReload() }
    }
}
