// Who streams from this member's PostgreSQL.

/// One connected WAL receiver, as `pg_stat_replication` shows it (API-077).
public struct WalSender: Sendable, Hashable, Codable {
    public var pid: Int32
    public var user: String?
    public var applicationName: String
    /// Nil on a Unix socket.
    public var clientAddress: String?
    public var state: String?
    public var syncState: String?
    public var syncPriority: Int
    public var written: LSN?
    public var flushed: LSN?
    public var replayed: LSN?

    public init(
        pid: Int32 = 0, user: String?, applicationName: String, clientAddress: String?, state: String?,
        syncState: String?, syncPriority: Int, written: LSN? = nil, flushed: LSN? = nil, replayed: LSN? = nil
    ) {
        self.pid = pid
        self.user = user
        self.applicationName = applicationName
        self.clientAddress = clientAddress
        self.state = state
        self.syncState = syncState
        self.syncPriority = syncPriority
        self.written = written
        self.flushed = flushed
        self.replayed = replayed
    }
}
