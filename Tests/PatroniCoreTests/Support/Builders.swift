// The words the tests are written in: members alpha (who leads), beta and gamma, seen by one of them.

import PatroniCore

extension Moment {
    static let start = Moment(nanoseconds: 1_000_000_000_000)
}

extension WallTime {
    static let noon = WallTime(secondsSince1970: 1_795_262_400)
}

extension SystemIdentifier {
    static let ours = make("7000000000000000001")
    static let foreign = make("7999999999999999999")

    private static func make(_ text: String) -> SystemIdentifier {
        guard let value = SystemIdentifier(text) else { preconditionFailure("no system identifier: \(text)") }
        return value
    }
}

extension FailoverRequest {
    static func switchover(from leader: MemberName = "alpha", to candidate: MemberName? = nil, at: WallTime? = nil)
        -> FailoverRequest
    {
        FailoverRequest(leader: leader, candidate: candidate, scheduledAt: at)
    }
    static func failover(to candidate: MemberName) -> FailoverRequest {
        FailoverRequest(leader: nil, candidate: candidate)
    }
}

extension Member {
    static func primary(_ name: MemberName) -> Member { make(name, .primary) }
    static func replica(_ name: MemberName) -> Member { make(name, .replica) }

    private static func make(_ name: MemberName, _ role: MemberRole) -> Member {
        var member = Member(name: name)
        member.connectionURL = "postgres://\(name):5432/postgres"
        member.apiURL = "http://\(name):8008/patroni"
        member.state = .running
        member.role = role
        member.timeline = Timeline(1)
        member.position = LSN(100)
        return member
    }

    func tagged(_ key: String, _ value: JSON = true) -> Member {
        var copy = self
        copy.tags.values[key] = value
        return copy
    }
}

extension Cluster {
    /// alpha leads, beta and gamma follow, everything is in order.
    static var healthy: Cluster {
        var cluster = Cluster()
        cluster.initialize = .done(.ours)
        cluster.configuration = StoredConfiguration(values: ["ttl": 30], version: KeyVersion(7))
        cluster.leader = Leader(name: "alpha")
        cluster.status.position = LSN(100)
        cluster.members = [.primary("alpha"), .replica("beta"), .replica("gamma")]
        return cluster
    }

    mutating func change(_ name: MemberName, _ change: (inout Member) -> Void) {
        for index in members.indices where members[index].name == name { change(&members[index]) }
    }
}

extension ControlData {
    static func make(_ state: ControlState, identifier: SystemIdentifier = .ours) -> ControlData {
        ControlData(
            systemIdentifier: identifier, state: state, timeline: Timeline(1), checkpoint: LSN(90), allowsRewind: true)
    }
}

extension ServerStatus {
    static func primary(at position: UInt64 = 100, timeline: UInt32 = 1) -> ServerStatus {
        .running(
            RunningServer(recovery: .primary(position: LSN(position)), timeline: Timeline(timeline), version: 150_018))
    }

    static func standby(at position: UInt64 = 100, timeline: UInt32? = 1, streaming: Bool = true) -> ServerStatus {
        let progress = StandbyProgress(
            received: LSN(position), replayed: LSN(position), replicationState: streaming ? "streaming" : nil)
        return .running(
            RunningServer(recovery: .standby(progress), timeline: timeline.map { Timeline($0) }, version: 150_018))
    }
}

extension Observation {
    private static func make(_ me: MemberName, _ server: ServerStatus, _ control: ControlState) -> Observation {
        Observation(
            now: .start, wallTime: .noon, me: me, store: .cluster(.healthy), lastClusterWithLeader: .healthy,
            directory: .holds(.make(control)), server: server,
            lease: me == "alpha" ? .held(until: .start + .seconds(20)) : .none)
    }

    /// alpha, the leader, running as it should.
    static var primary: Observation { make("alpha", .primary(), .inProduction) }
    /// beta, streaming from alpha.
    static var standby: Observation { make("beta", .standby(), .inArchiveRecovery) }
    /// alpha, the leader, whose PostgreSQL has died.
    static var crashedPrimary: Observation { make("alpha", .stopped, .inProduction) }
    /// beta, a standby that is stopped while alpha leads.
    static var stoppedStandby: Observation { make("beta", .stopped, .shutDownInRecovery) }
    /// beta, without any data.
    static var empty: Observation { make("beta", .stopped, .shutDown).with { $0.directory = .empty } }

    func with(_ change: (inout Observation) -> Void) -> Observation {
        var copy = self
        change(&copy)
        return copy
    }

    func cluster(_ change: (inout Cluster) -> Void) -> Observation {
        guard case .cluster(var cluster) = store else { return self }
        change(&cluster)
        return with { $0.store = .cluster(cluster) }
    }

    func settings(_ change: (inout ClusterSettings) -> Void) -> Observation { with { change(&$0.settings) } }
    func server(_ server: ServerStatus) -> Observation { with { $0.server = server } }

