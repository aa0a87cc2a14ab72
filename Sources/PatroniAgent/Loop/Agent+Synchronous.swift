// Synchronous replication in the agent: takes the steps that the core decides, and asks to be let off before a stop.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniPlatform
import PatroniPostgres

extension Agent {
    /// How long one turn waits for standbys to catch up.
    private static let patience: Duration = .seconds(2)

    /// After a turn of a leading primary. Returns how soon to look again while things are not as they should be.
    func keepSynchronous() async -> Duration? {
        guard cluster?.leader?.name == me, look.status.isPrimary else {
            synchronous = SynchronousReplication()
            return nil
        }
        let end = now + Self.patience
        while lease.isValid(at: now), job == nil, let cluster {
            guard settings.managesSynchronousStandbys || !cluster.sync.isEmpty || synchronous.hasTried else {
                return await giveNamesBack() ? nil : .seconds(1)
            }
            guard let status = await parts.server.synchronousStatus(by: now + Self.lookLimit) else {
                return .seconds(1)
            }
            let view = SynchronousReplication.View(
                me: me, settings: settings, members: cluster.members, sync: cluster.sync, status: status)
            switch synchronous.step(view) {
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

    private func set(_ names: SynchronousNames) async -> Bool {
        if names == .anybody { log.warning("No standbys available!") }
        let list = names.names.map { "'\($0)'" }.joined(separator: ", ")
        log.info("Assigning synchronous standby status to [\(list)]")
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.managed(names.text), by: now + Self.lookLimit)
        } catch {
            log.error("synchronous_standby_names could not be set: \(error)")
            return false
        }
        synchronous.namesWereSet(names)
        return true
    }

    private func giveNamesBack() async -> Bool {
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

    /// A primary comes up waiting for everybody whom `/sync` lists: they must miss nothing.
    func prepareSynchronousNames() async {
        guard settings.managesSynchronousStandbys else { return }
        let sync = cluster?.sync ?? .none
        let listed = sync.leader?.matches(me) == true ? sync.standbys : []
        let least = settings.isSynchronousModeStrict ? SynchronousNames.anybody : .nobody
        let names = listed.isEmpty ? least : SynchronousNames.all(listed)
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.managed(names.text), by: now + Self.lookLimit)
        } catch { log.error("synchronous_standby_names could not be prepared: \(error)") }
    }

    /// The new primary alone holds every commit from now on. If somebody else has changed the key meanwhile, this
    /// member may not have been synchronous any more: no promotion (HA-189, HA-195).
    func settleSynchronousBeforePromotion() async -> Bool {
        synchronous = SynchronousReplication()
        guard settings.managesSynchronousStandbys else {
            _ = await giveNamesBack()
            return true
        }
        let outcome = await parts.store.writeSync(
            SyncState(leader: me, standbys: []), ifVersion: cluster?.sync.version, by: storeDeadline())
        synchronous.learned(outcome)
        guard outcome.isWritten else {
            log.warning("Postponing promotion because synchronous replication state was updated by somebody else")
            await parts.time.sleep(until: now + .milliseconds(200))
            return false
        }
        let names: SynchronousNames = settings.isSynchronousModeStrict ? .anybody : .nobody
        do throws(JobFailure) {
            try await parts.server.setSynchronousNames(.managed(names.text), by: now + Self.lookLimit)
        } catch { log.error("synchronous_standby_names could not be set: \(error)") }
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
        case .shrinking, .settling:
            return "Updating synchronous privilege temporarily from \(list(old)) to \(list(new))"
        case .confirmed: return "Synchronous standby status assigned to \(list(new))"
        }
    }
}
