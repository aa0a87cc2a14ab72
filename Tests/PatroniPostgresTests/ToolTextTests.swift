// Command lines: words, options that are allowed, statements.

import Logging
import PatroniConfiguration
import PatroniCore
import Testing

@testable import PatroniPostgres

@Suite struct CommandWordsTests {
    @Test(arguments: [
        ("/bin/sh -c 'a b'", ["/bin/sh", "-c", "a b"]), ("a\\ b \"c \\\" d\"", ["a b", "c \" d"]),
        ("  x  ''  y", ["x", "", "y"]), ("a'b'\"c\"", ["abc"]),
    ])
    func `commands are split as a shell splits them`(_ text: String, _ words: [String]) {
        let command = CommandWords(text)
        #expect(command.map { [$0.executable] + $0.arguments } == words)
    }

    @Test(arguments: ["", "  ", "'open", "a \"open", "a\\"])
    func `what has no words is refused`(_ text: String) {
        #expect(CommandWords(text) == nil)
    }

    @Test func `archive commands name the file and its path`() {
        #expect(ArchiveCommand.text("cp %p /a/%f %%x %q", path: "/w/1", file: "1") == "cp /w/1 /a/1 %x %q")
    }
}

@Suite struct ToolOptionTests {
    @Test func `pg_basebackup takes a fast checkpoint unless told otherwise`() {
        var server = LocalServer.sample()
        func arguments() -> [String] {
            ReplicaCreation(server, PostgresPrograms(binDirectory: ""), logger: Logger(label: "test"))
                .baseBackupArguments("host=h")
        }
        #expect(
            arguments() == ["--pgdata=/data/postgresql0", "-X", "stream", "--dbname=host=h", "--checkpoint=fast"])
        server.settings.methods["basebackup"] = [
            ["checkpoint": "spread"], "verbose", ["max-rate": "'100M'"], ["host": "elsewhere"], ["compress": "gzip"],
        ]
        #expect(Array(arguments().dropFirst(4)) == ["--checkpoint=spread", "--verbose", "--max-rate=100M"])
        server.settings.methods["basebackup"] = ["compress": "server-zstd", "checkpoint": "spread"]
        #expect(arguments().contains("--compress=server-zstd"))
    }

    @Test func `an operator's method gets its own keys and ours`() {
        let creation = ReplicaCreation(
            .sample(), PostgresPrograms(binDirectory: ""), logger: Logger(label: "test"))
        #expect(
            creation.customArguments(["command": "x", "keep_data": true, "k": 1], "c") == [
                "--keep_data=True", "--k=1", "--scope=batman", "--role=replica", "--datadir=/data/postgresql0",
                "--connstring=c",
            ])
        #expect(
            creation.customArguments(["command": "x", "no_params": true, "no_leader": true, "k": "v"], "c") == ["--k=v"]
        )
    }

    @Test func `users are made with the rights they need`() {
        var user = PostgresUser()
        user.username = "it\"s"
        user.password = "p'\\w"
        #expect(
            BootstrapUsers.statement(user, attribute: "REPLICATION", exists: false)
                == "CREATE ROLE \"it\"\"s\" WITH REPLICATION LOGIN PASSWORD E'p''\\\\w'")
        user.password = nil
        #expect(BootstrapUsers.statement(user, attribute: nil, exists: true) == "ALTER ROLE \"it\"\"s\" WITH LOGIN")
    }

    @Test func `a method without command is initdb`() {
        var settings = BootstrapSettings()
        settings.method = "restore"
        settings.methods = ["restore": ["something": 1]]
        #expect(Bootstrap(.sample(), settings, PostgresPrograms(binDirectory: "")).plan.method == .initdb)
        settings.methods = ["restore": ["command": "x", "recovery_conf": ["recovery_target_action": "promote"]]]
        let plan = Bootstrap(.sample(), settings, PostgresPrograms(binDirectory: "")).plan
        #expect(plan.method == .custom(name: "restore"))
        #expect(plan.recovery?.signal == .recovery)
        #expect(plan.disablesHotStandby)
    }

    @Test func `the last start's settings are read back`() {
        let text = "/usr/bin/postgres \"-D\" \"/d\" \"--config-file=/c f\" \"--max_connections=200\"\n"
        #expect(Rewind.options(postmasterOptions: text) == ["config_file": "/c f", "max_connections": "200"])
    }

    @Test func `the segment that pg_rewind misses is found in its words`() {
        let line =
            "pg_rewind: error: could not open file \"/d/pg_wal/0000000A00006AA100000068\": No such file or directory"
        #expect(MissingWAL.segment(inOutput: "x\n" + line) == "0000000A00006AA100000068")
        #expect(MissingWAL.segment(inOutput: "could not open file \"/d/base/1/2\": no") == nil)
    }

    @Test func `WAL segments are told from other files`() {
        #expect(WalArchiving.isSegment("000000010000000000000003"))
        #expect(WalArchiving.isSegment("000000010000000000000003.partial"))
        #expect(!WalArchiving.isSegment("00000002.history"))
    }
}
