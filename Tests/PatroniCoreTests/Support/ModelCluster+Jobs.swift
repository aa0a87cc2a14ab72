// Long tasks of the model: how long they take, and what they leave behind.

@testable import PatroniCore

extension ModelCluster {
    mutating func begin(_ job: Job, _ index: Int) {
        members[index].job = JobUnderway(job: job, since: now)
        members[index].jobEnds = now + duration(of: job)
        switch job {
        case .start(.primary): members[index].server = .starting(asPrimary: true)
        case .start(.standby), .start(.standbyLeader): members[index].server = .starting(asPrimary: false)
        case .restart:
            members[index].wasPrimary = members[index].server == .primary
            members[index].server = .starting(asPrimary: members[index].wasPrimary)
        default: break
        }
    }

    private func duration(of job: Job) -> Duration {
        switch job {
        case .bootstrap, .bootstrapStandbyLeader, .clone, .reinitialize, .reinitializeFromLeader: .seconds(2)
        case .start, .restart: .milliseconds(600)
        case .promote: .milliseconds(300)
        case .demote(.graceful), .demote(.offline): .milliseconds(500)
        case .demote: .milliseconds(100)
        case .checkDivergence, .follow, .copySlots: .milliseconds(200)
        case .rewind: .seconds(1)
        }
    }

    mutating func endJob(_ index: Int) {
        let member = members[index]
        guard let job = member.job, member.isAlive, now >= member.jobEnds, member.frozenUntil.map({ $0 <= now }) ?? true
        else { return }
        members[index].job = nil
        members[index].nextTurn = now
        let outcome = end(job, index)
        members[index].memory.ended(job.job, outcome, at: now, settings: member.settings)
    }

    private mutating func end(_ job: JobUnderway, _ index: Int) -> JobOutcome {
        let name = members[index].name
        switch job.job {
        case .bootstrapStandbyLeader: return .failed("this model has no other cluster")
        case .bootstrap:
            members[index].log = ModelLog()
            members[index].log.begin(writer: newWriter())
            members[index].hasData = true
            members[index].server = .primary
        case .clone(let source), .reinitialize(let source): return copy(source, to: index)
        case .reinitializeFromLeader(let leader): return copy(.leader(leader), to: index)
        case .start(.primary): members[index].server = .primary
        case .start(.standby(let target)):
            members[index].server = .standby
            members[index].wasPrimary = false
            members[index].upstream = target
        case .start(.standbyLeader): return .failed("this model has no other cluster")
        case .restart: members[index].server = members[index].wasPrimary ? .primary : .standby
        case .promote:
            guard members[index].server == .standby else { return .failed("not running") }
            members[index].log.begin(writer: newWriter())
            members[index].server = .primary
        case .demote(let demotion): stop(demotion, index)
        case .checkDivergence(.remote), .rewind(.remote), .copySlots: return .cancelled
        case .checkDivergence(.member(let leader)):
            return .divergence(members[index].log.isPart(of: self[leader].log) ? .none : .diverged)
        case .rewind(.member(let leader)):
            guard self[leader].server == .primary else { return .cancelled }
            members[index].log.rewind(to: self[leader].log)
            members[index].server = .stopped
            members[index].wasPrimary = false
        case .follow(let target, restart: _):
            if members[index].server == .starting(asPrimary: false) { members[index].server = .standby }
            members[index].upstream = target
        }
        _ = name
        return .succeeded
    }

    private mutating func copy(_ source: CloneSource, to index: Int) -> JobOutcome {
        let from: ModelMember
        switch source {
        case .leader(let name), .replica(let name): from = self[name]
        case .noLeader, .remote: return .failed("no backup")
        }
        members[index].server = .stopped
        members[index].hasData = false
        guard from.server == .primary || from.server == .standby else { return .failed("\(from.name) does not run") }
        members[index].log = from.log
        members[index].hasData = true
        members[index].wasPrimary = false
        return .succeeded
    }

    private mutating func stop(_ demotion: Demotion, _ index: Int) {
        let wasPrimary = members[index].server == .primary
        members[index].server = .stopped
        members[index].wasPrimary = wasPrimary || members[index].wasPrimary
        switch demotion {
        case .graceful:
            // Everybody who streams has received everything before the key goes.
            let log = members[index].log
            let name = members[index].name
            for other in members.indices where members[other].isStreaming && members[other].upstream == .member(name) {
                members[other].log = log
            }
            if members[index].canReachStore { release(index) }
            members[index].lease = .none
        case .immediate:
            if members[index].canReachStore { release(index) }
            members[index].lease = .none
        case .immediateWithoutKey, .offline, .toStandbyCluster: members[index].lease = .none
        }
    }

    // MARK: what can go wrong

    mutating func killServer(_ name: MemberName) {
        self[name].wasPrimary = self[name].server == .primary
        self[name].server = .stopped
        self[name].nextTurn = now
    }

    mutating func killAgent(_ name: MemberName) {
        self[name].isAlive = false
        self[name].job = nil
        // What was started goes on without the agent.
        if case .starting(let asPrimary) = self[name].server { self[name].server = asPrimary ? .primary : .standby }
    }

    /// The agent starts beside whatever is there.
    mutating func startAgent(_ name: MemberName) {
        guard !self[name].isAlive else { return }
        self[name].isAlive = true
        self[name].aliveSince = now
        self[name].memory = Memory()
        self[name].lease = .none
        self[name].lastClusterWithLeader = nil
        self[name].failsafeMap = FailsafeMap()
        self[name].failsafe = FailsafeView(startedAt: now)
        self[name].halted = nil
        self[name].nextTurn = now
    }

    mutating func freeze(_ name: MemberName, _ time: Duration) { self[name].frozenUntil = now + time }

    mutating func cutOff(_ name: MemberName) {
        self[name].canReachStore = false
        self[name].nextTurn = now
    }

    mutating func heal() {
        for index in members.indices {
            members[index].canReachStore = true
            members[index].canBeReached = true
            startAgent(members[index].name)
        }
    }
}
