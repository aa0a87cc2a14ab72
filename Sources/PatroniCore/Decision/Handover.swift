// A primary has written its last record: may the leader key go before the postmaster has ended?

/// The end of a cleanly stopped primary's log, from `pg_controldata` and `pg_waldump`.
public struct ShutdownCheckpoint: Sendable, Hashable, Codable {
    /// Where the shutdown checkpoint stands.
    public var location: LSN
    /// The last record before it when that is a switch to a new segment, else the checkpoint itself: what the cluster
    /// is told to have, because a replica may never see what follows a switch (HA-320, HA-385).
    public var lastPosition: LSN

    public init(location: LSN, lastPosition: LSN? = nil) {
        self.location = location
        self.lastPosition = lastPosition ?? location
    }
}

/// Letting the leader key go at the earliest safe moment: `pg_control` says "shut down", so nothing will be written any
/// more, and a member that may lead has received everything (HA-013, HA-141). Both a graceful demotion and the end of
/// the agent use it.
public struct Handover: Sendable, Hashable, Codable {
    public var me: MemberName
    public var cluster: Cluster
    public var settings: ClusterSettings
    public var checkpoint: ShutdownCheckpoint
    /// When `pg_control` was first seen to say "shut down".
    public var since: Moment

    public init(
        me: MemberName, cluster: Cluster, settings: ClusterSettings, checkpoint: ShutdownCheckpoint, since: Moment
    ) {
        self.me = me
        self.cluster = cluster
        self.settings = settings
        self.checkpoint = checkpoint
        self.since = since
    }

    public enum Answer: Sendable, Hashable, Codable {
        /// This member has everything. Release the key now, with the position of the last record.
        case release(to: MemberName, position: LSN)
        /// Nobody has everything yet; ask again after this, as long as the postmaster still runs. Once it has ended,
        /// the key is released in any case.
        case askAgain(after: Duration)
        /// There is nobody to ask.
        case nobodyToAsk
    }

    /// Whom to ask: the candidate an operator named, else every member that may lead.
    public var candidates: [Member] {
        FailoverCandidates.members(cluster: cluster, settings: settings, me: me)
    }

    /// Judges what the candidates said at `now`.
    public func answer(_ peers: [PeerStatus], at now: Moment) -> Answer {
        let names = Set(candidates.map(\.name))
        if names.isEmpty { return .nobodyToAsk }
        let able = peers.first { names.contains($0.name) && hasEverything($0) }
        if let able { return .release(to: able.name, position: checkpoint.lastPosition) }
        return .askAgain(after: now - since < .seconds(1) ? .milliseconds(30) : .milliseconds(500))
    }

    /// More than the checkpoint's beginning: with exactly that, the checkpoint itself is missing, and the old primary
    /// would need a rewind afterwards. Patroni lets it pass.
    private func hasEverything(_ peer: PeerStatus) -> Bool {
        guard let answer = peer.answer, answer.isInRecovery, let position = answer.position else { return false }
        guard FailoverCandidates.permanentObstacle(for: peer, cluster: cluster) == nil else { return false }
        if settings.checkTimeline, !settings.isStandbyCluster, let recorded = cluster.timeline {
            guard let theirs = answer.timeline, theirs >= recorded else { return false }
        }
        return position > checkpoint.location
    }
}

/// Who can be asked to take over from a leader (HA-111).
enum FailoverCandidates {
    /// Members of the current view, without `me`, that may lead and can be asked; a named candidate stands alone.
    /// With synchronous replication only its members count, except for a manual failover.
    static func members(
        cluster: Cluster?, settings: ClusterSettings, me: MemberName, excluding: MemberName? = nil
    ) -> [Member] {
        guard let cluster else { return [] }
        let request = cluster.failover
        let wanted = excluding == nil ? request?.candidate : nil
        let isManual = request != nil && request?.isSwitchover == false
        return cluster.members.filter { member in
            guard member.name != me, member.name != excluding, member.apiURL != nil, member.mayLead else {
                return false
            }
            if let wanted, member.name != wanted { return false }
            return isManual || !settings.isSynchronous || cluster.sync.isEmpty || cluster.sync.contains(member.name)
        }
    }

    /// What stands against a member however long one waits.
    static func permanentObstacle(for peer: PeerStatus, cluster: Cluster?) -> Obstacle? {
        guard let answer = peer.answer else { return .unreachable }
        if !(cluster?.member(peer.name)?.tags ?? answer.tags).mayLead { return .notAllowed }
        return answer.hasWatchdogFailed ? .watchdog : nil
    }
}
