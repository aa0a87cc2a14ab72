// New settings for a server that may be running: write, reload, and tell what needs a restart.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    func apply(_ settings: PostgresSettings, cluster: ClusterSettings, force: Bool) async {
        let isSame = settings == self.settings && cluster.useSlots == self.cluster.useSlots
        let oldAccess = (self.settings.hba, self.settings.ident)
        self.settings = settings
        self.cluster = cluster
        programs = PostgresPrograms(binDirectory: settings.binDirectory, programNames: settings.programNames)
        await inspection.update(settings)
        await scripts.update(settings)
        let hasNewAccess = oldAccess.0 != settings.hba || oldAccess.1 != settings.ident
        if !isSame || force { await bringInForce(force: force || hasNewAccess) }
    }

    /// A server that we found runs with what somebody else wrote: compare with that (HA-018).
    func adoptFoundServer(by deadline: Moment) async {
        guard let server = try? await server() else { return }
        do throws(SQLError) {
            written = try await RunningSettings.current(
                server, try await workConnection(by: deadline), by: deadline)
            keepFoundSynchronousNames(server)
        } catch { log.warning("the running server's settings could not be read: \(error)") }
        await bringInForce(force: false)
    }

    private func bringInForce(force: Bool) async {
        guard let postmaster, !postmaster.hasExited, let server = try? await server() else { return }
        let wanted = wantedParameters(server)
        do throws(SQLError) {
            let names = ParameterDifference.names(wanted: wanted, previous: written)
            let deadline = time.now + .seconds(3)
            let connection = try await workConnection(by: deadline)
            let running = try await RunningSettings.read(names, connection, by: deadline)
            let difference = ParameterDifference(wanted: wanted, previous: written, running: running)
            for message in difference.messages { log.info("\(message)") }
            pendingRestart = difference.pendingRestart
            guard difference.needsReload || force else { return }
            let known = wanted.filter { !difference.unknown.contains($0) }
            await rewrite(known, server)
            log.info("PostgreSQL configuration items changed, reloading configuration.")
        } catch {
            log.warning(
                "new settings could not be compared with the running server's, they count from its next start: \(error)"
            )
        }
    }

    func rewrite(_ parameters: Parameters, _ server: LocalServer) async {
        // A standby that we found has recovery settings that we don't know yet; the next turn compares and writes them.
        if await ServerConfiguration(server).hasStandbySignal(), recovery == nil { return }
        let wanted = WantedConfiguration(parameters: parameters, recovery: recovery)
        do throws(JobFailure) { try await write(wanted, server) } catch {
            log.error("the new settings could not be written: \(error)")
            return
        }
        do throws(PostmasterError) { try postmaster?.reload() } catch { log.error("\(error)") }
    }

    /// A connection for work that may take longer than a status query; kept for the next time.
    func workConnection(by deadline: Moment) async throws(SQLError) -> SQLConnection {
        if let work, await work.isOpen { return work }
        let opened = try await SQLConnection.open(
            settings.localConnection(.patroni, statementTimeout: false), by: deadline, time: time)
        work = opened
        return opened
    }

    /// Settings that the server offers beyond the rules we know; asked once, the answer takes a moment.
    func beyondRules() async -> Set<String> {
        if let knownSettings { return knownSettings }
        let found = await ConfiguredValues.known(programs, by: time.now + .seconds(10))
        knownSettings = found
        return found
    }
}
