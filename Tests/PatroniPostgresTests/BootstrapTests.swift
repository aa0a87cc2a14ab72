// Making a new cluster on a real PostgreSQL.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct BootstrapTests {
    @Test func `a new cluster has its users, its rights and its files`() async throws {
        let member = try TestMember("one")
        try await withMembers(member) {
            var settings = BootstrapSettings()
            settings.initdb = [ToolOption("data-checksums"), ToolOption("no-sync"), ToolOption("encoding", "'UTF8'")]
            let hook = member.directory + "/hook"
            try DurableFile.write(
                hook,
                "#!/bin/sh\necho \"$1|$2\" > \(member.directory)/hooked\ncat $PGPASSFILE >> \(member.directory)/hooked",
                mode: 0o755)
            settings.postBootstrap = "\(hook) 'first word'"
            try await member.bootstrap(settings)

            #expect(try await member.value("SHOW data_checksums") == "on")
            let roles = try await member.value(
                """
                SELECT string_agg(rolname || rolsuper || rolreplication || rolcanlogin, ' ' ORDER BY rolname)
                FROM pg_roles WHERE rolname IN ('admin', 'replicator', 'rewinder')
                """)
            #expect(roles == "admintruetruetrue replicatorfalsetruetrue rewinderfalsefalsetrue")
            #expect(
                try await member.value(
                    "SELECT has_function_privilege('rewinder', 'pg_read_binary_file(text)', 'execute')") == "t")
            let hooked = try FileReading.text(member.directory + "/hooked")
            #expect(
                hooked == """
                    first word|dbname=postgres user=admin host=127.0.0.1 port=\(member.endpoint.port)
                    127.0.0.1:\(member.endpoint.port):*:admin:se'cr\\:et

                    """)
            let files = member.server.files
            for path in [files.configuration, files.baseConfiguration, files.hostBasedAuthentication] {
                #expect(FileReading.exists(path) && FileReading.exists(files.backup(of: path)), "\(path)")
                #expect(ConfigurationFiles.permissions(path) == 0o600)
            }
            #expect(!FileReading.exists(member.server.settings.passfile + ".initdb"))
        }
    }

    @Test func `applying the same configuration again writes nothing`() async throws {
        let member = try TestMember("one")
        try await withMembers(member) {
            try await member.bootstrap()
            let wanted = WantedConfiguration(parameters: member.parameters)
            #expect(try await member.configuration.apply(wanted).files.isEmpty)
            #expect(!(try await member.configuration.apply(wanted).needsReload))
            var other = wanted
            other.parameters["work_mem"] = "5MB"
            #expect(try await member.configuration.apply(other).files == [.configuration])
        }
    }

    @Test func `options that would break the bootstrap are refused`() async throws {
        let member = try TestMember("one")
        try await withMembers(member) {
            var settings = BootstrapSettings()
            settings.initdb = [ToolOption("pgdata", "/elsewhere"), ToolOption("pwfile", "/etc/passwd")]
            await #expect(throws: BootstrapError.forbiddenOptions(tool: "initdb", ["pgdata", "pwfile"])) {
                try await Bootstrap(member.server, settings, member.programs).run(by: soon())
            }
            settings.initdb = [ToolOption("encoding", "nonsense")]
            do {
                try await Bootstrap(member.server, settings, member.programs).run(by: soon())
                Issue.record("initdb accepted nonsense")
            } catch let error as BootstrapError {
                #expect(error.description.contains("initdb failed with exit code 1"))
                #expect(error.description.contains("nonsense"))
            }
        }
    }

    @Test func `a custom method gets its arguments and its directory is taken over`() async throws {
        let source = try TestMember("source")
        let member = try TestMember("restored")
        try await withMembers(source, member) {
            try await source.bootstrap()
            try await source.value("CREATE TABLE kept AS SELECT 1 AS id")
            try await source.stop()
            let script = member.directory + "/restore"
            try DurableFile.write(
                script,
                """
                #!/bin/sh
                echo "$@" > \(member.directory)/arguments
                cp -a \(source.server.files.data) \(member.server.files.data)
                """, mode: 0o755)
            var settings = BootstrapSettings()
            settings.method = "restore"
            settings.methods = ["restore": ["command": .string(script), "label": "x y", "no_params": false]]
            let bootstrap = Bootstrap(member.server, settings, member.programs)
            #expect(bootstrap.plan.runningState == .runningCustomBootstrap)
            try await bootstrap.run(by: soon())
            #expect(
                try FileReading.text(member.directory + "/arguments")
                    == "--scope=test --datadir=\(member.server.files.data) --label=x y\n")

            // Nobody knows the restored cluster's passwords: local trust, until they have been set.
            let first = bootstrap.firstConfiguration(member.parameters)
            _ = try await member.configuration.apply(first)
            let postmaster = try await Postmaster.start(
                ServerParameters.launch(member.server, member.parameters), programs: member.programs)
            #expect(await postmaster.waitUntilReady(by: soon()) == .ready)
            var trusted = member.superuser
            trusted["password"] = nil
            try await BootstrapUsers(member.server, member.programs).create(trusted, hook: nil, by: soon())
            try await member.configuration.saveBackups(member.parameters)
            let change = try await bootstrap.finish(member.parameters)
            #expect(change.files.contains(.hostBasedAuthentication) && change.needsReload)
            try postmaster.reload()
            #expect(try await member.value("SELECT id FROM kept") == "1")
            // What the restored cluster had is what the configuration says here; the open door is nowhere left.
            let files = member.server.files
            for path in [files.hostBasedAuthentication, files.backup(of: files.hostBasedAuthentication)] {
                let text = try FileReading.text(path)
                #expect(text.contains("scram-sha-256") && !text.contains("samehost"), "\(path)")
            }
        }
    }

    @Test func `every value that a real server has passes the rules`() async throws {
        let member = try TestMember("one")
        try await withMembers(member) {
            try await member.bootstrap()
            let connection = try await SQLConnection.open(member.superuser, by: soon())
            let version = await connection.serverVersion
            let rows = try await connection.query(
                "SELECT name, boot_val, unit, min_val, max_val FROM pg_settings WHERE context <> 'internal'", by: soon()
            )
            #expect(rows.count > 300)
            for row in rows {
                guard let name = row[0], let value = row[1], !ParameterRules.isRecovery(name) else { continue }
                // Some have no value that one may write before the server has started.
                if value.isEmpty || ["wal_sync_method", "shared_memory_type"].contains(name) { continue }
                let checked = ParameterRules.check(name, value, version: version) { _ in false }
                #expect(checked == .accepted(value) || name.hasPrefix("debug_"), "\(name) = \(value): \(checked)")
            }
            await connection.close()
            let known = await ConfiguredValues.known(member.programs, by: soon())
            #expect(known.contains("debug_print_plan") && known.contains("max_connections"))
        }
    }
}

