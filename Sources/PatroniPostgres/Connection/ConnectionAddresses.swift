// Where our own connections go: the local server, and other members' servers for replication commands.

import PatroniConfiguration
import PatroniCore

/// Whose connection it is; shows in pg_stat_activity (HA-318).
public enum ConnectionPurpose: String, Sendable, Hashable {
    case heartbeat = "Patroni heartbeat"
    case restAPI = "Patroni restapi"
    case patroni = "Patroni"
}

extension PostgresSettings {
    /// How we reach our own server as the superuser (CFG-111, HA-318).
    public func localConnection(_ purpose: ConnectionPurpose, statementTimeout: Bool = true) -> ConnectionString {
        var connection = localAddress(usesUnixSocket: usesUnixSocket)
        add(superuser, to: &connection)
        connection["dbname"] = database
        connection["application_name"] = purpose.rawValue
        connection["connect_timeout"] = "3"
        var options = ["search_path=pg_catalog"]
        // CHECKPOINT and moving a slot take as long as they take (HA-403).
        options.append(statementTimeout ? "statement_timeout=2000" : "statement_timeout=0")
        if purpose == .restAPI { options.append("pg_stat_statements.track=none") }
        connection["options"] = options.map { "-c \($0)" }.joined(separator: " ")
        return connection
    }

    /// A replication connection to our own server (CFG-112).
    public func localReplicationConnection() -> ConnectionString {
        replicationConnection(localAddress(usesUnixSocket: usesUnixSocketForReplication))
    }

    /// A replication connection to another member's server.
    public func replicationConnection(to endpoint: Endpoint) -> ConnectionString {
        replicationConnection(to: ServerAddress(endpoint))
    }

    /// A replication connection to another server; of several hosts to the primary among them.
    public func replicationConnection(to server: ServerAddress) -> ConnectionString {
        var address = ConnectionString()
        address["host"] = server.host
        address["port"] = server.port
        if server.host?.contains(",") == true { address["target_session_attrs"] = "read-write" }
        return replicationConnection(address)
    }

    private func replicationConnection(_ address: ConnectionString) -> ConnectionString {
        var connection = address
        add(replication, to: &connection)
        connection["replication"] = "1"
        connection["connect_timeout"] = "3"
        connection["application_name"] = ConnectionPurpose.patroni.rawValue
        return connection
    }

    /// Host and port of the local server. `localhost` is preferred when it listens there.
    public func localAddress(usesUnixSocket: Bool) -> ConnectionString {
        var connection: ConnectionString = ["port": String(port)]
        guard usesUnixSocket, let directories = parameters["unix_socket_directories"]?.string else {
            // Without the GUC libpq's own default directory is the server's as well: no host at all.
            if !usesUnixSocket { connection["host"] = localTCPHost }
            return connection
        }
        let first = directories.split(separator: ",").map { String($0).trimmedSpaces }.first { $0.hasPrefix("/") }
        connection["host"] = first ?? localTCPHost
        return connection
    }

    private var localTCPHost: String {
        let addresses = listenAddresses.split(separator: ",").map { String($0).trimmedSpaces }
        let local: Set = ["*", "localhost", "0.0.0.0", "127.0.0.1"]
        if addresses.contains(where: { local.contains($0.lowercased()) }) { return "localhost" }
        return addresses.first ?? "localhost"
    }

    private func add(_ user: PostgresUser, to connection: inout ConnectionString) {
        for (name, value) in user.options { connection[name] = value }
        if !user.username.isEmpty { connection["user"] = user.username }
        if let password = user.password { connection["password"] = password }
    }
}
