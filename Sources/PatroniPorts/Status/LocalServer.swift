// What the status page says about PostgreSQL, worked out once from a snapshot; health checks, JSON and metrics share it.

import PatroniCore

/// The server's part of the status: either what SQL said, or what we believe when SQL said nothing.
package struct LocalServer: Sendable {
    /// What SQL said; nil when it could not be asked or its answer is too old.
    package let answer: RunningServer?
    /// Nil is `unknown`: it should be running, but SQL gives no answer (API-066).
    package let state: MemberState?
    package let role: MemberRole
    package let isSyncStandby: Bool
    package let isQuorumStandby: Bool

    package init(_ snapshot: StatusSnapshot, now: Moment) {
        let answer = Self.freshAnswer(snapshot, now: now)
        self.answer = answer
        if let answer {
            state = snapshot.state
            if answer.isPrimary {
                role = .primary
            } else {
                role = snapshot.settings.isStandbyCluster ? snapshot.role : .replica
            }
        } else {
            state = snapshot.state == .running ? nil : snapshot.state
            role = snapshot.role
        }
        let isListed =
            answer != nil && role == .replica && snapshot.settings.isSynchronous
            && snapshot.cluster?.sync.hasStandby(snapshot.name) == true
        isSyncStandby = isListed && snapshot.settings.synchronousMode == .on
        isQuorumStandby = isListed && snapshot.settings.synchronousMode == .quorum
    }

    /// SQL counts only in states in which it is asked at all (API-091), and only as long as it is fresh.
    private static func freshAnswer(_ snapshot: StatusSnapshot, now: Moment) -> RunningServer? {
        guard [.running, .restarting, .starting].contains(snapshot.state), let answer = snapshot.server.running else {
            return nil
        }
        let age = snapshot.maximumAge ?? snapshot.settings.loopWait + snapshot.settings.retryTimeout
        return now - snapshot.serverSeen <= age ? answer : nil
    }

    package var stateText: String { state?.rawValue ?? "unknown" }
    package var isRunning: Bool { state == .running }
    package var standby: StandbyProgress? { answer?.standby }
    /// What a standby shows as received: never nothing (API-071).
    package var received: LSN? { standby.map { progress in progress.received ?? progress.replayed } }
    package var replayed: LSN { standby?.replayed ?? .zero }
}

extension StatusSnapshot {
    /// The newest position of the leader that we have heard of; zero when unknown (API-048, API-200).
    package func leaderPosition(_ server: LocalServer) -> LSN {
        max(cluster?.status.position ?? .zero, server.standby?.latestUpstreamEnd ?? .zero)
    }
}
