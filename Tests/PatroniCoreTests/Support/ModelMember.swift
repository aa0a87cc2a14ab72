// One member of the model cluster: a real core beside a model of PostgreSQL.

@testable import PatroniCore

struct ModelMember {
    enum Server: Hashable { case stopped, starting(asPrimary: Bool), primary, standby }

    let name: MemberName
    var memory = Memory()
    var lease = Lease.none
    var job: JobUnderway?
    var jobEnds = Moment.start
    var lastClusterWithLeader: Cluster?
    var server = Server.stopped
    var hasData = false
    var wasPrimary = false
    var log = ModelLog()
    var upstream: FollowTarget = .nobody
    var tags = Tags()
    var settings = ClusterSettings()
    /// The agent runs.
    var isAlive = true
    var aliveSince = Moment.start
    /// The agent is stopped in its tracks until then.
    var frozenUntil: Moment?
    var canReachStore = true
    var canBeReached = true
    var failsafeMap = FailsafeMap()
    var failsafe = FailsafeView()
    var nextTurn = Moment.start
    var halted: Reason?
    var lastReason: Reason?
    var rules: [String] = []

    var isWritable: Bool { server == .primary }

    func isSupervised(at now: Moment) -> Bool {
        isAlive && halted == nil && now - aliveSince > .seconds(1)
            && (frozenUntil.map { $0 + .seconds(1) < now } ?? true)
    }

    var status: ServerStatus {
        switch server {
        case .stopped: .stopped
        case .starting: .starting
        case .primary: .primary(at: log.position, timeline: log.timeline)
        case .standby: .standby(at: log.position, timeline: log.timeline, streaming: isStreaming)
        }
    }
    var isStreaming = false

    var directory: DataDirectory {
        guard hasData else { return .empty }
        let state: ControlState =
            switch server {
            case .primary: .inProduction
            case .standby: .inArchiveRecovery
            case .stopped, .starting: wasPrimary ? .inProduction : .shutDownInRecovery
            }
        var control = ControlData.make(state)
        control.timeline = Timeline(log.timeline)
        return .holds(control)
    }

    var published: Member {
        var member = Member.replica(name)
        member.role = server == .primary ? .primary : memory.role == .primary ? .demoted : memory.role
        member.state = server == .primary || server == .standby ? .running : .stopped
        member.timeline = Timeline(log.timeline)
        member.position = LSN(log.position)
        member.tags = tags
        return member
    }

    func answersRequests(at now: Moment) -> Bool {
        isAlive && halted == nil && canBeReached && (frozenUntil.map { $0 < now } ?? true)
    }

    /// What it tells others that ask.
    func answer(at now: Moment) -> PeerAnswer? {
        guard answersRequests(at: now) else { return nil }
        let runs = server == .primary || server == .standby
        return PeerAnswer(
            isInRecovery: server != .primary, position: runs ? LSN(log.position) : nil,
            timeline: Timeline(log.timeline), tags: tags)
    }
}
