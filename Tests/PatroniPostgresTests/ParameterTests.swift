// Settings: reading numbers with units, the rules of each version, and what a change needs.

import PatroniCore
import Testing

@testable import PatroniPostgres

@Suite struct ParameterNumberTests {
    @Test(
        arguments: [
            ("128MB", "MB", 128), ("1GB", "MB", 1024), ("0x10", nil, 16), ("010", nil, 8), ("1.5GB", "MB", 1536),
            ("2.5", nil, 2), ("3.5", nil, 4), ("1e3", nil, 1000), (" 42 ", nil, 42), ("-1", "kB", -1),
            ("1min", "s", 60),
            ("1GB", "8kB", 131_072), ("1d", "ms", 86_400_000), ("100", "kB", 100), ("1 GB", "MB", 1024),
            ("1500ms", "s", 2),
        ] as [(String, String?, Int64)])
    func `whole numbers are read as PostgreSQL reads them`(_ text: String, _ unit: String?, _ number: Int64) {
        #expect(ParameterNumber.integer(text, unit: unit) == number)
    }

    @Test(arguments: ["", "MB", "1 furlong", "1mb", "on", "1s"])
    func `what is no amount of memory is not read as one`(_ text: String) {
        #expect(ParameterNumber.integer(text, unit: "MB") == nil)
    }

    @Test(arguments: [
        ("16384", "8kB", "128MB"), ("1025", "kB", "1025kB"), ("1024", "kB", "1MB"), ("60", "s", "1min"),
        ("0", "kB", "0"), ("-1", "ms", "-1"), ("5000", "ms", "5s"), ("1", "16MB", "16MB"),
    ])
    func `amounts are shown in the largest unit that fits`(_ setting: String, _ unit: String, _ shown: String) {
        #expect(ParameterNumber.shown(setting, type: "integer", unit: unit) == shown)
    }

    @Test func `equal means equal to the server, however it is written`() {
        #expect(ParameterText.areEqual("16384", "128MB", type: "integer", unit: "8kB"))
        #expect(ParameterText.areEqual("on", "True", type: "bool", unit: nil))
        #expect(ParameterText.areEqual("replica", "REPLICA", type: "enum", unit: nil))
        #expect(ParameterText.areEqual("0.9", "0.90", type: "real", unit: nil))
        #expect(!ParameterText.areEqual("a", "A", type: "string", unit: nil))
        #expect(!ParameterText.areEqual("100", "lots", type: "integer", unit: nil))
    }
}

@Suite struct ParameterRuleTests {
    private func check(_ name: String, _ value: String, version: Int = 150_004) -> CheckedParameter {
        ParameterRules.check(name, value, version: version) { $0 == "only_here" }
    }

    @Test func `a number out of range is moved into it`() {
        #expect(check("max_connections", "300000").value == "262143")
        #expect(check("authentication_timeout", "0").value == "1")
        #expect(check("shared_buffers", "1kB").value == "16")
        #expect(check("max_connections", "300000").warning?.contains("262143") == true)
    }

    @Test func `a value of the wrong kind is left out with a warning`() {
        #expect(check("max_connections", "many").value == nil)
        #expect(check("fsync", "perhaps").value == nil)
        #expect(check("wal_level", "logicalish").value == nil)
        #expect(check("fsync", "perhaps").warning?.contains("fsync") == true)
    }

    @Test func `good values stay as they are written`() {
        #expect(check("shared_buffers", "128MB") == .accepted("128MB"))
        #expect(check("archive_mode", "always") == .accepted("always"))
        #expect(check("synchronous_commit", "remote_apply") == .accepted("remote_apply"))
        #expect(check("DateStyle", "ISO") == .accepted("ISO"))
    }

    @Test func `rules follow the server's version`() {
        #expect(check("transaction_timeout", "1s", version: 170_000) == .accepted("1s"))
        #expect(check("transaction_timeout", "1s", version: 160_004).value == nil)
        #expect(check("old_snapshot_threshold", "1min", version: 160_000) == .accepted("1min"))
        #expect(check("old_snapshot_threshold", "1min", version: 170_000).value == nil)
        #expect(check("allow_in_place_tablespaces", "on", version: 140_005) == .accepted("on"))
        #expect(check("allow_in_place_tablespaces", "on", version: 140_004).value == nil)
        #expect(check("wal_compression", "lz4", version: 140_000).value == nil)
        #expect(check("wal_compression", "lz4", version: 150_000) == .accepted("lz4"))
    }

