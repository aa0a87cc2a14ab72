// The body of a restart request, read and checked.

import PatroniConfiguration
import PatroniCore

/// The body of `POST /restart` after its checks (API-162 to API-166).
struct RestartBody: Sendable, Hashable {
    /// Nil: at once.
    var schedule: WallTime?
    var request = RestartRequest()

    /// The failure is the answer to give.
    init(_ body: JSONObject, now: WallTime) throws(Rejection) {
        for (key, value) in body.pairs {
            switch key {
            case "schedule": schedule = try Schedule.parse(value, for: "restart", now: now)
            case "role":
                guard let word = value.string, let role = MemberRole(rawValue: word),
                    [.primary, .standbyLeader, .replica].contains(role)
                else { throw Rejection(400, "PostgreSQL role should be either primary, standby_leader, or replica") }
                request.role = role
            case "postgres_version": request.olderThan = try Self.version(value)
            case "timeout":
                guard let seconds = Self.seconds(value), seconds > 0 else {
                    throw Rejection(400, "Timeout should be a positive number of seconds")
                }
                request.timeout = .seconds(seconds)
            case "restart_pending": request.onlyIfPending = !value.isFalsy
            default: throw Rejection(400, "Unknown filter for the scheduled restart: \(key)")
            }
        }
    }

    private static func seconds(_ value: JSON) -> Int64? {
        // A year is for ever; more would only overflow somebody's arithmetic.
        SettingNumber.whole(value, unit: "s").map { min($0, 31_536_000) }
    }

    /// `15.4` → 150004, `9.6.3` → 90603.
    private static func version(_ value: JSON) throws(Rejection) -> Int {
        guard let text = value.string else { throw Rejection(400, "Invalid PostgreSQL version: \(value.text())") }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        if parts.contains(where: { $0.map { !(0..<1000).contains($0) } ?? true }) {
            throw Rejection(400, "Invalid PostgreSQL version: \(text)")
        }
        let numbers = parts.compactMap { $0 }
        switch numbers.count {
        case 2 where numbers[0] >= 10: return numbers[0] * 10000 + numbers[1]
        case 3: return numbers[0] * 10000 + numbers[1] * 100 + numbers[2]
        default:
            throw Rejection(400, "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: \(text)")
        }
    }
}

/// A request that is not carried out: the status and the words for the client.
struct Rejection: Error, Sendable, Hashable {
    var status: Int
    var text: String

    init(_ status: Int, _ text: String) {
        self.status = status
        self.text = text
    }
}

/// Points in time that clients ask for.
enum Schedule {
    /// Needs a zone, and must not be over (API-144 to API-146, API-166).
    static func parse(_ value: JSON, for action: String, now: WallTime) throws(Rejection) -> WallTime {
        guard let parsed = value.string.flatMap(WallTime.parse) else {
            throw Rejection(
                422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601")
        }
        guard case .absolute(let time) = parsed else {
            throw Rejection(400, "Timezone information is mandatory for the scheduled \(action)")
        }
        if time < now { throw Rejection(422, "Cannot schedule \(action) in the past") }
        return time
    }
}
