// The words the rules are written in.

extension Situation {
    public var me: MemberName { observation.me }
    public var settings: ClusterSettings { observation.settings }
    public var isPaused: Bool { observation.settings.isPaused }
    public var server: ServerStatus { observation.server }
    public var running: RunningServer? { observation.server.running }
    public var isPrimary: Bool { observation.server.isPrimary }
    public var mayLead: Bool { observation.tags.mayLead }
    public var job: Job? { observation.job?.job }

    /// Nil when the store is silent.
    public var cluster: Cluster? { if case .cluster(let cluster) = observation.store { cluster } else { nil } }
    public var leader: MemberName? { cluster?.isUnlocked == false ? cluster?.leader?.name : nil }
    public var isUnlocked: Bool { cluster?.isUnlocked ?? false }
    public var holdsLeaderKey: Bool { leader == me }
    public var request: FailoverRequest? { cluster?.failover }

    public var control: ControlData? { if case .holds(let control) = observation.directory { control } else { nil } }
    public var systemIdentifier: SystemIdentifier? { control?.systemIdentifier }
    public var timeline: Timeline? { running?.timeline ?? control?.timeline }
    public var position: LSN { running?.position ?? .zero }

    /// Our timeline has the recorded number and is another one.
    public var hasTwinTimeline: Bool {
        timeline != nil
            && memory.twin(of: cluster, me: me, ownBeginning: observation.ownBeginning)?.timeline.next == timeline
    }

    /// Accepting writes now, or at any moment: a primary that answers, or one that does not (yet).
    public var mayBeWritable: Bool {
        switch server {
        case .running(let running): running.isPrimary
        case .starting, .unresponsive: memory.role == .primary
        case .stopped: false
        }
    }

    /// What an operator's restart makes of this server: what it is, and of one that doesn't run or doesn't answer a primary
    /// only if nobody else can have become one. Its files alone don't tell: a copy of a primary looks like one.
    public var restartsAsPrimary: Bool {
        if let running { return running.isPrimary }
        guard memory.role == .primary else { return false }
        if leaseLeft > .zero { return true }
        guard isPaused, (leader ?? observation.lastClusterWithLeader?.leader?.name) == me else { return false }
        return !isOutsideSync && !isBehindHistory
    }

    /// `/sync` names a leader, and neither as that nor as a standby this member: commits may be missing here.
    public var isOutsideSync: Bool {
        guard settings.isSynchronous, let sync = cluster?.sync, !sync.isEmpty else { return false }
        return !sync.contains(me)
    }

    /// By its files this member has never been on the timeline that the cluster's history records.
    public var isBehindHistory: Bool {
        guard let recorded = cluster?.timeline, let own = control?.newestTimeline else { return false }
        return own < recorded
    }

    /// The job that is under way ends with a primary.
    public var willBeWritable: Bool {
        switch job {
        case .promote, .start(.primary): true
        case .restart: memory.role == .primary
        default: false
        }
    }

    /// This cluster replicates from another one, and has no primary of its own (HA-221).
    public var isStandbyCluster: Bool { settings.isStandbyCluster }
    /// Running as the leader of a standby cluster.
    public var isStandbyLeader: Bool { isStandbyCluster && holdsLeaderKey && running?.standby != nil }
    /// Whom this member ought to stream from, running or about to start (HA-134, HA-135).
    public var followTarget: FollowTarget { Following.target(self) }

    public func did(_ action: Action) -> Bool { facts.performed.contains(action) }

    /// How long our claim to the leader key is still good; zero when it is not.
    public var leaseLeft: Duration {
        guard case .held(let until) = observation.lease, until > observation.now else { return .zero }
        return until - observation.now
    }

    /// A primary must be stopped when the lease ends, so stopping begins this long before: long enough for a fast
    /// stop, short enough not to give up a primary that could still renew.
    public var safetyMargin: Duration { settings.safetyMargin }

    /// Everybody a race or a switchover has to ask: the members of the last view with a leader and of the current one,
    /// without this one (HA-095).
    public var others: [Member] {
        Self.others(
            cluster: cluster, last: observation.lastClusterWithLeader, me: me,
            isFailsafe: settings.isFailsafeModeEnabled)
    }

    public static func others(cluster: Cluster?, last: Cluster?, me: MemberName, isFailsafe: Bool = false) -> [Member] {
        var known: [MemberName: Member] = [:]
        // In failsafe mode everybody in its map counts, whether or not there is a key of theirs (HA-092).
        for (name, address) in isFailsafe ? cluster?.failsafe ?? [:] : [:] where name != me {
            var member = Member(name: name)
            member.apiURL = address
            known[name] = member
        }
        for member in (last?.members ?? []) + (cluster?.members ?? []) where member.name != me {
            let address = member.apiURL ?? known[member.name]?.apiURL
            known[member.name] = member
            known[member.name]?.apiURL = address
        }
        return known.values.filter { $0.apiURL != nil }.sorted { $0.name < $1.name }
    }

    /// Why `peer` could not take over now; nil when it could (HA-111).
    public func obstacle(for peer: PeerStatus) -> Obstacle? {
        guard let answer = peer.answer else { return .unreachable }
        let tags = cluster?.member(peer.name)?.tags ?? answer.tags
        if !tags.mayLead { return .notAllowed }
        if answer.hasWatchdogFailed { return .watchdog }
        guard let position = answer.position else { return .notRunning }
        let lag = position.lag(behind: cluster?.status.position ?? .zero)
        if lag > settings.maximumLagOnFailover { return .tooFarBehind(lag) }
        if settings.checkTimeline, !isStandbyCluster, let recorded = cluster?.timeline {
            guard let theirs = answer.timeline else { return .unknownTimeline }
            if theirs < recorded { return .olderTimeline(theirs) }
        }
        return nil
    }

    /// How long to wait before trying again what failed; nil when it is time.
    func backoff(_ failure: Memory.Failure) -> Duration? {
        let due = failure.at + settings.loopWait
        return due > observation.now ? due - observation.now : nil
    }

    /// Did `moment` pass less than `span` ago?
    func isWithin(_ span: Duration, of moment: Moment?) -> Bool {
        moment.map { observation.now - $0 < span } ?? false
    }

    /// Would anybody take over if we let go? Asks the peers first when nobody has yet.
    func whenFailoverIsPossible(_ decision: @autoclosure () -> Decision?) -> Decision? {
        guard let peers = facts.peers else { return others.isEmpty ? nil : .ask(.statusOfPeers) }
        return peers.contains { mayFollowUs($0.name) && obstacle(for: $0) == nil } ? decision() : nil
    }

    /// With synchronous replication only its standbys may lead next: giving way to anybody else helps nobody (HA-093).
    private func mayFollowUs(_ name: MemberName) -> Bool {
        guard settings.isSynchronous, settings.synchronousMode == .on, let sync = cluster?.sync, !sync.isEmpty else {
            return true
        }
        return sync.hasStandby(name)
    }
}
