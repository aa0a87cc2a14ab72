// Health checks: from a snapshot, the time and a path to 200 or 503. Load balancers act on nothing else.

import PatroniConfiguration
import PatroniCore
import PatroniPorts

/// The pure rules of section 3 of the REST API's ledger.
public struct HealthCheck: Sendable {
    /// The query of a check, first value of each key.
    public typealias Query = [(name: String, value: String)]

    private let snapshot: StatusSnapshot
    private let now: Moment
    private let server: LocalServer

    public init(_ snapshot: StatusSnapshot, now: Moment) {
        self.snapshot = snapshot
        self.now = now
        server = LocalServer(snapshot, now: now)
    }

    /// True is 200, false is 503. Paths match by substring, in this order (API-035 to API-046, API-192).
    public func passes(_ path: String, _ query: Query = []) -> Bool {
        let path = path == "/" ? "/primary" : path
        let leader = leaderChecks
        if path.contains("standby_leader") || path.contains("standby-leader") { return leader.isStandbyLeader }
        if path.contains("leader") { return leader.isLeader }
        if path.contains("master") || path.contains("primary") || path.contains("read-write") {
            return leader.isPrimary
        }
        return passesOther(path, query, leader) && hasTags(query)
    }

    private func passesOther(_ path: String, _ query: Query, _ leader: LeaderChecks) -> Bool {
        let replica = { isReplica(query, leader) }
        let leads = leader.isPrimary || leader.isStandbyLeader
        if path.contains("replica") { return replica() }
        if path.contains("read-only"), !path.contains("sync"), !path.contains("quorum") { return leads || replica() }
        if path.contains("health") { return server.isRunning }
        // Who is synchronous stands in the store only (API-046, API-199).
        guard snapshot.cluster != nil else { return false }
        switch path {
        case "/sync", "/synchronous": return server.isSyncStandby && replica()
        case "/quorum": return server.isQuorumStandby && replica()
        case "/async", "/asynchronous": return !server.isSyncStandby && !server.isQuorumStandby && replica()
        case "/read-only-quorum": return leads || server.isQuorumStandby && replica()
        case "/read-only-sync", "/read-only-synchronous": return leads || server.isSyncStandby && replica()
        default: return false
        }
    }

    // MARK: leader

    private struct LeaderChecks {
        var isLeader = false
        var isPrimary = false
        var isStandbyLeader = false
        /// The leader of a standby cluster is no replica to anybody (API-050).
        var forbidsReplica = false
    }

    private var leaderChecks: LeaderChecks {
        // Nobody renews a lease in maintenance mode without the store, so the server's own role decides (API-051).
        if snapshot.cluster == nil, snapshot.settings.isPaused {
            return LeaderChecks(
                isLeader: server.role == .primary || server.role == .standbyLeader,
                isPrimary: server.role == .primary, isStandbyLeader: server.role == .standbyLeader)
        }
        guard snapshot.isLeader(at: now) else { return LeaderChecks() }
        guard snapshot.settings.isStandbyCluster else { return LeaderChecks(isLeader: true, isPrimary: true) }
        return LeaderChecks(
            isLeader: true, isStandbyLeader: server.role == .replica || server.role == .standbyLeader,
            forbidsReplica: true)
    }

    // MARK: replica

    /// A running standby that takes load and is near enough to the leader (API-047 to API-050).
    private func isReplica(_ query: Query, _ leader: LeaderChecks) -> Bool {
        guard !leader.forbidsReplica, server.role == .replica, server.isRunning,
            !snapshot.tags.excludesLoadBalancing
        else { return false }
        if let wanted = Self.value("replication_state", query), wanted != server.standby?.replicationState {
            return false
        }
        guard let limit = Self.value("lag", query).flatMap({ SettingNumber.whole($0, unit: "B") }) else { return true }
        return !isLagging(from: server.replayed, limit: limit)
    }

    private func isLagging(from position: LSN, limit: Int64) -> Bool {
        let leader = snapshot.leaderPosition(server)
        guard leader != .zero else { return false }
        // In whole numbers with a sign: a negative limit is allowed and means "never near enough".
        return leader.number.subtractingReportingOverflow(position.number).partialValue > limit
    }

    /// Every `tag_<name>=<value>` must be met (API-053).
    private func hasTags(_ query: Query) -> Bool {
        var seen: Set<String> = []
        for (name, value) in query where name.hasPrefix("tag_") && seen.insert(name).inserted {
            guard let tag = snapshot.tags.values[String(name.dropFirst(4))], !tag.isNull else { return false }
            if Self.text(ofTag: tag) != value { return false }
        }
        return true
    }

    private static func text(ofTag tag: JSON) -> String {
        switch tag {
        case .string(let text): text
        default: tag.text(.spaced).lowercased()
        }
    }

    // MARK: probes

    /// `/liveness`: is the loop still going round? A replica may be late by twice as much (API-056).
    public var isAlive: Bool {
        if snapshot.settings.isPaused { return true }
        let isPrimary = snapshot.role == .primary && snapshot.server.hasPostmaster
        let patience = isPrimary ? snapshot.settings.ttl : snapshot.settings.ttl + snapshot.settings.ttl
        return now < snapshot.nextTurn + patience
    }

    /// `/readiness`: nil when ready, otherwise why not, for the log (API-057 to API-059). A leader whose PostgreSQL has
    /// ended or gives no answer keeps its label until its lease ends; not being ready takes it out of Services now.
    public func whyNotReady(_ query: Query = []) -> String? {
        if leaderChecks.isLeader { return server.isRunning ? nil : "PostgreSQL of the leader is \(server.stateText)" }
        if snapshot.state != .running { return "PostgreSQL is not running" }
        guard server.standby?.replicationState == "streaming" else {
            return "PostgreSQL replication state is not streaming"
        }
        if snapshot.cluster == nil, server.standby?.latestUpstreamEnd == nil {
            return snapshot.isFailsafeActive(at: now) ? nil : "DCS is not accessible"
        }
        let mode = Self.value("mode", query) == "write" ? "write" : "apply"
        let position = mode == "write" ? server.received ?? .zero : server.replayed
        let limit =
            Self.value("lag", query).flatMap { SettingNumber.whole($0, unit: "B") }
            ?? snapshot.settings.maximumLagOnFailover.bytes
        let lag = snapshot.leaderPosition(server).number - position.number
        return lag > limit ? "Replication \(mode) lag \(lag) exceeds maximum allowable \(limit)" : nil
    }

    private static func value(_ name: String, _ query: Query) -> String? { query.first { $0.name == name }?.value }
}
