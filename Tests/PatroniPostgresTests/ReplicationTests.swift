// Replicas of a real server: cloning, following, changing the upstream, slots.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct ReplicationTests {
    @Test func `a replica is cloned, follows with its slot, and changes its upstream by a reload`() async throws {
        let (one, two, three) = (try TestMember("one"), try TestMember("two"), try TestMember("three-x"))
        try await withMembers(one, two, three) {
            try await one.bootstrap()
            try await one.value("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
            let keeper = try await SQLConnection.open(one.superuser, by: soon())
            var slots = WantedSlots()
            slots.physical = ["two": WantedSlot(isExpectedActive: true), "three_x": WantedSlot(isExpectedActive: true)]
            #expect(try await keep(slots, keeper).performed == [.create("three_x"), .create("two")])

            try await two.clone(from: one)
            #expect(FileReading.exists(two.server.files.configuration))
            try await two.startFollowing(one, useSlots: true)
            try await two.catchUp(with: one)
            #expect(try await two.value("SELECT count(*) FROM t") == "100")
            #expect(try await one.value("SELECT active FROM pg_replication_slots WHERE slot_name = 'two'") == "t")

            // It follows already: nothing to do, neither by the settings nor by the live receiver.
            #expect(try await change(of: two, to: one, useSlots: true) == .none)

            try await three.clone(from: two)
            try await three.startFollowing(two)
            try await three.catchUp(with: one)
            guard case .reload = try await change(of: three, to: one, useSlots: true) else {
                Issue.record("a new upstream must need a reload")
                return
            }
            let recovery = RecoveryConfiguration.following(one.endpoint, three.server, useSlots: true)
            let wanted = WantedConfiguration(parameters: three.parameters, recovery: recovery)
            #expect(try await three.configuration.apply(wanted).needsReload)
            try (try await three.postmaster()).reload()
            try await eventually("streaming from the other") {
                try await self.change(of: three, to: one, useSlots: true) == .none
            }
            try await eventually("the slot in use") {
                try await one.value("SELECT active FROM pg_replication_slots WHERE slot_name = 'three_x'") == "t"
            }

            // A slot in use is never dropped; one that nobody uses goes.
            try await three.stop()
            slots.physical = [:]
            try await eventually("the slot to be let go") { try await self.keep(slots, keeper).performed.count == 1 }
            #expect(try await one.value("SELECT string_agg(slot_name, ',') FROM pg_replication_slots") == "two")
            await keeper.close()
        }
    }

    private func keep(_ slots: WantedSlots, _ connection: SQLConnection) async throws -> SlotRound {
        let round = try await SlotKeeper.keep(
            slots, ignored: IgnoredSlots(Cluster()), isPaused: false, mayCleanHorizons: true, connection, by: soon())
        #expect(round.failures == [])
        return round
    }

    private func change(of member: TestMember, to other: TestMember, useSlots: Bool) async throws -> RecoveryChange {
        let connection = try await SQLConnection.open(member.superuser, by: soon())
        let running = try await RunningSettings.recovery(member.configuration, connection, by: soon())
        await connection.close()
        let wanted = RecoveryConfiguration.following(other.endpoint, member.server, useSlots: useSlots)
        return RecoveryConfiguration.change(to: wanted, from: running, member.server, isFirstLook: false)
    }

    @Test func `an idle slot on a replica is moved to where its consumer is`() async throws {
        let (one, two) = (try TestMember("one"), try TestMember("two"))
        try await withMembers(one, two) {
            try await one.bootstrap()
            try await two.clone(from: one)
            try await two.startFollowing(one)
            try await two.catchUp(with: one)
            let connection = try await SQLConnection.open(two.superuser, by: soon())
            var slots = WantedSlots()
            slots.physical = ["one": WantedSlot(isExpectedActive: false)]
            #expect(try await keep(slots, connection).performed == [.create("one")])
            try await one.value("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")
            try await two.catchUp(with: one)
            let position = LSN(try await two.value("SELECT pg_last_wal_replay_lsn()") ?? "") ?? .zero
            slots.physical["one"]?.position = position
            #expect(try await keep(slots, connection).performed == [.advance("one", to: position)])
            #expect(try await keep(slots, connection).positions["one"] == position)
            await connection.close()
        }
    }

    @Test func `a standby starts although its primary had more connections`() async throws {
        let one = try TestMember("one") { $0.controlledParameters["max_connections"] = 60 }
        let two = try TestMember("two")
        try await withMembers(one, two) {
            try await one.bootstrap()
            try await two.clone(from: one)
            try await two.startFollowing(one)
            #expect(try await two.value("SHOW max_connections") == "60")
            let pid = try await two.postmaster().pid
            await #expect(throws: RemovalError.serverRuns(pid: pid)) {
                try await DataDirectoryRemoval.remove(two.server.files.data)
            }
            // The file says what was asked for, the command line what was needed.
            #expect(try FileReading.text(two.server.files.configuration).contains("max_connections = '30'"))
        }
    }

    @Test func `a changed setting is reloaded or waits for the restart`() async throws {
        let one = try TestMember("one")
        try await withMembers(one) {
            try await one.bootstrap()
            let connection = try await SQLConnection.open(one.superuser, by: soon())
            func difference(_ wanted: Parameters) async throws -> ParameterDifference {
                let names = ParameterDifference.names(wanted: wanted, previous: one.parameters)
                let running = try await RunningSettings.read(names, connection, by: soon())
                return ParameterDifference(wanted: wanted, previous: one.parameters, running: running)
            }
            #expect(try await difference(one.parameters).messages == [])
            #expect(!(try await difference(one.parameters).needsReload))
            let current = try await RunningSettings.current(one.server, connection, by: soon())
            #expect(current["max_connections"] == "30" && current["restore_command"] == nil)

            var wanted = one.parameters
            wanted["shared_buffers"] = "32MB"
            wanted["work_mem"] = "5MB"
            let found = try await difference(wanted)
            #expect(
                found.pendingRestart.json == ["shared_buffers": ["old_value": "16MB", "new_value": "32MB"]])
            _ = try await one.configuration.apply(WantedConfiguration(parameters: wanted))
            try (try await one.postmaster()).reload()
            try await eventually("the reload") { try await one.value("SHOW work_mem") == "5MB" }
            let pending = try await RunningSettings.pendingRestart(
                ConfiguredValues(one.server.files, one.programs), connection, by: soon())
            #expect(pending == found.pendingRestart)
            await connection.close()
        }
    }

    @Test func `a failing copy is tried twice and leaves nothing behind`() async throws {
        let (one, two) = (try TestMember("one"), try TestMember("two") { $0.replication.password = "wrong" })
        try await withMembers(one, two) {
            try await one.bootstrap()
            let creation = ReplicaCreation(two.server, two.programs, logger: testLogger, time: ImpatientTime())
            do {
                _ = try await creation.create(from: one.endpoint)
                Issue.record("cloned with a wrong password")
            } catch let error as ReplicaCreationError {
                #expect(error.description.contains("password authentication failed"))
            }
            #expect(!FileReading.exists(two.server.files.data))
        }
    }

    @Test func `methods are tried in order, and without a member only those that can`() async throws {
        let member = try TestMember("one") { settings in
            settings.replicaMethods = ["broken", "wal_e", "basebackup"]
            settings.methods = [
                "broken": ["command": "/bin/false"],
                "wal_e": ["no_leader": true],
            ]
            let data = settings.dataDirectory
            settings.methods["wal_e"]?.set(
                "command", .string("/bin/sh -c 'mkdir -p \(data); echo \"$@\" > \(data)/got' sh"))
        }
        try await withMembers(member) {
            let creation = ReplicaCreation(member.server, member.programs, logger: testLogger)
            #expect(creation.worksWithoutMember)
            #expect(try await creation.create(from: nil as Endpoint?) == "wal_e")
            let got = try FileReading.text(member.server.files.data + "/got")
            #expect(got.contains("--scope=test --role=replica --datadir=") && got.hasSuffix("--connstring=\n"))
            #expect(try await creation.create(from: member.endpoint) == "wal_e")
        }
    }

    @Test func `a copy that is cancelled ends at once`() async throws {
        let member = try TestMember("one") { settings in
            settings.replicaMethods = ["slow"]
            settings.methods = ["slow": ["command": "/bin/sh -c 'sleep 600 & sleep 600'"]]
        }
        try await withMembers(member) {
            let copy = Task {
                try await ReplicaCreation(member.server, member.programs, logger: testLogger).create(
                    from: member.endpoint)
            }
            await time.sleep(until: time.now + .milliseconds(300))
            copy.cancel()
            await #expect(throws: ReplicaCreationError.cancelled) { try await copy.value }
        }
    }
}

/// Never waits, to see what follows a wait.
struct ImpatientTime: TimeSource {
    var now: Moment { time.now }
    var wallTime: WallTime { time.wallTime }
    func sleep(until deadline: Moment) async {}
}

extension JSON {
    mutating func set(_ key: String, _ value: JSON) {
        var object = self.object ?? JSONObject()
        object[key] = value
        self = .object(object)
    }
}