    /// Nobody holds the leader key. What members knew before is remembered.
    var unlocked: Observation { cluster { $0.leader = nil }.with { $0.lease = .none } }
    func ledBy(_ name: MemberName) -> Observation {
        cluster { cluster in
            cluster.leader = Leader(name: name)
            cluster.change("alpha") { $0.role = .replica }
            cluster.change(name) { $0.role = .primary }
        }.with { $0.lease = .none }
    }
    var paused: Observation { settings { $0.isPaused = true } }
    var storeSilent: Observation { with { $0.store = .silent(.noAnswer) } }
    /// Nobody has ever created this cluster.
    var brandNew: Observation { with { $0.store = .cluster(Cluster()) }.with { $0.lastClusterWithLeader = nil } }
    func asked(_ request: FailoverRequest) -> Observation { cluster { $0.failover = request } }
    func tagged(_ key: String, _ value: JSON = true) -> Observation {
        with { $0.tags.values[key] = value }.cluster { cluster in
            cluster.change(me) { $0.tags.values[key] = value }
        }
    }
    /// The lease ends this many seconds from now; in the past when negative.
    func lease(_ seconds: Int) -> Observation { with { $0.lease = .held(until: .start + .seconds(seconds)) } }
    /// Failsafe mode is on, and all three members are in the map.
    var failsafeOn: Observation {
        let addresses: [MemberName: String] = [
            "alpha": "http://alpha:8008/patroni", "beta": "http://beta:8008/patroni",
            "gamma": "http://gamma:8008/patroni",
        ]
        return settings { $0.isFailsafeModeEnabled = true }.cluster { $0.failsafe = addresses }.with { now in
            now.failsafe.circle = addresses.filter { $0.key != now.me }
        }
    }
    /// Not to take over from `leader` for this long.
    func promised(to leader: MemberName, for seconds: Int = 10) -> Observation {
        with {
            $0.failsafe.promise = FailsafePromise(
                leader: leader, connectionURL: "postgres://\(leader):5432/postgres",
                apiURL: "http://\(leader):8008/patroni", slots: [:], until: .start + .seconds(seconds))
        }
    }
    var noLease: Observation { with { $0.lease = .none } }
    func busy(_ job: Job, for time: Duration = .seconds(1), isPastReturn: Bool = false) -> Observation {
        with { $0.job = JobUnderway(job: job, since: .start - time, isPastReturn: isPastReturn) }
    }
    /// The cluster is on this timeline, as its history says.
    func history(_ timeline: UInt32, by maker: MemberName? = nil) -> Observation {
        cluster {
            $0.history = TimelineHistory(
                rows: [
                    .init(
                        timeline: Timeline(timeline - 1), switchpoint: LSN(50), reason: "no recovery target",
                        newLeader: maker)
                ])
        }
    }

    /// Our history file says where our timeline, the second one, began.
    func begun(at switchpoint: UInt64) -> Observation {
        with {
            $0.ownBeginning = .init(
                timeline: Timeline(1), switchpoint: LSN(switchpoint), reason: "no recovery target")
        }
    }

    var control: ControlData? { if case .holds(let control) = directory { control } else { nil } }
    func control(_ change: (inout ControlData) -> Void) -> Observation {
        guard var control else { return self }
        change(&control)
        return with { $0.directory = .holds(control) }
    }
    var foreign: Observation { control { $0.systemIdentifier = .foreign } }
}

extension StoreFailure {
    static let noAnswer = StoreFailure(.unreachable, "127.0.0.1:2379 did not answer in time")
}

extension FailsafeReply {
    static func accepted(_ name: MemberName, at position: UInt64? = nil, for time: Duration? = nil) -> FailsafeReply {
        FailsafeReply(name: name, answer: .accepted(position.map { LSN($0) }, for: time))
    }
    static func refused(_ name: MemberName) -> FailsafeReply {
        FailsafeReply(name: name, answer: .refused("Running as a leader"))
    }
    static func silent(_ name: MemberName) -> FailsafeReply {
        FailsafeReply(name: name, answer: .silent("no answer in time"))
    }
}

extension PeerStatus {
    static func standby(_ name: MemberName, at position: UInt64 = 100, timeline: UInt32? = 1) -> PeerStatus {
        PeerStatus(
            name: name,
            answer: PeerAnswer(
                isInRecovery: true, position: LSN(position), timeline: timeline.map { Timeline($0) }))
    }
    static func primary(_ name: MemberName, at position: UInt64 = 100) -> PeerStatus {
        PeerStatus(
            name: name, answer: PeerAnswer(isInRecovery: false, position: LSN(position), timeline: Timeline(1)))
    }
    static func silent(_ name: MemberName) -> PeerStatus { PeerStatus(name: name, answer: nil) }

    func with(_ change: (inout PeerAnswer) -> Void) -> PeerStatus {
        guard var answer else { return self }
        change(&answer)
        return PeerStatus(name: name, answer: answer)
    }
}
