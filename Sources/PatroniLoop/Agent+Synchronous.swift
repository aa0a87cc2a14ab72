// Synchronous replication in the agent: takes the steps that the core decides, and asks to be let off before a stop.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import PatroniPostgres

extension Agent {
    /// How long one turn waits for standbys to catch up.
    private static let patience: Duration = .seconds(2)

    /// How often a leading primary looks at its synchronous standbys between turns: while one is gone, commits hang.
    private static let watchPause: Duration = .seconds(1)

    /// Sleeps until something happens, at most until `end`. Whom commits wait for is watched meanwhile.
    func rest(until end: Moment) async {
        var end = end
        while true {
            let watches = settings.managesSynchronousStandbys && lease.isValid(at: now) && look.status.isPrimary
            let next = watches ? min(end, now + Self.watchPause) : end
            if await wakeUps.wait(until: next, time: parts.time) || now >= end { return }
            if let soon = await keepSynchronous(until: min(end, now + Self.watchPause)) { end = min(end, now + soon) }
        }
    }

    /// Another member says something new of itself. Does it concern who is synchronous? Then it starts a turn now.
    func reconsider(_ name: MemberName) async {
        let known = cluster?.member(name)
        guard let read = try? await parts.store.readCluster(by: now + .seconds(1)) else { return }
        let news = read.member(name)
        if known?.isRunning != news?.isRunning || known?.tags != news?.tags { wakeUps.wake() }
    }

    /// After a turn of a leading primary, in maintenance mode too (HA-168).
    func keepSynchronous() async -> Duration? { await keepSynchronous(until: now + Self.patience) }

    /// Returns how soon to look again while things are not as they should be.
    private func keepSynchronous(until end: Moment) async -> Duration? {
        guard cluster?.leader?.name == me, look.status.isPrimary else {
            // What was settled before the promotion is where the new primary goes on.
            if job?.job != .promote { synchronous = SynchronousReplication() }
            return nil
        }
        while lease.isValid(at: now), job == nil, let cluster {
            guard settings.managesSynchronousStandbys || !cluster.sync.isEmpty || synchronous.hasTried else {
                return await giveNamesBack() ? nil : .seconds(1)
            }
            guard let status = await parts.server.synchronousStatus(by: now + Self.lookLimit) else {
                return .seconds(1)
            }
            let view = SynchronousReplication.View(
                me: me, settings: settings, members: cluster.members, sync: cluster.sync, status: status, now: now,
                graceUntil: synchronousGrace)
            let progress = synchronous.progress
            let step = synchronous.step(view)
            reportStalled(since: progress, view)
            switch step {
            case .steady: return nil
            case .useConfigured: return await giveNamesBack() ? nil : .seconds(1)
            case .publish(let state, let cause):
                guard await write(state, over: cluster.sync, because: cause) else { return .seconds(1) }
            case .setNames(let names):
                guard await set(names) else { return .seconds(1) }
            case .wait: await parts.time.sleep(until: now + .milliseconds(50))
            }
            if now >= end { return .seconds(1) }
        }
        return nil
    }

    /// Compare-and-swap of `/sync`; the picture of the store follows.
    private func write(
        _ state: SyncState, over old: SyncState, because cause: SynchronousReplication.Cause
    ) async -> Bool {
        let outcome = await parts.store.writeSync(state, ifVersion: old.version, by: storeDeadline())
        synchronous.learned(outcome)
        let text = cause.text(me: me, from: old, to: state)
        switch outcome {
        case .written(let version):
            log.info("\(text)")
            // Without a version the next step needs a fresh look.
            guard let version else { return false }
            cluster?.sync = state
            cluster?.sync.version = version
            publishStatusBoard()
            return true
        case .conflict:
            log.info("Synchronous replication key updated by someone else")
            wakeUps.wake()
        case .unknown(let failure): log.warning("Updating sync state failed: \(failure)")
        }
        return false
    }

    private func reportStalled(since before: ConfirmationProgress, _ view: SynchronousReplication.View) {
        for stream in view.status.streams where synchronous.progress.isStalled(stream.name) {
            guard !before.isStalled(stream.name) else { continue }
            let patience = ConfirmationProgress.patience(settings).wholeSeconds
            log.warning(
                "\(stream.name) is connected but has confirmed nothing for \(patience) s: commits shall not wait for it until it has caught up"
            )
        }
    }

