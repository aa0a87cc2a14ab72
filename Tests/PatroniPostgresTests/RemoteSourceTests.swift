// What a standby cluster tells its servers and tools about the other cluster.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct RemoteSourceTests {
    private func remote(_ section: JSONObject) throws -> RemoteSource { try #require(RemoteSource(section)) }

    @Test func `the standby leader streams from the remote, through the slot it was given`() throws {
        let server = LocalServer.sample(version: 150_000)
        let one = RecoveryConfiguration.following(
            remote: try remote([
                "host": "a", "port": 5433, "primary_slot_name": "Site-B", "recovery_min_apply_delay": "5min",
            ]),
            server, useSlots: true)
        #expect(one.upstream?["host"] == "a" && one.upstream?["port"] == "5433")
        #expect(one.upstream?["application_name"] == server.name.text)
        #expect(one.upstream?["target_session_attrs"] == nil)
        #expect(one.parameters["primary_slot_name"] == "site_b")
        #expect(one.parameters["recovery_min_apply_delay"] == "5min")

        let several = RecoveryConfiguration.following(
            remote: try remote(["host": "a,b", "port": "5433,5434"]), server, useSlots: true)
        #expect(several.upstream?["target_session_attrs"] == "read-write")
        #expect(several.parameters["primary_slot_name"] == nil, "no slot of its own over there")

        let archive = RecoveryConfiguration.following(
            remote: try remote(["restore_command": "fetch %f", "primary_slot_name": "s"]), server, useSlots: true)
        #expect(archive.upstream == nil && archive.parameters["primary_slot_name"] == nil)
        #expect(archive.parameters["restore_command"] == "fetch %f")
    }

    @Test func `its replicas restore from the same archive, but nothing holds them back`() throws {
        let server = LocalServer.sample(version: 150_000)
        let remote = try remote([
            "host": "a", "restore_command": "fetch", "archive_cleanup_command": "tidy",
            "recovery_min_apply_delay": "1h",
        ])
        let member = RecoveryConfiguration.following(
            Endpoint(host: "leader", port: 5432), server, useSlots: true, in: remote)
        #expect(member.upstream?["host"] == "leader")
        #expect(member.parameters["restore_command"] == "fetch")
        #expect(member.parameters["archive_cleanup_command"] == "tidy")
        #expect(member.parameters["recovery_min_apply_delay"] == nil)
        #expect(member.parameters["primary_slot_name"] == server.name.slotName)
        let nobody = RecoveryConfiguration.following(nil as Endpoint?, server, useSlots: true, in: remote)
        #expect(nobody.parameters["restore_command"] == "fetch")
    }

    @Test func `every host has its own port in the passfile, or all the same`() {
        var connection: ConnectionString = ["host": "a,b", "port": "1,2", "user": "u", "password": "p"]
        #expect(Passfile.text(for: connection) == "a:1:*:u:p\nb:2:*:u:p\n")
        connection["port"] = "1"
        #expect(Passfile.text(for: connection) == "a:1:*:u:p\nb:1:*:u:p\n")
        #expect(Passfile.holds("b:1:*:u:p\na:1:*:u:p\n", connection))
    }

    @Test func `members are filled by the standby cluster's methods`() async throws {
        let server = LocalServer.sample(version: 150_000)
        let creation = ReplicaCreation(
            server, PostgresPrograms(binDirectory: ""),
            in: try remote(["restore_command": "x", "create_replica_methods": ["y"]]),
            logger: testLogger)
        #expect(!creation.worksWithoutMember)
        await #expect(throws: ReplicaCreationError.noMethodWithoutMember) {
            try await creation.create(from: try remote(["restore_command": "x"]))
        }
    }

    @Test func `a remote is rewound to after its checkpoint only, and must be a primary`() async throws {
        let (one, two) = (try TestMember("one"), try TestMember("two"))
        try await withMembers(one, two) {
            try await one.bootstrap()
            try await two.clone(from: one)
            try await two.startFollowing(one)
            try await two.catchUp(with: one)
            let hosts = "\(one.endpoint.host),\(two.endpoint.host)"
            let both = try remote([
                "host": .string(hosts), "port": .string("\(two.endpoint.port),\(one.endpoint.port)"),
            ])
            let address = try #require(ServerAddress(both))
            #expect(await two.rewind.checkpoint(on: address) == nil, "the primary of the two was found")
            #expect(
                await two.rewind.check(.standby(Timeline(1), replayed: LSN(1)), against: address, by: soon()) == .same)
            let standby = try #require(
                ServerAddress(try remote(["host": "127.0.0.1", "port": .int(Int64(two.endpoint.port))])))
            #expect(await one.rewind.checkpoint(on: standby) != nil)

            try await one.stop()
            try await (try await two.postmaster()).promote()
            try await eventually("the promotion") { try await two.value("SELECT pg_is_in_recovery()") == "f" }
            try await two.value("CHECKPOINT")
            #expect(await one.rewind.checkpoint(on: standby) == nil)
        }
    }
}
