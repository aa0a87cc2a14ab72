// Permanent logical slots with real servers: made on the primary, copied to a standby, moved on there.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct LogicalSlotTests {
    @Test func `bytes are read from their digits`() {
        #expect(LogicalSlotCopy.bytes(hexadecimal: "00ffA7") == [0, 255, 0xA7])
        #expect(LogicalSlotCopy.bytes(hexadecimal: "0") == nil)
        #expect(LogicalSlotCopy.bytes(hexadecimal: "0x") == nil)
        #expect(LogicalSlotCopy.bytes(hexadecimal: "") == [])
    }

    @Test func `a slot of the primary goes on where it was on a standby`() async throws {
        let one = try TestMember("one") { $0.controlledParameters["wal_level"] = "logical" }
        let two = try TestMember("two") { $0.controlledParameters["wal_level"] = "logical" }
        try await withMembers(one, two) {
            try await one.bootstrap()
            try await two.clone(from: one)
            try await two.startFollowing(one)
            try await two.catchUp(with: one)
            var wanted = WantedSlots()
            wanted.logical = ["l": LogicalSlot(database: "postgres", plugin: "test_decoding")]
            #expect(try await keep(wanted, one).positions["l"] != nil)
            #expect(try await keep(wanted, one).performed == [])
            #expect(try await keep(wanted, two).missing == [])

            // The leader tells where its slot is: only then there is something to copy.
            let position = try await self.position(one)
            wanted.logical["l"]?.position = position
            try await two.catchUp(with: one)
            #expect(try await keep(wanted, two).missing == ["l"])
            let copy = try await LogicalSlotCopy.read(["l", "x"], from: one.endpoint, two.server, by: soon())
            #expect(copy.slots.map(\.name) == ["l"] && copy.slots.first?.plugin == "test_decoding")
            try await two.stop()
            try copy.write(dataDirectory: two.server.files.data)
            giveToServer(two, ["pg_replslot/l", "pg_replslot/l/state"])
            try await two.startFollowing(one)
            #expect(try await self.position(two) == position)
            #expect(try await keep(wanted, two).missing == [])

            // The consumer goes on, and so does the copy.
            try await one.value("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
            try await one.value("SELECT count(*) FROM pg_logical_slot_get_changes('l', NULL, NULL)")
            try await two.catchUp(with: one)
            let next = try await self.position(one)
            #expect(next > position)
            wanted.logical["l"]?.position = next
            try await eventually("the copy to be moved on") {
                _ = try await self.keep(wanted, two)
                return try await self.position(two) == next
            }
        }
    }

    private func keep(_ wanted: WantedSlots, _ member: TestMember) async throws -> SlotRound {
        let superuser = member.superuser
        let connection = try await SQLConnection.open(superuser, by: soon())
        let round = try await SlotKeeper.keep(
            wanted, ignored: IgnoredSlots(Cluster()), isPaused: false, mayCleanHorizons: true, connection, by: soon()
        ) { database throws(SQLError) in
            var there = superuser
            there["dbname"] = database
            return try await SQLConnection.open(there, by: soon())
        }
        await connection.close()
        #expect(round.failures == [])
        return round
    }

    /// The server may run as somebody else than this test does.
    private func giveToServer(_ member: TestMember, _ paths: [String]) {
        var owner = stat()
        stat(member.server.files.data, &owner)
        for path in paths { chown("\(member.server.files.data)/\(path)", owner.st_uid, owner.st_gid) }
    }

    private func position(_ member: TestMember) async throws -> LSN {
        let text = try await member.value(
            "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'l'")
        return LSN(text ?? "") ?? .zero
    }
}