@Suite struct DataDirectoryRemovalTests {
    /// A directory whose WAL and one tablespace are elsewhere.
    private func spread() throws -> (root: String, data: String) {
        let root = try makePostgresDirectory()
        for path in ["data/base", "data/pg_tblspc", "wal", "space/PG_15_202209061", "space/other"] {
            try FileTree.create("\(root)/\(path)")
        }
        try DurableFile.write("\(root)/wal/000000010000000000000001", "x")
        try DurableFile.write("\(root)/space/other/mine", "x")
        #expect(symlink("\(root)/wal", "\(root)/data/pg_wal") == 0)
        #expect(symlink("\(root)/space", "\(root)/data/pg_tblspc/16384") == 0)
        return (root, "\(root)/data")
    }

    @Test func `links are followed, and nothing of others is touched`() async throws {
        let (root, data) = try spread()
        #expect(try await DataDirectoryRemoval.remove(data) == .removed)
        #expect(!FileReading.exists(data))
        #expect(try FileReading.names(in: "\(root)/wal") == [])
        #expect(try FileReading.names(in: "\(root)/space") == ["other"])
        try FileTree.remove(root)
    }

    @Test func `putting aside moves the whole cluster and replaces an older one`() async throws {
        let (root, data) = try spread()
        try FileTree.create("\(data).failed/old")
        #expect(try await DataDirectoryRemoval.putAside(data) == "\(data).failed")
        #expect(!FileReading.exists("\(data).failed/old"))
        #expect(FileReading.link("\(data).failed/pg_wal") == "\(root)/wal.failed")
        #expect(FileReading.exists("\(data).failed/pg_wal/000000010000000000000001"))
        try FileTree.remove(root)
    }

    @Test(arguments: ["/", "/etc", "data", "/a/../etc", ""])
    func `what cannot be a data directory is not removed`(_ path: String) async {
        await #expect(throws: RemovalError.notADataDirectory(path)) { try await DataDirectoryRemoval.remove(path) }
    }
}
