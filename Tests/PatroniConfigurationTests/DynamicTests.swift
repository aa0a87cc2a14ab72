// The dynamic configuration: corrections, merging, PostgreSQL's controlled parameters.

import PatroniCore
import Testing

@testable import PatroniConfiguration

@Suite struct DynamicTests {
    @Test func `an empty configuration means the defaults`() throws {
        let dynamic = try DynamicSettings([:])
        #expect(dynamic.settings == ClusterSettings())
        #expect(dynamic.warnings.isEmpty)
    }

    @Test(arguments: [
        ("{ttl: 20, loop_wait: 2, retry_timeout: 3}", 20, 2, 3, 0),
        ("{ttl: '20', loop_wait: '2', retry_timeout: '3'}", 20, 2, 3, 0),
        ("{ttl: 5, loop_wait: 0, retry_timeout: 1}", 20, 1, 3, 3),
        ("{ttl: 20}", 20, 1, 9, 1),
        ("{ttl: 30, loop_wait: 15}", 30, 10, 10, 1),
    ])
    func `timings are corrected so that the lease outlives a turn`(
        text: String, ttl: Int, loopWait: Int, retryTimeout: Int, warnings: Int
    ) throws {
        let dynamic = try DynamicSettings(try tree(text))
        #expect(dynamic.settings.ttl == .seconds(ttl))
        #expect(dynamic.settings.loopWait == .seconds(loopWait))
        #expect(dynamic.settings.retryTimeout == .seconds(retryTimeout))
        #expect(dynamic.warnings.count == warnings)
    }

