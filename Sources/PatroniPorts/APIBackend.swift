// What the REST API needs done by the agent. Everything that only reads or checks stays in PatroniAPI.

import PatroniCore

/// The agent, seen from the REST API. No call may wait for longer than its own deadline.
public protocol APIBackend: Sendable {
    /// The newest status, SQL asked anew within two seconds.
    func freshStatus() async -> StatusSnapshot
    /// The last changes at this member.
    func flightLog() async -> FlightLog

    // MARK: the store

    func readCluster() async throws(StoreFailure) -> Cluster
    /// A nil version writes whatever stands there.
    func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?) async -> WriteOutcome
    /// A nil request clears the key; a nil version writes whatever stands there.
    func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?) async -> WriteOutcome

    // MARK: the loop

    /// Starts a turn now.
    func wakeLoop()
    /// Reads the configuration file again, as SIGHUP does.
    func reload()
    /// What the members answer when asked directly, within two seconds.
    func peerStatus(of members: [Member]) async -> [PeerStatus]

    // MARK: PostgreSQL

    /// Restarts now, if the request's conditions are met.
    func restart(_ request: RestartRequest) async -> RestartOutcome
    /// False: another restart is scheduled already.
    func scheduleRestart(_ request: RestartRequest, at: WallTime) async -> Bool
    /// False: there was none.
    func deleteScheduledRestart() async -> Bool
    /// Nil when it has been started, otherwise why not, in the words for the client (API-176).
    func reinitialize(force: Bool, fromLeader: Bool) async -> String?

    /// The primary tells us that it goes on without the store.
    func failsafe(_ notice: FailsafeNotice) async -> FailsafeAnswer
}

/// What became of an immediate restart; the words are for the client (API-167, API-168).
public enum RestartOutcome: Sendable, Hashable {
    case restarted
    /// Such as "restart conditions are not satisfied", "postgres is still starting", "restart failed".
    case notDone(String)
}

/// The body of `POST /failsafe` (API-179).
public struct FailsafeNotice: Sendable, Hashable {
    public var name: MemberName
    public var connectionURL: String?
    public var apiURL: String?
    public var slots: [String: LSN]?

    public init(name: MemberName, connectionURL: String?, apiURL: String?, slots: [String: LSN]? = nil) {
        self.name = name
        self.connectionURL = connectionURL
        self.apiURL = apiURL
        self.slots = slots
    }

    /// Nil when the body names nobody.
    public init?(body: JSONObject) {
        guard let name = body["name"]?.string, !name.isEmpty else { return nil }
        self.name = MemberName(name)
        connectionURL = body["conn_url"]?.string
        apiURL = body["api_url"]?.string
        slots = body["slots"]?.object.map { object in
            Dictionary(
                object.pairs.compactMap { pair in pair.value.int.flatMap(LSN.init(number:)).map { (pair.key, $0) } },
                uniquingKeysWith: { $1 })
        }
    }

    public var json: JSONObject {
        var out: JSONObject = [
            "name": .string(name.text), "conn_url": .init(connectionURL), "api_url": .init(apiURL),
        ]
        if let slots {
            out["slots"] = .object(JSONObject(slots.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value.number)) }))
        }
        return out
    }
}

/// Our answer to it (API-180, API-181, API-203).
public enum FailsafeAnswer: Sendable, Hashable {
    /// Go on; this is how far we are, and for how long we promise not to take over.
    case accepted(LSN?, for: Duration)
    /// There must not be two.
    case refused(FailsafeRefusal)
}
