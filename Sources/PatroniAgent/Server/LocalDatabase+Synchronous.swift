// `synchronous_standby_names` of this server: set by the agent in synchronous mode, the operator's otherwise.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

extension LocalDatabase {
    private static let name = "synchronous_standby_names"

    func wantedParameters(_ server: LocalServer) -> Parameters {
        ServerParameters.wanted(server, synchronous: synchronous)
    }

    /// A standby keeps no names: promoted, it would wait for whoever was there long ago (HA-197).
    func forgetSynchronousNames() {
        synchronous = cluster.managesSynchronousStandbys ? .managed(nil) : .configured
    }

    /// A server that was found running waits for somebody: that stays until the agent decides otherwise.
    func keepFoundSynchronousNames(_ server: LocalServer) {
        guard let found = written[Self.name], !found.isEmpty else { return }
        if found != ServerParameters.wanted(server)[Self.name] { synchronous = .managed(found) }
    }

    func synchronousStatus(by deadline: Moment) async -> SynchronousStatus? {
        try? await inspection.synchronousStatus(by: deadline)
    }

    func setSynchronousNames(_ names: SynchronousStandbyNames, by deadline: Moment) async throws(JobFailure) {
        synchronous = names
        guard let postmaster, !postmaster.hasExited else { return }
        let server = try await server()
        var parameters = await parametersInForce(server)
        let wanted = wantedParameters(server)[Self.name]
        guard parameters[Self.name] != wanted else { return }
        parameters[Self.name] = wanted
        await rewrite(parameters, server)
        log.info("synchronous_standby_names = '\(wanted ?? "")'")
        // Every process of the server reads the files for itself: what one of them says is not yet true of all.
        await time.sleep(until: time.now + .milliseconds(100))
        await leaveRecord(by: deadline)
    }

    /// Something for the standbys to receive and to confirm. Itself it waits for nobody (HA-395).
    private func leaveRecord(by deadline: Moment) async {
        let record = """
            DO $$ BEGIN IF NOT pg_catalog.pg_is_in_recovery() THEN SET LOCAL synchronous_commit = off;
            PERFORM pg_catalog.txid_current(); END IF; END $$
            """
        do throws(SQLError) {
            _ = try await workConnection(by: deadline).query(record, by: deadline)
        } catch { log.debug("no record was left for the standbys: \(error)") }
    }
}
