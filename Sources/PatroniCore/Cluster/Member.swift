// One member as it stands in the store: `members/<name>`.

/// What a member publishes about itself (DCS-012 to DCS-029).
public struct Member: Sendable, Hashable, Codable {
    public var name: MemberName
    /// `postgres://host:port/database`.
    public var connectionURL: String?
    /// Where its REST API answers, `http(s)://host:port/patroni`.
    public var apiURL: String?
    /// Nil when the text is none we know.
    public var state: MemberState?
    public var role: MemberRole?
    /// Patroni's version, as text.
    public var version: String?
    public var proxyURL: String?
    /// The leader has been promoted and has not yet written its first checkpoint: pg_rewind must wait (DCS-018).
    public var awaitsCheckpoint = false
    public var tags = Tags()
    public var pendingRestart = false
    public var pendingRestartReason: JSONObject?
    /// The position that counts: written on a primary, the larger of received and replayed on a standby.
    public var position: LSN?
    public var replayedPosition: LSN?
    public var receivedPosition: LSN?
    /// `streaming` or `in archive recovery`.
    public var replicationState: String?
    public var timeline: Timeline?
    public var scheduledRestart: JSONObject?
    /// This member has seen that the cluster is paused.
    public var isPaused = false

    public init(name: MemberName) { self.name = name }

    public var isRunning: Bool { state == .running }
    public var mayLead: Bool { tags.mayLead }
    public var endpoint: Endpoint? { connectionURL.flatMap(Endpoint.init(connectionURL:)) }
}

/// Where a PostgreSQL server listens.
public struct Endpoint: Sendable, Hashable, Codable, CustomStringConvertible {
    public var host: String
    public var port: Int
    public var database: String?

    public init(host: String, port: Int, database: String? = nil) {
        self.host = host
        self.port = port
        self.database = database
    }

    /// Reads `postgres://[user[:password]@]host[:port][/database][?…]`; the port defaults to 5432 (DCS-031).
    public init?(connectionURL: String) {
        guard let scheme = connectionURL.firstRange(of: "://") else { return nil }
        var rest = connectionURL[scheme.upperBound...]
        if let query = rest.firstIndex(of: "?") { rest = rest[..<query] }
        if let slash = rest.firstIndex(of: "/") {
            let name = rest[rest.index(after: slash)...]
            database = name.isEmpty ? nil : String(name)
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        guard let split = Self.split(String(rest), defaultPort: 5432) else { return nil }
        (host, port) = split
    }

    /// Splits `host[:port]` on the last colon, brackets around IPv6 removed (CFG-043).
    public static func split(_ text: String, defaultPort: Int) -> (host: String, port: Int)? {
        var host = Substring(text)
        var port = defaultPort
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]"),
            text[..<colon].hasSuffix("]") || !text[..<colon].contains(":")
        {
            guard let value = Int(text[text.index(after: colon)...]), (1...65535).contains(value) else { return nil }
            host = text[..<colon]
            port = value
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }

    public var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}
