// Connections: their strings, their errors, and that nothing waits longer than it may.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPostgres
import Testing

@Suite("Connection strings") struct ConnectionStringTests {
    @Test func `values are escaped, and the order is Patroni's`() {
        let connection: ConnectionString = [
            "application_name": "m 1", "password": #"a'b\c"#, "host": "h", "port": "5432", "user": "u", "zzz": "",
        ]
        #expect(connection.text == #"user=u password=a\'b\\c host=h port=5432 application_name=m\ 1 zzz=''"#)
        #expect(connection.description == #"user=u password=*** host=h port=5432 application_name=m\ 1 zzz=''"#)
    }

    @Test(arguments: ["", "a", "a b", "'", "\\", "a\\' ", "tab\tnewline\n", "=x", "ü 'é'"])
    func `a value survives the way there and back`(_ value: String) throws {
        let connection: ConnectionString = ["a": value, "b": "2"]
        #expect(ConnectionString(connection.text) == connection)
    }

    @Test func `libpq's other spellings are understood`() {
        let quoted = ConnectionString(" host = 'a b'  user='it\\'s' x=1 ")
        #expect(quoted?.parameters == ["host": "a b", "user": "it's", "x": "1"])
        #expect(ConnectionString("user='open") == nil)
        #expect(ConnectionString("host") == nil)
        #expect(ConnectionString("")?.parameters == [:])
    }

    @Test(arguments: [
        ("*", "localhost"), ("10.0.0.1,localhost", "localhost"), ("0.0.0.0", "localhost"),
        ("10.0.0.1, ::1", "10.0.0.1"),
    ])
    func `the local server is reached where it listens`(_ listen: String, _ host: String) {
        var settings = PostgresSettings(
            listenAddresses: listen, port: 5433, connectAddress: Endpoint(host: "h", port: 1), dataDirectory: "/d",
            passfile: "/p")
        #expect(settings.localConnection(.heartbeat)["host"] == host)
        settings.usesUnixSocket = true
        #expect(settings.localConnection(.heartbeat)["host"] == nil)
        settings.parameters["unix_socket_directories"] = .string("relative, /run/x")
        #expect(settings.localConnection(.heartbeat)["host"] == "/run/x")
        #expect(settings.localReplicationConnection()["host"] == host)
        settings.parameters["unix_socket_directories"] = .string("")
        #expect(settings.localConnection(.heartbeat)["host"] == host)
    }
}

