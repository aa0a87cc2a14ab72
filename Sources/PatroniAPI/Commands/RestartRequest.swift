// A wish to restart PostgreSQL, now or later, under conditions: read, checked, shown and compared here.

import PatroniCore

/// The body of `POST /restart` after its checks (API-162 to API-166).
public struct RestartRequest: Sendable, Hashable, Codable {
    public var schedule: WallTime?
    /// Only if the server has this role.
    public var role: MemberRole?
    /// Only if the server's version is lower; as written, `15.4`.
    public var postgresVersion: String?
    /// Seconds the start may take before a failover.
    public var timeout: Int64?
    /// Only if a restart is pending.
    public var onlyIfPending = false
    /// The fields in the order they came in, values as they are shown to others.
    private var shown: JSONObject

    public init(
        schedule: WallTime? = nil, role: MemberRole? = nil, postgresVersion: String? = nil, timeout: Int64? = nil,
        onlyIfPending: Bool = false
    ) {
        self.schedule = schedule
        self.role = role
        self.postgresVersion = postgresVersion
        self.timeout = timeout
        self.onlyIfPending = onlyIfPending
        shown = JSONObject()
        shown["restart_pending"] = onlyIfPending ? true : nil
        shown["postgres_version"] = postgresVersion.map(JSON.string)
        shown["role"] = role.map { .string($0.rawValue) }
        shown["timeout"] = timeout.map(JSON.int)
        shown["schedule"] = schedule.map { .string($0.iso8601()) }
    }

    /// As the status page shows it (API-086), and as the body of a request.
    public var json: JSONObject { shown }

    /// As the member's key shows it: with the start of the postmaster it was meant for (DCS-028).
    public func json(postmasterStart: WallTime?) -> JSONObject {
        var out = shown
        out["postmaster_start_time"] = postmasterStart.map { .string($0.iso8601(separator: " ")) }
        return out
    }

    /// Reads a body; the failure is the answer to give.
    public init(body: JSONObject, now: WallTime) throws(Refusal) {
        self.init()
        for (key, value) in body.pairs {
            switch key {
            case "schedule":
                let time = try Schedule.parse(value, for: "restart", now: now)
                schedule = time
                shown[key] = .string(time.iso8601())
            case "role":
                guard let word = value.string, let role = MemberRole(rawValue: word),
                    [.primary, .standbyLeader, .replica].contains(role)
                else { throw Refusal(400, "PostgreSQL role should be either primary, standby_leader, or replica") }
                self.role = role
                shown[key] = value
            case "postgres_version":
                postgresVersion = try Self.version(value)
                shown[key] = value
            case "timeout":
                guard let seconds = Self.seconds(value), seconds > 0 else {
                    throw Refusal(400, "Timeout should be a positive number of seconds")
                }
                timeout = seconds
                shown[key] = .int(seconds)
            case "restart_pending":
                onlyIfPending = !value.isFalsy
                shown[key] = value
            default: throw Refusal(400, "Unknown filter for the scheduled restart: \(key)")
            }
        }
    }

    private static func seconds(_ value: JSON) -> Int64? {
        switch value {
        case .int(let seconds): seconds
        case .double(let seconds): Int64(exactly: seconds.rounded(.toNearestOrEven))
        case .string(let text): HumanUnit.seconds.parse(text)
        default: nil
        }
    }

    private static func version(_ value: JSON) throws(Refusal) -> String {
        let text = value.string ?? value.text()
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard value.string != nil, !parts.contains(nil) else {
            throw Refusal(400, "Invalid PostgreSQL version: \(text)")
        }
        guard versionNumber(text) != nil else {
            throw Refusal(400, "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: \(text)")
        }
        return text
    }

    /// `15.4` → 150004, `9.6.3` → 90603.
    static func versionNumber(_ text: String) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard parts.allSatisfy({ (0..<1000).contains($0) }) else { return nil }
        switch parts.count {
        case 2 where parts[0] >= 10: return parts[0] * 10000 + parts[1]
        case 3: return parts[0] * 10000 + parts[1] * 100 + parts[2]
        default: return nil
        }
    }

    /// Nil when the conditions are met, otherwise which one is not (API-172).
    public func mismatch(role current: MemberRole, serverVersion: Int, isRestartPending: Bool) -> String? {
        if let role, role != current { return "host role mismatch" }
        if let version = postgresVersion.flatMap(Self.versionNumber), version <= serverVersion {
            return "postgres version mismatch"
        }
        if onlyIfPending, !isRestartPending { return "pending restart flag is not set" }
        return nil
    }
}

/// A request that is not carried out: the status and the words for the client.
public struct Refusal: Error, Sendable, Hashable {
    public var status: Int
    public var text: String

    public init(_ status: Int, _ text: String) {
        self.status = status
        self.text = text
    }
}

/// Points in time that clients ask for.
enum Schedule {
    /// Needs a zone, and must not be over (API-144 to API-146, API-166).
    static func parse(_ value: JSON, for action: String, now: WallTime) throws(Refusal) -> WallTime {
        guard let parsed = value.string.flatMap(WallTime.parse) else {
            throw Refusal(
                422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601")
        }
        guard case .absolute(let time) = parsed else {
            throw Refusal(400, "Timezone information is mandatory for the scheduled \(action)")
        }
        if time < now { throw Refusal(422, "Cannot schedule \(action) in the past") }
        return time
    }
}
