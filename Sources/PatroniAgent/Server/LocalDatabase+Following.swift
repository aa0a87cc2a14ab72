// Whom the standby streams from, and where its log parts from the leader's.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    /// What we wrote ourselves and loaded is in force; only a server that we found has to be asked (HA-254, HA-260).
    func compare(with upstream: Upstream, by deadline: Moment) async -> UpstreamState {
        guard let server = try? await server() else { return .asWanted }
        let wanted = recoverySettings(for: upstream, server)
        if let recovery {
            // Before 14 restore_command counted from a start on (HA-256).
            let isNewArchive = recovery.parameters["restore_command"] != wanted.parameters["restore_command"]
            return recovery == wanted
                ? .asWanted : isNewArchive && server.version < 140_000 ? .needsRestart : .needsReload
        }
        let running: RunningRecovery
        do throws(SQLError) {
            running = try await RunningSettings.recovery(
                ServerConfiguration(server), try await workConnection(by: deadline), by: deadline)
        } catch {
            log.warning("the recovery settings could not be read: \(error)")
            return .asWanted
        }
        let change = RecoveryConfiguration.change(to: wanted, from: running, server, isFirstLook: isFound)
        for reason in change.reasons { log.info("recovery settings: \(reason)") }
        switch change {
        case .none:
            recovery = wanted
            return .asWanted
        case .reload: return .needsReload
        case .restart: return .needsRestart
        }
    }

    func follow(_ upstream: Upstream, restart: Bool) async throws(JobFailure) {
        if restart {
            try await stop(.fast, by: nil)
            try await start(.standby(upstream), timeout: settings.startTimeout)
            return
        }
        let server = try await server()
        let recovery = recoverySettings(for: upstream, server)
        var wanted = WantedConfiguration(parameters: await parametersInForce(server), recovery: recovery)
        wanted.keepsExistingRecovery = false
        try await write(wanted, server)
        do throws(PostmasterError) { try postmaster?.reload() } catch { throw JobFailure(error.description) }
        isFound = false
    }

    /// What the server is to be told about recovery.
    func recoverySettings(for upstream: Upstream, _ server: LocalServer) -> RecoverySettings {
        switch upstream {
        case .remote(let remote):
            RecoveryConfiguration.following(remote: remote, server, useSlots: cluster.useSlots)
        case .member, .nobody:
            RecoveryConfiguration.following(
                upstream.member, server, useSlots: cluster.useSlots, in: cluster.standbyCluster)
        }
    }

    /// What stands in the files; a standby may have been raised above what is configured (CFG-250).
    func parametersInForce(_ server: LocalServer) async -> Parameters {
        if !written.isEmpty { return written }
        let wanted = wantedParameters(server)
        guard let report = try? await reader.report(by: time.now + .seconds(5)) else { return wanted }
        let lines = Dictionary(report.map { ($0.label, $0.value) }, uniquingKeysWith: { $1 })
        return ServerParameters.raisedForStandby(wanted, controlData: lines).parameters
    }

    /// An operator's own pause stays: only a server that runs with less than its log asks for has paused itself. What it
    /// runs with only the server knows: its files may have more already, for the next start (HA-137).
    func resumeReplay(by deadline: Moment) async {
        guard let report = try? await reader.report(by: deadline) else { return }
        let lines = Dictionary(report.map { ($0.label, $0.value) }, uniquingKeysWith: { $1 })
        do throws(SQLError) {
            let connection = try await workConnection(by: deadline)
            let rows = try await RunningSettings.read(ServerParameters.neededByLog, connection, by: deadline)
            let running = Parameters(rows.map { ($0.name, $0.setting) })
            guard ServerParameters.raisedForStandby(running, controlData: lines).parameters != running else { return }
            log.info("Resuming paused WAL replay for PostgreSQL 14+")
            _ = try await connection.query("SELECT pg_catalog.pg_wal_replay_resume()", by: deadline)
        } catch { log.warning("the replay could not be resumed: \(error)") }
    }

    // MARK: divergence

    /// Compares this server's log with the leader's history; a crashed one recovers by itself first, as nobody else
    /// knows where its log ends (HA-077, HA-235).
    func divergence(from leader: Member) async -> Divergence {
        guard let endpoint = leader.endpoint else { return .unknown("\(leader.name) has not said where it is") }
        return await divergence(from: ServerAddress(endpoint), called: leader.name.text)
    }

    func divergence(from remote: RemoteSource) async -> Divergence {
        guard let address = ServerAddress(remote) else { return .unknown("standby_cluster names no server") }
        return await divergence(from: address, called: "the remote primary")
    }

    private func divergence(from leader: ServerAddress, called name: String) async -> Divergence {
        guard let server = try? await server() else {
            return .unknown("the version of the data directory is not known")
        }
        let rewind = Rewind(server, programs, logger: log, time: time)
        guard let position = await localPosition(rewind) else {
            return .unknown("PostgreSQL has crashed, and where its log ends can't be found out")
        }
        switch await rewind.check(position, against: leader, by: time.now + .seconds(10)) {
        case .same: return .none
        case .diverged(let why):
            log.warning("this server has diverged from \(name): \(why)")
            return .diverged
        case .forked(let why):
            log.error("this server has another timeline of the same number as \(name): \(why)")
            return .needsCopy(why)
        case .dependsOnCheckpointEnd: return .unknown("the end of our last checkpoint is not known")
        case .unknown(let why): return .unknown(why)
        }
    }

    private func localPosition(_ rewind: Rewind) async -> LocalPosition? {
        if let running = try? await inspection.running(by: time.now + .seconds(2)) { return LocalPosition(running) }
        guard let control = try? await reader.read(by: time.now + .seconds(2)) else { return nil }
        if let position = LocalPosition(control) { return position }
        let isGone = await Postmaster.terminateLeftovers(
            dataDirectory: settings.dataDirectory, programs: programs, by: time.now + .seconds(10), time: time)
        guard isGone, control.allowsRewind, postmaster?.hasExited ?? true else { return nil }
        do throws(JobFailure) { try await correctAccess() } catch { log.error("\(error)") }
        log.info("doing crash recovery in a single user mode")
        if let problem = await rewind.recoverInSingleUserMode() { log.error("\(problem)") }
        return (try? await reader.read(by: time.now + .seconds(2))).flatMap { LocalPosition($0) }
    }

    func rewind(from leader: Member) async -> RewindOutcome {
        guard let endpoint = leader.endpoint else { return .notNow("\(leader.name) has not said where it is") }
        return await rewind(from: ServerAddress(endpoint)) { _, _ in nil }
    }

    func rewind(from remote: RemoteSource) async -> RewindOutcome {
        guard let address = ServerAddress(remote) else { return .notNow("standby_cluster names no server") }
        return await rewind(from: address) { rewind, address in
            await rewind.checkpoint(on: address).map { "Can not use remote_member for rewind: \($0)" }
        }
    }

    /// `obstacle`: why the source can't be used just now.
    private func rewind(
        from source: ServerAddress, unless obstacle: (Rewind, ServerAddress) async -> String?
    ) async -> RewindOutcome {
        guard let server = try? await server() else { return .notNow("the version of the data directory is not known") }
        let rewind = Rewind(server, programs, logger: log, time: time)
        if let problem = await obstacle(rewind, source) { return .notNow(problem) }
        let outcome = await rewind.run(from: source)
        recovery = nil
        written = Parameters()
        return outcome
    }

    // MARK: becoming a standby cluster

    func isArchiving(by deadline: Moment) async -> Bool {
        guard let server = try? await server() else { return false }
        return await ConfiguredValues(server.files, programs).archiveCommand(by: deadline) != nil
    }

    func archiveShutdownSegment(by deadline: Moment) async throws(JobFailure) {
        let server = try await server()
        guard let report = try? await reader.report(by: time.now + .seconds(5)),
            let segment = report.first(where: { $0.label == "Latest checkpoint's REDO WAL file" })?.value
        else { throw JobFailure("Cannot extract latest checkpoint's WAL file name") }
        guard let command = await ConfiguredValues(server.files, programs).archiveCommand(by: time.now + .seconds(5))
        else { throw JobFailure("there is no archive_command any more") }
        let archiving = WalArchiving(server.files, programs, logger: log)
        if let problem = await archiving.archive(segment, command, by: deadline) { throw JobFailure(problem) }
    }

    func history(of timeline: Timeline, by deadline: Moment) async -> TimelineHistory? {
        guard timeline > Timeline(1) else { return TimelineHistory(rows: []) }
        let wal = settings.dataDirectory + "/pg_wal"
        let read = await offPool(by: deadline) { () -> (history: TimelineHistory, time: String?)? in
            guard let (history, path) = HistoryFile.read(timeline, in: wal) else { return nil }
            return (history, FileReading.modificationTime(path).map { LocalTimeZone.iso8601($0) })
        }
        guard let (found, modified) = read ?? nil else { return nil }
        var history = found
        if let last = history.rows.indices.last { history.rows[last].time = modified }
        return history
    }
}
