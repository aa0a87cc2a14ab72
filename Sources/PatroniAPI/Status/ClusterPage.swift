// The cluster as people see it: who is what, in which state, how far behind. Shared by `GET /cluster` and patronictl.

import PatroniCore

/// Section 6 of the REST API's ledger.
public struct ClusterPage: Sendable, Hashable {
    public struct Row: Sendable, Hashable {
        public var name: MemberName
        public var role: Role
        /// The replication state if there is one, except for the leader; empty when nothing is known (API-095).
        public var state: String
        public var apiURL: String?
        public var endpoint: Endpoint?
        public var timeline: Timeline?
        public var pendingRestart: Bool
        public var pendingRestartReason: JSONObject?
        public var scheduledRestart: JSONObject?
        public var tags: JSONObject
        /// Nil for the leader.
        public var progress: Progress?
    }

    public enum Role: String, Sendable, Hashable {
        case leader
        case standbyLeader = "standby_leader"
        case syncStandby = "sync_standby"
        case quorumStandby = "quorum_standby"
        case replica
    }

    /// How far a member that doesn't lead is.
    public struct Progress: Sendable, Hashable {
        public var received: Distance
        public var replayed: Distance
        /// The larger of both, as the member reports it.
        public var current: Distance
    }

    /// A position and how far it is behind the leader's last report.
    public enum Distance: Sendable, Hashable {
        case unknown
        case known(LSN, lag: ByteCount)

        init(_ position: LSN?, leader: LSN) {
            guard let position, position != .zero else {
                self = .unknown
                return
            }
            self = .known(position, lag: position.lag(behind: leader))
        }
    }

    public struct ScheduledSwitchover: Sendable, Hashable {
        public var at: WallTime
        public var from: MemberName?
        public var to: MemberName?
    }

    /// Sorted by name.
    public var rows: [Row]
    public var isPaused: Bool
    public var scheduledSwitchover: ScheduledSwitchover?

    public init(cluster: Cluster, settings: ClusterSettings) {
        rows = cluster.members.map { Row($0, cluster, settings) }.sorted { $0.name < $1.name }
        isPaused = settings.isPaused
        scheduledSwitchover = cluster.failover.flatMap { request in
            request.scheduledAt.map { ScheduledSwitchover(at: $0, from: request.leader, to: request.candidate) }
        }
    }

    /// The page; with `scope` at its end as the REST API shows it (API-101).
    public func json(scope: String? = nil) -> JSONObject {
        var out: JSONObject = ["members": .array(rows.map { .object($0.json) })]
        if isPaused { out["pause"] = true }
        if let scheduledSwitchover { out["scheduled_switchover"] = .object(scheduledSwitchover.json) }
        out["scope"] = scope.map(JSON.string)
        return out
    }
}

extension ClusterPage.Row {
    fileprivate init(_ member: Member, _ cluster: Cluster, _ settings: ClusterSettings) {
        let leads = cluster.leader?.name == member.name
        name = member.name
        if leads {
            role = settings.isStandbyCluster ? .standbyLeader : .leader
        } else if settings.isSynchronous, cluster.sync.hasStandby(member.name) {
            role = settings.synchronousMode == .quorum ? .quorumStandby : .syncStandby
        } else {
            role = .replica
        }
        let state = member.state?.rawValue ?? ""
        self.state = role == .leader ? state : member.replicationState ?? state
        apiURL = member.apiURL
        endpoint = member.endpoint
        timeline = member.timeline
        pendingRestart = member.pendingRestart
        pendingRestartReason = member.pendingRestartReason
        scheduledRestart = member.scheduledRestart
        tags = member.tags.values
        let leader = cluster.status.position ?? .zero
        progress =
            leads
            ? nil
            : ClusterPage.Progress(
                received: .init(member.receivedPosition, leader: leader),
                replayed: .init(member.replayedPosition, leader: leader),
                current: .init(member.position, leader: leader))
    }

    fileprivate var json: JSONObject {
        var out: JSONObject = [
            "name": .string(name.text), "role": .string(role.rawValue), "state": .string(state),
            "api_url": .init(apiURL),
        ]
        if let endpoint {
            out["host"] = .string(endpoint.host)
            out["port"] = .int(Int64(endpoint.port))
        }
        out["timeline"] = timeline.map { .int(Int64($0.rawValue)) }
        if pendingRestart {
            out["pending_restart"] = true
            out["pending_restart_reason"] = pendingRestartReason.map(JSON.object)
        }
        out["scheduled_restart"] = scheduledRestart.map(JSON.object)
        if !tags.isEmpty { out["tags"] = .object(tags) }
        if let progress {
            for (name, distance) in [
                ("receive_", progress.received), ("replay_", progress.replayed), ("", progress.current),
            ] {
                switch distance {
                case .unknown:
                    out["\(name)lsn"] = "unknown"
                    out["\(name)lag"] = "unknown"
                case .known(let position, let lag):
                    out["\(name)lag"] = .int(lag.bytes)
                    out["\(name)lsn"] = .string(position.description)
                }
            }
        }
        return out
    }
}

extension ClusterPage.ScheduledSwitchover {
    fileprivate var json: JSONObject {
        var out: JSONObject = ["at": .string(at.iso8601())]
        out["from"] = from.map { .string($0.text) }
        out["to"] = to.map { .string($0.text) }
        return out
    }
}
