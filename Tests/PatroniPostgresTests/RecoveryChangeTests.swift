// What it takes to let a running standby follow somebody.

import PatroniCore
import Testing

@testable import PatroniPostgres

@Suite struct RecoveryChangeTests {
    private let server = LocalServer.sample()
    private let leader = Endpoint(host: "10.0.0.2", port: 5433, database: "postgres")

    private func wanted(_ endpoint: Endpoint?) -> RecoverySettings {
        RecoveryConfiguration.following(endpoint, server, useSlots: true)
    }

    /// What pg_settings says of a standby that was configured for `endpoint`.
    private func running(_ endpoint: Endpoint, conninfoContext: String = "sighup") -> RunningRecovery {
        let recovery = wanted(endpoint)
        let parameters = RecoveryConfiguration.compared.map { name -> RunningParameter in
            let value =
                name == "primary_conninfo"
                ? recovery.upstream.map { RecoveryConfiguration.conninfo($0, server).text(version: 150_004) } ?? ""
                : recovery.parameters[name] ?? (name == "recovery_min_apply_delay" ? "0" : "")
            return RunningParameter(
                name: name, setting: value, type: "string",
                context: name == "primary_conninfo"
                    ? conninfoContext : name.hasPrefix("recovery_target") ? "postmaster" : "sighup",
                sourceFile: server.files.configuration)
        }
        return RunningRecovery(
            parameters: parameters, receiver: nil, hasStandbySignal: true,
            passfile: recovery.upstream.map(Passfile.text))
    }

    private func change(
        to endpoint: Endpoint?, from running: RunningRecovery, isFirstLook: Bool = false
    ) -> RecoveryChange {
        RecoveryConfiguration.change(to: wanted(endpoint), from: running, server, isFirstLook: isFirstLook)
    }

    @Test func `nothing is done when the standby follows already`() {
        #expect(change(to: leader, from: running(leader)) == .none)
    }

    @Test func `a new upstream needs a reload`() {
        let other = Endpoint(host: "10.0.0.3", port: 5433, database: "postgres")
        #expect(
            change(to: other, from: running(leader))
                == .reload(because: ["primary_conninfo: the passfile holds other passwords"]))
        #expect(change(to: nil, from: running(leader)) != .none)
    }

    @Test func `older servers have to be restarted for it`() {
        let other = Endpoint(host: "10.0.0.3", port: 5433)
        guard case .restart = change(to: other, from: running(leader, conninfoContext: "postmaster")) else {
            Issue.record("not restarted")
            return
        }
    }

    @Test func `the live receiver counts more than the setting`() {
        var running = running(leader)
        running.receiver = .init(
            conninfo: "user=replicator passfile=/tmp/pgpass0 channel_binding=prefer dbname=replication host=10.0.0.9 "
                + "port=5433 application_name=postgresql0 sslmode=prefer gssencmode=prefer krbsrvname=postgres",
            slotName: "postgresql0")
        #expect(
            change(to: leader, from: running)
                == .reload(because: ["primary_conninfo: host=10.0.0.9 instead of 10.0.0.2"]))
        running.receiver = .init(
            conninfo: "user=replicator passfile=/tmp/pgpass0 dbname=replication host=10.0.0.2 port=5433 "
                + "application_name=postgresql0", slotName: "another")
        #expect(
            change(to: leader, from: running)
                == .reload(because: ["primary_slot_name: 'another' instead of 'postgresql0'"]))
    }

    @Test func `another password is noticed through the passfile`() {
        var running = running(leader)
        running.passfile = "10.0.0.2:5433:*:replicator:old\n"
        #expect(
            change(to: leader, from: running)
                == .reload(because: ["primary_conninfo: the passfile holds other passwords"]))
    }

    @Test func `a missing standby.signal needs a restart`() {
        var running = running(leader)
        running.hasStandbySignal = false
        #expect(change(to: leader, from: running) == .restart(because: ["standby.signal is missing"]))
    }

    @Test func `a recovery target left behind needs a restart`() {
        var running = running(leader)
        running.parameters = running.parameters.map { row in
            var row = row
            if row.name == "recovery_target_name" { row.setting = "somewhere" }
            return row
        }
        guard case .restart = change(to: leader, from: running) else {
            Issue.record("not restarted")
            return
        }
    }

    @Test func `settings of other files are respected when ours say nothing`() {
        var running = running(leader)
        running.parameters = running.parameters.map { row in
            var row = row
            if row.name == "restore_command" {
                row.setting = "cp a b"
                row.sourceFile = "/etc/extra.conf"
            }
            return row
        }
        #expect(change(to: leader, from: running) == .none)
    }

    @Test func `a server that was found running gets its file written once`() {
        #expect(change(to: leader, from: running(leader), isFirstLook: true) != .none)
    }
}