    @Test func `the correction is told in Patroni's words`() throws {
        #expect(
            try DynamicSettings(["ttl": 20, "loop_wait": 15, "retry_timeout": 5]).warnings == [
                "Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl=20 and retry_timeout=5."
                    + " Adjusting loop_wait from 15 to 10"
            ])
    }

    @Test func `what can't be a duration makes the whole object be refused`() {
        #expect(throws: ConfigurationError.self) { try DynamicSettings(["ttl": "soon"]) }
        #expect(throws: ConfigurationError.self) { try DynamicSettings(["postgresql": ["parameters": [1]]]) }
    }

    @Test func `a single wrong value elsewhere falls back to its default`() throws {
        let dynamic = try DynamicSettings(["maximum_lag_on_failover": "much", "pause": "perhaps"])
        #expect(dynamic.settings == ClusterSettings())
        #expect(dynamic.warnings.count == 2)
    }

    @Test(arguments: [
        ("{synchronous_mode: on}", SynchronousMode.on), ("{synchronous_mode: quorum}", .quorum),
        ("{synchronous_mode: 'off'}", .off), ("{synchronous_mode: Quorum}", .quorum), ("{}", .off),
    ])
    func `synchronous mode has three values`(text: String, mode: SynchronousMode) throws {
        #expect(try DynamicSettings(try tree(text)).settings.synchronousMode == mode)
    }

    @Test func `old names count when the new ones are missing`() throws {
        #expect(try DynamicSettings(["master_start_timeout": 7]).settings.primaryStartTimeout == .seconds(7))
        let both = try DynamicSettings(["master_start_timeout": 7, "primary_start_timeout": 8])
        #expect(both.settings.primaryStartTimeout == .seconds(8))
        #expect(try DynamicSettings(["master_stop_timeout": 9]).settings.primaryStopTimeout == .seconds(9))
    }

    @Test func `a standby cluster needs something to replicate from`() throws {
        #expect(try DynamicSettings(["standby_cluster": ["primary_slot_name": "x"]]).settings.standbyCluster == nil)
        let settings = try DynamicSettings(["standby_cluster": ["host": "h", "foo": 1]]).settings
        #expect(settings.standbyCluster == RemoteSource(["host": "h"]))
        let full = try DynamicSettings([
            "standby_cluster": [
                "host": "a,b", "port": 5433, "primary_slot_name": "s", "create_replica_methods": ["x", "basebackup"],
                "restore_command": "cp", "archive_cleanup_command": "rm", "recovery_min_apply_delay": "5min",
            ]
        ]).settings.standbyCluster
        #expect(full?.hosts == "a,b" && full?.ports == "5433" && full?.slotName == "s")
        #expect(full?.createReplicaMethods == ["x", "basebackup"] && full?.hasSeveralHosts == true)
        #expect(full?.restoreCommand == "cp" && full?.archiveCleanupCommand == "rm")
        #expect(full?.recoveryMinApplyDelay == "5min")
        let archive = try DynamicSettings(["standby_cluster": ["host": .null, "restore_command": "cp"]]).settings
        #expect(archive.isStandbyCluster && archive.standbyCluster?.hasServer == false)
    }

    @Test func `local parameters win, controlled ones only come from the store`() throws {
        let local = try tree(minimal).patched(
            with: try tree("postgresql: {parameters: {Work_Mem: 8MB, max_connections: 500, a.b: 1}}"))
        let dynamic = try tree(
            """
            postgresql:
              data_dir: /elsewhere
              listen: nowhere:1
              pre_promote: /bin/true
              parameters: {work_mem: 4MB, Max_Connections: '50', max_wal_senders: 2, port: 1, wal_keep_size: 1GB}
            """)
        let effective = try EffectiveConfiguration(local: local, dynamic: dynamic)
        let postgres = effective.agent.postgres
        #expect(postgres.parameters == ["work_mem": "8MB", "a.b": 1])
        #expect(postgres.controlledParameters["max_connections"] == 50)
        #expect(postgres.controlledParameters["max_wal_senders"] == 10)
        #expect(postgres.controlledParameters["wal_keep_size"] == "1GB")
        #expect(postgres.controlledParameters["port"] == nil)
        #expect(postgres.dataDirectory == "data/one")
        #expect(postgres.port == 5432)
        #expect(postgres.prePromote == "/bin/true")
        #expect(
            effective.warnings == [
                "postgresql parameter max_wal_senders=2 failed validation, defaulting to 10",
                "postgresql parameter port=1 failed validation, defaulting to None",
            ])
    }

    @Test(arguments: ["wal_log_hints", "hot_standby", "wal_level", "track_commit_timestamp", "max_worker_processes"])
    func `a controlled parameter that makes no sense keeps its default`(name: String) {
        let (values, warnings) = ControlledParameter.read(JSONObject([(name, JSON.string("nonsense"))]))
        #expect(values == ControlledParameter.read([:]).values)
        #expect(warnings.count == 1)
    }

    @Test func `a local section replaces a dynamic one as a whole`() throws {
        let local = try tree(minimal).patched(with: try tree("postgresql: {callbacks: {on_stop: b}, use_slots: false}"))
        let dynamic = try tree("postgresql: {callbacks: {on_start: a}, use_slots: true, mymethod: {command: c}}")
        let effective = try EffectiveConfiguration(local: local, dynamic: dynamic)
        #expect(effective.agent.postgres.callbacks == ["on_stop": "b"])
        #expect(effective.agent.postgres.methods == ["mymethod": ["command": "c"]])
        #expect(effective.cluster.useSlots)
    }

    @Test(arguments: [
        ("{a: 1}", "{a: '1'}", "{a: 1}", false),
        ("{a: 1}", "{a: 2, b: 3}", "{a: 2, b: 3}", true),
        ("{a: {b: 1, c: 2}}", "{a: {b: null, d: 4}}", "{a: {c: 2, d: 4}}", true),
        ("{a: 1}", "{a: {b: 1}}", "{a: {b: 1}}", true),
        ("{a: {b: 1}}", "{a: [1]}", "{a: [1]}", true),
        ("{a: 1}", "{b: null}", "{a: 1}", false),
        ("{a: 1}", "{a: null}", "{}", true),
    ])
    func `a patch merges tables, removes nulls and replaces the rest`(
        text: String, patch: String, result: String, changed: Bool
    ) throws {
        var object = try tree(text)
        let isChanged = object.apply(patch: try tree(patch))
        let wanted = try tree(result)
        #expect(object == wanted)
        #expect(isChanged == changed)
    }
}