    private func set(_ names: SynchronousNames) async -> Bool {
        // Said once, even if PostgreSQL does not listen.
        if names != saidNames { log(names) }
        saidNames = names
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.managed(names.text), by: now + Self.lookLimit)
        } catch {
            log.error("synchronous_standby_names could not be set: \(error)")
            return false
        }
        synchronous.namesWereSet(names)
        return true
    }

    private func log(_ names: SynchronousNames) {
        let list = names.names.map(\.text)
        if settings.synchronousMode == .quorum {
            log.info(
                "Setting synchronous replication to \(names.hasAnybody ? 0 : names.count) of \(list.count) (\(list.joined(separator: ", ")))"
            )
            if names.hasAnybody {
                log.warning(
                    "Replication factor 2 requested, but 0 synchronous standbys available. Commits will be delayed.")
            }
            return
        }
        if names.hasAnybody { log.warning("No standbys available!") }
        log.info("Assigning synchronous standby status to [\(list.map { "'\($0)'" }.joined(separator: ", "))]")
    }

    private func giveNamesBack() async -> Bool {
        saidNames = nil
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.configured, by: now + Self.lookLimit)
            synchronous = SynchronousReplication()
            return true
        } catch {
            log.error("synchronous_standby_names could not be given back: \(error)")
            return false
        }
    }

    // MARK: before a start

    /// A primary comes up waiting for as many of those whom `/sync` lists as its promise needs: with priorities for all,
    /// with quorum commit for all but the quorum.
    func prepareSynchronousNames() async {
        guard settings.managesSynchronousStandbys else { return }
        let sync = cluster?.sync ?? .none
        let listed = sync.leader?.matches(me) == true ? sync.standbys : []
        let names =
            listed.count <= sync.quorum || listed.isEmpty
            ? leastNames : .first(listed.count - sync.quorum, of: listed)
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.managed(names.text), by: now + Self.lookLimit)
        } catch { log.error("synchronous_standby_names could not be prepared: \(error)") }
    }

    private var leastNames: SynchronousNames { settings.isSynchronousModeStrict ? .anybody : .nobody }

    /// With priorities the new primary alone holds every commit from now on; with quorum commit the voters go on, the
    /// old leader among them. If somebody else has changed the key since the race, this member may not have been
    /// synchronous any more: no promotion, the race begins anew (HA-189, HA-190, HA-195).
    func settleSynchronousBeforePromotion() async -> Bool {
        synchronous = SynchronousReplication()
        guard settings.managesSynchronousStandbys else {
            _ = await giveNamesBack()
            return true
        }
        let old = racedSync ?? cluster?.sync ?? .none
        let takeover =
            settings.synchronousMode == .quorum
            ? QuorumTakeover(old, me: me)
            : QuorumTakeover(SyncState(leader: me, standbys: [], version: old.version), me: me)
        let outcome = await parts.store.writeSync(takeover.sync, ifVersion: old.version, by: storeDeadline())
        synchronous.learned(outcome)
        switch outcome {
        case .written(let version):
            racedSync = nil
            if let version {
                cluster?.sync = takeover.sync
                cluster?.sync.version = version
            }
        case .conflict where cluster?.sync.leader == me && cluster?.sync.version != old.version:
            // Our own write, whose answer was lost: the key says already that we lead.
            racedSync = nil
            return false
        case .conflict:
            log.warning("Postponing promotion because synchronous replication state was updated by somebody else")
            racedSync = nil
            await releaseKey(position: nil)
            return false
        case .unknown(let failure):
            log.warning(
                "Postponing promotion because the store did not say whether the sync key was written: \(failure)")
            await parts.time.sleep(until: now + .milliseconds(200))
            return false
        }
        let canWaitForAny = look.status.running?.version ?? 0 >= 100_000
        let names =
            takeover.count == 0
            ? leastNames
            : canWaitForAny ? .any(takeover.count, of: takeover.names) : .first(takeover.count, of: takeover.names)
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.managed(names.text), by: now + Self.lookLimit)
        } catch {
            log.error("synchronous_standby_names could not be set: \(error)")
            // Without them the key would promise more than PostgreSQL keeps.
            return takeover.sync.standbys.isEmpty
        }
        synchronous.namesWereSet(names)
        return true
    }

    // MARK: before a stop

    /// A synchronous standby that just stops would hold up every commit: the leader is asked to choose another first
    /// (HA-155, HA-393). It is a request, not a condition. In maintenance mode
    /// the agent ends without stopping anything.
    func askForRelease() async {
        guard settings.managesSynchronousStandbys, !(settings.isPaused && isShuttingDown),
            configuration.local.tags.maySync,
            look.status.running != nil, isWaitedFor(cluster)
        else { return }
        asksForRelease = true
        let end = now + settings.loopWait * 2
        log.info("asking the leader to choose another synchronous standby")
        while now < end {
            let outcome = await parts.store.publishMember(member().json, by: now + settings.retryTimeout)
            guard outcome.isWritten, let seen = try? await parts.store.readCluster(by: now + settings.retryTimeout)
            else { return log.warning("the store does not answer, stopping without being released") }
            if !isWaitedFor(seen) { return }
            await parts.time.sleep(until: now + .milliseconds(500))
        }
        log.warning("the leader has not chosen another synchronous standby, stopping anyway")
    }

    private func isWaitedFor(_ cluster: Cluster?) -> Bool {
        cluster?.sync.isWaiting(for: me, leader: cluster?.leader?.name) == true
    }
}

extension SynchronousReplication.Cause {
    func text(me: MemberName, from old: SyncState, to new: SyncState) -> String {
        func list(_ state: SyncState) -> String { "[" + state.standbys.map { "'\($0)'" }.joined(separator: ", ") + "]" }
        switch self {
        case .enabled: return "Enabled synchronous replication"
        case .disabled: return "Disabled synchronous replication"
        case .otherLeader(let other):
            return "Inconsistent state of /sync key detected, leader = \(other) doesn't match \(me), "
                + "updating synchronous replication key"
        case .mismatch:
            return "Inconsistent state between synchronous_standby_names = \(list(new)) and /sync = \(list(old)) key "
                + "detected, updating synchronous replication key..."
        case .settling where old.standbys == new.standbys && old.quorum == new.quorum:
            return "Writing the synchronous replication key anew: an earlier write may still be on its way"
        case .quorum:
            return "Setting leader to \(me), quorum to \(new.quorum) of \(new.standbys.count) "
                + "(\(new.standbys.map(\.text).joined(separator: ", ")))"
        case .shrinking, .settling:
            return "Updating synchronous privilege temporarily from \(list(old)) to \(list(new))"
        case .confirmed: return "Synchronous standby status assigned to \(list(new))"
        }
    }
}
