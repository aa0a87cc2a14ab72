// The short deeds of a turn. Lease arithmetic lives here, and nowhere else.

import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    func perform(_ action: Action, because reason: Reason) async -> Learned {
        switch action {
        case .renewLeaderKey, .acquireLeaderKey: return await leaderKey(action)
        case .releaseLeaderKey:
            log.info("\(reason.text(me))")
            return .written(action, await releaseKey(position: lastWrittenPosition))
        case .clearFailoverRequest:
            if reason != .requestFulfilled { log.warning("\(reason.text(me))") }
            let version = cluster?.failover?.version
            return .written(action, await parts.store.writeFailover(nil, ifVersion: version, by: storeDeadline()))
        case .claimInitialize: return .written(action, await parts.store.claimInitialize(by: storeDeadline()))
        case .writeInitialize(let identifier):
            return .written(action, await parts.store.writeInitialize(identifier, by: storeDeadline()))
        case .cancelInitialize:
            log.critical("\(reason.text(me))")
            let outcome = await parts.store.cancelInitialize(by: storeDeadline())
            await parts.server.setAsideFailedBootstrap()
            return .written(action, outcome)
        case .restoreConfiguration:
            return .written(
                action, await parts.store.restoreConfiguration(configuration.dynamic, by: storeDeadline()))
        case .recordHistory:
            await recordHistory()
            return .done(action)
        case .announce(let role):
            // Of a new cluster callbacks hear as of any start: at the next look (HA-054, HA-056).
            if reason != .initializedCluster { await parts.callbacks.roleChanged(to: role) }
            return .done(action)
        case .resumeReplay:
            let (server, deadline) = (parts.server, now + Self.lookLimit)
            _ = await abandoning(by: deadline + Self.lookGrace, time: parts.time) {
                await server.resumeReplay(by: deadline)
            }
            return .done(action)
        case .begin(let job):
            log.info("\(reason.text(me))")
            begin(job)
            return .done(action)
        case .cancelJob:
            log.warning("\(reason.text(me))")
            await cancelJob()
            return .done(action)
        }
    }

    /// The lease counts from before the request was sent: the store's own count can only begin later (DESIGN 5).
    ///
    /// Without an answer the request may still have shortened the lease, when ttl is lower than it was.
    /// `reports`: the leader's report goes along. Not where this turn's look at the server is an old one.
    func leaderKey(_ action: Action, reports: Bool = true) async -> Learned {
        if keyReleases > 0 { return .leaderKey(action, .lostTo(nil), .none) }
        if let promisedLeader { return .leaderKey(action, .lostTo(promisedLeader), .none) }
        let sent = now
        let deadline = storeDeadline()
        let era = leaseEra
        let end = sent + settings.ttl
        let wasHeld = lease.isValid(at: sent)
        // What the votes were counted by, whether the answer comes or not.
        if action == .acquireLeaderKey { (racedSync, racedView) = (cluster?.sync, RacedView(cluster)) }
        let isWanted = reports && wasHeld && action == .renewLeaderKey && parts.store.hasReportBesideLeader
        let report = isWanted ? leaderPosition.map(leaderStatus) : nil
        let request = Task { [store = parts.store] in
            if action == .acquireLeaderKey { return await store.acquireLeader(by: deadline) }
            guard let report else { return await store.renewLeader(by: deadline) }
            return await store.renewLeader(reporting: report, by: deadline)
        }
        keyRequest = request
        let outcome = await request.value
        keyRequest = nil
        // Given up meanwhile: whatever the answer says is about a key that is not ours any more.
        if era != leaseEra { return .leaderKey(action, .lostTo(nil), .none) }
        switch outcome {
        case .held:
            lease = .held(until: end)
            failsafe.leadsNormally()
            // The view is from before: who shuts down or hands over next must know that there is a key to release.
            if cluster?.leader?.name != me { cluster?.leader = Leader(name: me) }
            if !wasHeld {
                retainedSlots = RetainedSlots(inherited: cluster?.status.retainedSlots ?? [], at: now)
            }
            publishStatusBoard()
        case .lostTo(let other):
            log.warning("the leader key is not ours\(other.map { ", \($0) holds it" } ?? "")")
            lease = .none
            publishStatusBoard()
        case .unknown(let failure):
            if case .held(let until) = lease { lease = .held(until: min(until, end)) }
            log.warning("the store did not confirm the leader key: \(failure)")
        }
        return .leaderKey(action, outcome, lease)
    }

    /// Gives the key up. From the first moment on nobody here believes in it any more.
    @discardableResult
    func releaseKey(position: LSN?) async -> WriteOutcome {
        keyReleases += 1
        if job?.job.isDemotion == true { job?.isPastReturn = true }
        defer { keyReleases -= 1 }
        forgetLease()
        // A renewal that reaches the store after the release would take the key again.
        _ = await keyRequest?.value
        let outcome = await parts.store.releaseLeader(position: position, by: now + settings.retryTimeout)
        if cluster?.leader?.name == me { cluster?.leader = nil }
        if case .unknown(let failure) = outcome {
            log.error("the leader key could not be released, it will expire: \(failure)")
        }
        return outcome
    }

    /// From now on nobody here believes that we lead, whatever an answer says that is still to come.
    func forgetLease() {
        lease = .none
        leaseEra += 1
        publishStatusBoard()
    }

    var lastWrittenPosition: LSN? {
        if case .primary(let position)? = look.status.running?.recovery { position } else { nil }
    }

    /// How far the leader is, for the others to compare themselves with: the leader of a standby cluster is one, too.
    var leaderPosition: LSN? {
        lastWrittenPosition ?? (memory.role == .standbyLeader ? look.status.running?.position : nil)
    }

    private func recordHistory() async {
        guard let timeline = look.status.running?.timeline,
            var history = await parts.server.history(of: timeline, by: now + Self.lookLimit)
        else { return }
        history.enrich(
            from: cluster?.history, leader: me, isOurs: memory.ownTimeline == .begun(timeline),
            maximumRows: settings.maximumHistoryRows)
        _ = await parts.store.writeHistory(history, by: storeDeadline())
    }
}

extension TimelineHistory {
    /// Times and names known to the store are kept; the newest row gets this leader's (HA-324 to HA-326), also in place of
    /// another's when this leader has begun that timeline.
    mutating func enrich(from stored: TimelineHistory?, leader: MemberName, isOurs: Bool, maximumRows: Int) {
        for index in rows.indices.dropLast(isOurs ? 1 : 0) {
            if let known = stored?.rows.first(where: {
                $0.timeline == rows[index].timeline && $0.switchpoint == rows[index].switchpoint
            }) {
                rows[index].time = known.time ?? rows[index].time
                rows[index].newLeader = known.newLeader ?? rows[index].newLeader
            }
        }
        if let last = rows.indices.last, isOurs || rows[last].newLeader == nil { rows[last].newLeader = leader }
        if maximumRows > 0 { rows = Array(rows.suffix(maximumRows)) }
    }
}
