// Replication slots of this server: brought in line every turn, logical ones copied from the primary when they are missing.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    func arrangeSlots(_ wishes: SlotWishes, by deadline: Moment) async {
        let wanted = WantedSlots.on(
            wishes.me, tags: wishes.tags, isLeader: wishes.isLeader, cluster: wishes.cluster, settings: wishes.settings)
        do throws(SQLError) {
            let connection = try await workConnection(by: deadline)
            let (local, time) = (settings.localConnection(.patroni, statementTimeout: false), time)
            let round = try await SlotKeeper.keep(
                wanted, ignored: IgnoredSlots(wishes.cluster), isPaused: wishes.settings.isPaused,
                mayCleanHorizons: wishes.mayCleanHorizons, connection, by: deadline
            ) { database throws(SQLError) in
                var connection = local
                connection["dbname"] = database
                return try await SQLConnection.open(connection, by: deadline, time: time)
            }
            slotPositions = round.positions
            // Others wait for a slot that was made, and we for one that is missing: no need for a loop_wait in between.
            if !round.performed.isEmpty || round.missing != missingSlots { news.yield() }
            missingSlots = round.missing
            logicalSlots = wanted.logical
            for failure in round.failures { log.warning("replication slots: \(failure)") }
        } catch { log.warning("the replication slots could not be arranged: \(error)") }
        await enforceHotStandbyFeedback(wanted.needsHotStandbyFeedback)
    }

    /// Tells the running server when that changes.
    private func enforceHotStandbyFeedback(_ isEnforced: Bool) async {
        guard isEnforced != enforcesHotStandbyFeedback, let server = try? await server() else { return }
        enforcesHotStandbyFeedback = isEnforced
        await rewrite(await parametersInForce(server), server)
    }

    func copySlots(
        _ names: [String], from leader: Member, following upstream: Upstream
    ) async throws(JobFailure) {
        guard let endpoint = leader.endpoint else { throw JobFailure("\(leader.name) has not said where it is") }
        let server = try await server()
        var copy: LogicalSlotCopy
        do throws(SQLError) {
            copy = try await LogicalSlotCopy.read(
                names, from: endpoint, server, by: time.now + .seconds(10), time: time)
        } catch { throw JobFailure("logical slots could not be read from \(leader.name): \(error)") }
        missingSlots = []
        copy.slots.removeAll { slot in
            let wanted = logicalSlots[slot.name]
            let isMeant = wanted?.database == slot.database && wanted?.plugin == slot.plugin
            if !isMeant {
                log.warning("the logical slot \(slot.name) of \(leader.name) is another one than the configured")
            }
            return !isMeant
        }
        if copy.slots.isEmpty { throw JobFailure("\(leader.name) has none of the logical slots") }
        try await stop(.fast, by: nil)
        let (directory, slots) = (settings.dataDirectory, copy)
        let failure = await offPool { () -> FileError? in
            do throws(FileError) { try slots.write(dataDirectory: directory) } catch { return error }
            return nil
        }
        if let failure { log.error("logical slots could not be put in place: \(failure)") }
        try await start(.standby(upstream), timeout: settings.startTimeout)
    }
}