    @Test func `what only the server knows, and what belongs to an extension, is kept`() {
        #expect(check("only_here", "x") == .accepted("x"))
        #expect(check("pg_stat_statements.max", "x") == .accepted("x"))
        #expect(check("no_such_setting", "x").value == nil)
    }

    @Test func `recovery settings are recognised in any case, old names too`() {
        #expect(ParameterRules.isRecovery("Restore_Command"))
        #expect(ParameterRules.isRecovery("standby_mode"))
        #expect(!ParameterRules.isRecovery("hot_standby"))
    }
}

@Suite struct ParameterDifferenceTests {
    private let running = [
        RunningParameter(name: "max_connections", setting: "100", type: "integer", context: "postmaster"),
        RunningParameter(name: "work_mem", setting: "4096", unit: "kB", type: "integer", context: "user"),
        RunningParameter(name: "shared_buffers", setting: "16384", unit: "8kB", type: "integer", context: "postmaster"),
        RunningParameter(name: "wal_buffers", setting: "512", unit: "8kB", type: "integer", context: "postmaster"),
        RunningParameter(
            name: "wal_segment_size", setting: "16777216", unit: "B", type: "integer", context: "internal"),
        RunningParameter(name: "wal_block_size", setting: "8192", type: "integer", context: "internal"),
    ]

    private func difference(_ wanted: Parameters, previous: Parameters = [:]) -> ParameterDifference {
        ParameterDifference(wanted: wanted, previous: previous, running: running)
    }

    @Test func `nothing differs when only the spelling does`() {
        let difference = difference(["max_connections": "100", "WORK_MEM": "4MB", "shared_buffers": "128MB"])
        #expect(!difference.needsReload)
        #expect(difference.pendingRestart.isEmpty)
    }

    @Test func `a setting of the postmaster waits for a restart, with units for people`() {
        let difference = difference(["max_connections": "200", "shared_buffers": "256MB"])
        #expect(difference.needsReload)
        #expect(
            difference.pendingRestart.json == [
                "max_connections": ["old_value": "100", "new_value": "200"],
                "shared_buffers": ["old_value": "128MB", "new_value": "256MB"],
            ])
        #expect(difference.messages.contains("Changed max_connections from '100' to '200' (restart might be required)"))
    }

    @Test func `any other setting needs a reload only`() {
        let difference = difference(["work_mem": "8MB"])
        #expect(difference.needsReload)
        #expect(difference.pendingRestart.isEmpty)
    }

    @Test func `a setting that was taken out is a change`() {
        #expect(difference([:], previous: ["work_mem": "4MB"]).needsReload)
        #expect(difference([:], previous: ["max_connections": "100"]).pendingRestart["max_connections"] != nil)
    }

    @Test func `automatic wal_buffers are what the server would choose`() {
        #expect(!difference(["wal_buffers": "-1"]).needsReload)
        #expect(!difference(["wal_buffers": "4MB"]).needsReload)
        #expect(difference(["wal_buffers": "8MB"]).needsReload)
    }

    @Test func `extensions' settings are compared with what was written last`() {
        #expect(!difference(["my.flag": "a"], previous: ["my.flag": "a"]).needsReload)
        #expect(difference(["my.flag": "b"], previous: ["my.flag": "a"]).needsReload)
        #expect(difference([:], previous: ["my.flag": "a"]).needsReload)
    }

    @Test func `a setting that the server does not know is reported and not waited for`() {
        let difference = difference(["no_such_setting": "1"])
        #expect(difference.unknown == ["no_such_setting"])
        #expect(!difference.needsReload)
    }

    @Test func `recovery settings and hot_standby are nobody's pending restart`() {
        #expect(ParameterDifference.names(wanted: ["hot_standby": "on", "restore_command": "x"], previous: [:]) == [])
    }
}
