// A database comes into being: by initdb, as a copy, or rewound onto the leader's history.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    func bootstrap(_ settings: BootstrapSettings) async throws(JobFailure) {
        await learnProgramsVersion()
        try await correctAccess()
        let empty = try await server()
        do throws(BootstrapError) {
            try await Bootstrap(empty, settings, programs).run()
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
        let server = try await server()
        let bootstrap = Bootstrap(server, settings, programs)
        try await launch(
            server, bootstrap.firstConfiguration(ServerParameters.wanted(server)), timeout: .seconds(3600))
        try await waitForEndOfRecovery()
        do throws(BootstrapError) {
            try await BootstrapUsers(server, programs).create(
                self.settings.localConnection(.patroni), hook: settings.postBootstrap, by: .distantFuture)
        } catch { throw JobFailure(error.description) }
        try await becomeOrdinaryPrimary(bootstrap, server)
        try? await checkpoint(by: time.now + .seconds(60))
    }

    /// The settings of the first start were for setting up only (HA-062).
    private func becomeOrdinaryPrimary(_ bootstrap: Bootstrap, _ server: LocalServer) async throws(JobFailure) {
        let parameters = ServerParameters.wanted(server)
        let change: ConfigurationChange
        do throws(BootstrapError) { change = try await bootstrap.finish(parameters) } catch {
            throw JobFailure(error.description)
        }
        recovery = nil
        written = parameters
        if bootstrap.plan.disablesHotStandby || parameters["hba_file"] != nil && bootstrap.plan.isCustom {
            try await stop(.fast, by: nil)
            try await start(.primary, timeout: .seconds(3600))
        } else if change.needsReload {
            do throws(PostmasterError) { try postmaster?.reload() } catch { throw JobFailure(error.description) }
            await closeConnections()
        }
    }

    /// A restored backup recovers first; the cluster begins when it accepts writes (HA-050).
    private func waitForEndOfRecovery() async throws(JobFailure) {
        var told = ""
        while !Task.isCancelled {
            guard let postmaster, !postmaster.hasExited else {
                throw JobFailure("PostgreSQL ended before it accepted writes; its own log tells why")
            }
            do throws(SQLError) {
                if try await inspection.running(by: time.now + .seconds(2)).isPrimary { return }
            } catch  where error.description != told {
                told = error.description
                // Refusals are normal while it starts; one that stays must not stay unknown.
                log.info("waiting for the new PostgreSQL to accept writes: \(told)")
            } catch {}
            await time.sleep(until: time.now + .milliseconds(50))
        }
        throw JobFailure("called off")
    }

    /// Before PostgreSQL or anything that writes for it is started (TOOL-065).
    func correctAccess() async throws(JobFailure) {
        let directory = settings.dataDirectory
        do throws(DataDirectoryObstacle) {
            let done = try await offPool { () throws(DataDirectoryObstacle) -> DataDirectoryAccess.Correction? in
                try DataDirectoryAccess.correct(directory)
            }
            if let done { log.warning("\(done)") }
        } catch { throw JobFailure(error.description) }
    }

    /// Before there is a data directory, the programs tell the version.
    private func learnProgramsVersion() async {
        guard
            let result = try? await programs.run(.postgres, ["--version"], english: true, by: time.now + .seconds(10)),
            let word = result.output.split(separator: " ").first(where: { $0.first?.isNumber == true }),
            let major = Int(word.prefix { $0.isNumber })
        else { return }
        serverVersion = major * 10000
    }

    func setAsideFailedBootstrap() async {
        try? await stop(.immediate, by: time.now + .seconds(10))
        let directory = settings.dataDirectory
        guard await offPool({ FileReading.exists(directory) }) else { return }
        do throws(RemovalError) {
            let place = try await DataDirectoryRemoval.putAside(directory)
            log.warning("what the failed bootstrap left is now in \(place)")
        } catch { log.error("what the failed bootstrap left could not be put aside: \(error)") }
    }

    func clone(from source: Member?) async throws(JobFailure) { try await clone(from: source, onlyBaseBackup: false) }

    func cloneByBaseBackup(of leader: Member) async throws(JobFailure) {
        try await clone(from: leader, onlyBaseBackup: true)
    }

    private func clone(from source: Member?, onlyBaseBackup: Bool) async throws(JobFailure) {
        await learnProgramsVersion()
        try await correctAccess()
        let creation = try await replicaCreation()
        do throws(ReplicaCreationError) {
            _ = try await creation.create(from: source?.endpoint, onlyBaseBackup: onlyBaseBackup)
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
        recovery = nil
    }

    func clone(from remote: RemoteSource) async throws(JobFailure) {
        await learnProgramsVersion()
        try await correctAccess()
        let creation = try await replicaCreation()
        do throws(ReplicaCreationError) {
            _ = try await creation.create(from: remote)
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
        recovery = nil
    }

    func canCloneWithoutLeader() async -> Bool {
        // What it takes is all in the settings; the version, unknown before there is data, does not matter.
        let server = LocalServer(scope: scope, name: name, settings: settings, version: 0)
        return ReplicaCreation(server, programs, in: cluster.standbyCluster, logger: log, time: time).worksWithoutMember
    }

    private func replicaCreation() async throws(JobFailure) -> ReplicaCreation {
        ReplicaCreation(try await server(), programs, in: cluster.standbyCluster, logger: log, time: time)
    }

    func removeDataDirectory() async throws(JobFailure) {
        do throws(RemovalError) {
            _ = try await DataDirectoryRemoval.remove(settings.dataDirectory)
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
    }

    func shutdownCheckpoint(by deadline: Moment) async -> ShutdownCheckpoint? {
        guard let control = try? await reader.read(by: deadline), control.state == .shutDown else { return nil }
        return await reader.shutdownCheckpoint(control, by: deadline)
    }
}