@Suite("Connections") struct ConnectionTests {
    @Test func `values come back as text, null as nothing`() async throws {
        try await withServer { server in
            _ = try await server.start()
            let connection = try await SQLConnection.open(server.settings.localConnection(.heartbeat), by: soon())
            let rows = try await connection.query(
                "SELECT $1::int + 1 AS n, $2::text AS t, NULL AS none, current_setting('application_name') AS name,"
                    + " current_setting('statement_timeout') AS timeout, current_setting('search_path') AS path",
                ["41", "it's"], by: soon())
            let row = try #require(rows.first)
            #expect(row.int("n") == 42)
            #expect(row["t"] == "it's")
            #expect(row["none"] == nil && row["absent"] == nil)
            #expect(row["name"] == "Patroni heartbeat")
            #expect(row["timeout"] == "2s" && row["path"] == "pg_catalog")
            let statement = PreparedStatement("s", "SELECT $1::int * 2 AS twice")
            for n in 1...3 {
                #expect(try await connection.query(statement, ["\(n)"], by: soon()).first?.int("twice") == Int64(2 * n))
            }
            #expect(try await connection.execute("SELECT 1; SELECT 2 AS two", by: soon()).first?["two"] == "2")
            let version = await connection.serverVersion
            #expect(version >= 130000)
            let refused = await #expect(throws: SQLError.self) {
                try await connection.query("SELECT 1/0", by: soon())
            }
            #expect(refused?.sqlState == "22012")
            await #expect(throws: SQLError.self) { try await connection.execute("COPY pg_class TO STDOUT", by: soon()) }
            #expect(await !connection.isOpen)
        }
    }

    @Test func `why a connection fails is told apart`() async throws {
        try await withServer { server in
            var parameters = server.settings.localConnection(.heartbeat)
            #expect(await failure(parameters) == .refused)
            parameters["host"] = "127.0.0.1"
            #expect(await failure(parameters) == .refused)
            let postmaster = try await server.start([("max_connections", "4"), ("superuser_reserved_connections", "0")])
            parameters["user"] = "nobody"
            #expect(await failure(parameters) == .authentication)
            parameters["user"] = "postgres"
            parameters["dbname"] = "none"
            #expect(await failure(parameters) == .other)
            parameters["dbname"] = "postgres"
            var open: [SQLConnection] = []
            for _ in 0..<4 {
                if let connection = try? await SQLConnection.open(parameters, by: soon()) { open.append(connection) }
            }
            #expect(await failure(parameters) == .tooManyConnections)
            #expect(try !postmaster.signalStop(.smart))
            // A smart shutdown waits for our connections and takes no new ones.
            #expect(await failure(parameters) == .startingUp)
            for connection in open { await connection.close() }
            #expect(await postmaster.process.waitForExit(by: soon()))
        }
    }

    private func failure(_ parameters: ConnectionString) async -> SQLError.ConnectFailure? {
        do throws(SQLError) {
            _ = try await SQLConnection.open(parameters, by: soon())
            return nil
        } catch {
            guard case .cannotConnect(let failure, let message) = error else { return nil }
            #expect(!message.contains("LOCATION") && !message.contains("\n"))
            return failure
        }
    }

    @Test func `a stopped server costs no more than the deadline`() async throws {
        try await withServer { server in
            let postmaster = try await server.start()
            let parameters = server.settings.localConnection(.heartbeat)
            let connection = try await SQLConnection.open(parameters, by: soon())
            let backend = await connection.backendPID
            kill(backend, SIGSTOP)
            kill(postmaster.pid, SIGSTOP)
            defer {
                kill(postmaster.pid, SIGCONT)
                kill(backend, SIGCONT)
            }
            let begin = time.now
            await #expect(throws: SQLError.timedOut("SELECT 1")) {
                try await connection.query("SELECT 1", by: begin + .milliseconds(200))
            }
            #expect(await !connection.isOpen)
            await #expect(throws: SQLError.self) {
                try await SQLConnection.open(parameters, by: begin + .milliseconds(400))
            }
            #expect(time.now - begin >= .milliseconds(400))
            let inspection = Inspection(server.settings, .heartbeat)
            let status = await inspection.status(of: postmaster, by: time.now + .milliseconds(200))
            guard case .unresponsive = status else {
                Issue.record("\(status)")
                return
            }
        }
    }

    @Test func `cancelling the task cancels the statement and keeps the connection`() async throws {
        try await withServer { server in
            _ = try await server.start()
            let connection = try await SQLConnection.open(server.settings.localConnection(.heartbeat), by: soon())
            _ = try await connection.query("SET statement_timeout = 0", by: soon())
            let sleeping = Task { try await connection.query("SELECT pg_sleep(60)", by: soon(50)) }
            await time.sleep(until: time.now + .milliseconds(100))
            let begin = time.now
            sleeping.cancel()
            await #expect(throws: SQLError.cancelled) { try await sleeping.value }
            #expect(time.now - begin < .seconds(20))
            #expect(try await connection.query("SELECT 1 AS one", by: soon()).first?["one"] == "1")
        }
    }

    @Test func `many waiting connections leave the cooperative pool free`() async throws {
        try await withServer { server in
            _ = try await server.start()
            let parameters = server.settings.localConnection(.heartbeat, statementTimeout: false)
            // More than the pool has threads on most machines.
            let sleepers = (0..<8).map { _ in
                Task {
                    let connection = try await SQLConnection.open(parameters, by: soon())
                    return try await connection.query("SELECT pg_sleep(600)", by: soon(600))
                }
            }
            let watcher = try await SQLConnection.open(parameters, by: soon())
            let count =
                "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
            let end = soon()
            while try await watcher.query(count, by: soon()).first?.int("n") != 8, time.now < end {
                await time.sleep(until: time.now + .milliseconds(10))
            }
            #expect(try await watcher.query(count, by: soon()).first?.int("n") == 8)
            for sleeper in sleepers { sleeper.cancel() }
            for sleeper in sleepers { await #expect(throws: SQLError.cancelled) { try await sleeper.value } }
            #expect(try await watcher.query(count, by: soon()).first?.int("n") == 0)
        }
    }

    @Test func `a connection that the server ends is lost, not mistaken`() async throws {
        try await withServer { server in
            let postmaster = try await server.start()
            let connection = try await SQLConnection.open(server.settings.localConnection(.heartbeat), by: soon())
            let backend = await connection.backendPID
            let other = try await SQLConnection.open(server.settings.localConnection(.heartbeat), by: soon())
            _ = try await other.query("SELECT pg_terminate_backend($1)", ["\(backend)"], by: soon())
            do throws(SQLError) {
                _ = try await connection.query("SELECT 1", by: soon())
                Issue.record("the connection was terminated")
            } catch {
                guard case .connectionLost = error else { throw error }
            }
            #expect(await !connection.isOpen)
            _ = await postmaster.stop(.fast, by: soon())
        }
    }
}
