// The file from which libpq takes the passwords of the tools and of the WAL receiver (CFG-262).

/// Lines of a password file.
public enum Passfile {
    /// One line for each host of a comma separated list; empty when there is no password to hand over.
    public static func text(for connection: ConnectionString) -> String {
        guard let password = connection["password"] else { return "" }
        var hosts = (connection["host"] ?? "").split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
        if hosts.isEmpty { hosts = ["*"] }
        // A connection over the socket is looked up as `localhost`.
        if hosts.contains(where: { $0.hasPrefix("/") }), !hosts.contains("localhost") { hosts.append("localhost") }
        let ports = (connection["port"] ?? "").split(separator: ",").map(\.trimmed)
        let user = field(connection["user"])
        return hosts.enumerated().map { index, host in
            // One port is that of all hosts; as many as hosts belong to one each.
            let port = field(ports.count > 1 ? ports.indices.contains(index) ? ports[index] : nil : connection["port"])
            return "\(host == "*" ? host : escape(host)):\(port):*:\(user):\(escape(password))\n"
        }.joined()
    }

    /// Are exactly the lines for `connection` in the file, in any order? (HA-254)
    public static func holds(_ text: String, _ connection: ConnectionString) -> Bool {
        lines(text) == lines(Self.text(for: connection))
    }

    private static func lines(_ text: String) -> Set<Substring> { Set(text.split(separator: "\n")) }

    private static func field(_ value: String?) -> String {
        guard let value, !value.isEmpty else { return "*" }
        return escape(value)
    }

    private static func escape(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            if character == ":" || character == "\\" { out += "\\" }
            out.append(character)
        }
    }
}
