// A database comes into being: by initdb, as a copy, or rewound onto the leader's history.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    func bootstrap(_ bootstrap: BootstrapSettings) async throws(JobFailure) {
        await learnProgramsVersion()
        let plan = Bootstrap(await server(), bootstrap, programs)
        do throws(BootstrapError) {
            try await plan.run()
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
        let server = await server()
        try await launch(server, recovery: plan.plan.recovery, timeout: .seconds(3600))
        try await waitForEndOfRecovery()
        do throws(BootstrapError) {
            try await BootstrapUsers(server, programs).create(
                settings.localConnection(.patroni), hook: bootstrap.postBootstrap, by: .distantFuture)
        } catch { throw JobFailure(error.description) }
        try? await checkpoint(by: time.now + .seconds(60))
    }

    /// A restored backup recovers first; the cluster begins when it accepts writes (HA-050).
    private func waitForEndOfRecovery() async throws(JobFailure) {
        while !Task.isCancelled {
            guard let postmaster, !postmaster.hasExited else {
                throw JobFailure("PostgreSQL ended before it accepted writes; its own log tells why")
            }
            if let running = try? await inspection.running(by: time.now + .seconds(2)), running.isPrimary { return }
            await time.sleep(until: time.now + .milliseconds(50))
        }
        throw JobFailure("called off")
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
        do throws(RemovalError) {
            let place = try await DataDirectoryRemoval.putAside(settings.dataDirectory)
            log.warning("what the failed bootstrap left is now in \(place)")
        } catch { log.error("what the failed bootstrap left could not be put aside: \(error)") }
    }

    func clone(from source: Member?) async throws(JobFailure) {
        await learnProgramsVersion()
        let creation = ReplicaCreation(await server(), programs, logger: log, time: time)
        do throws(ReplicaCreationError) {
            _ = try await creation.create(from: source?.endpoint)
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
        recovery = nil
    }

    func removeDataDirectory() async throws(JobFailure) {
        do throws(RemovalError) {
            _ = try await DataDirectoryRemoval.remove(settings.dataDirectory)
        } catch { throw JobFailure(error.description) }
        serverVersion = nil
    }

    func shutdownCheckpoint(by deadline: Moment) async -> ShutdownCheckpoint? {
        guard let control = try? await reader.read(by: deadline), control.state == .shutDown,
            let location = control.checkpoint
        else { return nil }
        return ShutdownCheckpoint(location: location)
    }
}
