// The picture that health checks look at, taken after everything that changes it.

import PatroniConfiguration
import PatroniCore
import PatroniPorts
import PatroniPostgres

extension Agent {
    /// Health checks never ask the agent; they read what was last put here.
    func publishStatusBoard() { parts.status.publish(snapshot(look, seen: lookedAt, senders: walSenders)) }

    func snapshot(_ look: ServerLook, seen: Moment, senders: [WalSender]) -> StatusSnapshot {
        let control: ControlData? = if case .holds(let control) = look.directory { control } else { nil }
        var leaderUntil: Moment?
        if case .held(let until) = lease { leaderUntil = until }
        return StatusSnapshot(
            name: me, scope: configuration.local.scope, version: PatroniVersion.text, state: state, role: role,
            server: told(look.status), serverSeen: seen, walSenders: senders,
            systemIdentifier: control?.systemIdentifier,
            pendingRestartReason: look.pendingRestart.isEmpty ? nil : look.pendingRestart,
            scheduledRestart: scheduledRestart, cluster: cluster, settings: settings,
            dcsLastSeen: storeLastSeen?.secondsSince1970 ?? 0, failsafeMembers: failsafe.published,
            failsafeUntil: failsafe.activeUntil, tags: Tags(configuration.local.tags.published),
            leaderUntil: leaderUntil,
            nextTurn: lastTurn + settings.loopWait)
    }

    /// PostgreSQL asked anew, for callers who want to know how it is now.
    package func freshSnapshot() async -> StatusSnapshot {
        let seen = now
        let fresh = await parts.server.look(leaderTimeline: cluster?.leaderMember?.timeline, by: seen + Self.lookLimit)
        let senders = fresh.status.running == nil ? [] : await parts.server.walSenders(by: seen + Self.lookLimit)
        return snapshot(fresh, seen: seen, senders: senders)
    }
}
