// The users every cluster needs, and the operator's script for all others (HA-051 to HA-053).

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Runs once in a cluster's life, on its first primary, before anybody else knows of it.
public struct BootstrapUsers: Sendable {
    public let server: LocalServer
    public let programs: PostgresPrograms

    public init(_ server: LocalServer, _ programs: PostgresPrograms) {
        self.server = server
        self.programs = programs
    }

    /// Creates or changes the users and runs the hook. `local` is how the superuser reaches this server.
    public func create(
        _ local: ConnectionString, hook: String?, by deadline: Moment
    ) async throws(BootstrapError) {
        let connection: SQLConnection
        do throws(SQLError) {
            connection = try await SQLConnection.open(Self.patient(local), by: deadline)
        } catch { throw .sql(error, doing: "connecting to the new cluster") }
        let settings = server.settings
        if !settings.superuser.username.isEmpty, settings.superuser.password != nil {
            try await createOrChange(settings.superuser, "SUPERUSER", connection, deadline)
        }
        try await run(hook: hook, local, by: deadline)
        try await createOrChange(settings.replication, "REPLICATION", connection, deadline)
        if let rewind = settings.rewind, rewind != settings.superuser {
            try await createOrChange(rewind, nil, connection, deadline)
            for statement in Self.grants(to: rewind.username) {
                try await execute(statement, "granting pg_rewind's functions", connection, deadline)
            }
        }
        await connection.close()
    }

    /// Setting up has no time limit of its own and must not wait for standbys that don't exist yet.
    private static func patient(_ local: ConnectionString) -> ConnectionString {
        var connection = local
        connection["options"] = "-c statement_timeout=0 -c synchronous_commit=local"
        return connection
    }

    /// What pg_rewind calls on its source (HA-051).
    static func grants(to user: String) -> [String] {
        [
            "pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)",
            "pg_read_binary_file(text, bigint, bigint, boolean)",
        ].map { "GRANT EXECUTE ON FUNCTION pg_catalog.\($0) TO \(SQLQuoting.identifier(user))" }
    }

    /// The statement that makes `user` what it should be.
    static func statement(_ user: PostgresUser, attribute: String?, exists: Bool) -> String {
        var words = [exists ? "ALTER ROLE" : "CREATE ROLE", SQLQuoting.identifier(user.username), "WITH"]
        if let attribute { words.append(attribute) }
        words.append("LOGIN")
        if let password = user.password, !password.isEmpty {
            words += ["PASSWORD", SQLQuoting.literal(password)]
        }
        return words.joined(separator: " ")
    }

    /// Passwords must not appear in the server's log nor in anybody's statistics (HA-052).
    private static let silently = [
        "SET log_statement TO none", "SET log_min_duration_statement TO -1", "SET log_min_error_statement TO 'log'",
        "SET pg_stat_statements.track_utility TO 'off'", "SET pgaudit.log TO 'none'",
    ]

    private func createOrChange(
        _ user: PostgresUser, _ attribute: String?, _ connection: SQLConnection, _ deadline: Moment
    ) async throws(BootstrapError) {
        guard !user.username.isEmpty else { return }
        let doing = "creating user \(user.username)"
        do throws(SQLError) {
            for statement in Self.silently { try await connection.execute(statement, by: deadline) }
            let found = try await connection.query(
                "SELECT 1 FROM pg_catalog.pg_authid WHERE rolname = $1", [user.username], by: deadline)
            let statement = Self.statement(user, attribute: attribute, exists: !found.isEmpty)
            try await connection.execute(statement, by: deadline)
        } catch { throw .sql(error, doing: doing) }
    }

    private func execute(
        _ statement: String, _ doing: String, _ connection: SQLConnection, _ deadline: Moment
    ) async throws(BootstrapError) {
        do throws(SQLError) { try await connection.execute(statement, by: deadline) } catch {
            throw .sql(error, doing: doing)
        }
    }

    /// The operator's script gets a connection string, its password by way of the passfile (HA-053).
    private func run(hook: String?, _ local: ConnectionString, by deadline: Moment) async throws(BootstrapError) {
        guard let hook, !hook.isEmpty else { return }
        guard let words = CommandWords(hook) else { throw .malformedCommand(hook) }
        var connection = local
        connection["options"] = nil
        connection["application_name"] = nil
        connection["connect_timeout"] = nil
        var login = connection
        // Both the socket and the loopback address are looked up as `localhost`.
        if login["host"] == nil { login["host"] = "localhost" }
        var environment: [String: String]
        do throws(FileError) {
            environment = try await ServerConfiguration(server).passfileEnvironment(for: login)
        } catch { throw .file(error) }
        environment["PGOPTIONS"] = "-c synchronous_commit=local -c statement_timeout=0"
        let result: ProgramResult
        do throws(ProgramError) {
            result = try await programs.run(
                words.executable, words.arguments + [connection.withoutPassword().text(version: server.version)],
                environment: environment, by: deadline)
        } catch { throw .program(error) }
        guard result.isSuccess else { throw .failed(tool: "post_bootstrap", result) }
    }
}
