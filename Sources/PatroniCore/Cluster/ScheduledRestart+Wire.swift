// A scheduled restart as others see it.

extension ScheduledRestart {
    /// As the status page shows it (API-086).
    public var json: JSONObject {
        var out: JSONObject = ["schedule": .string(at.iso8601())]
        out["role"] = request.role.map { .string($0.rawValue) }
        out["postgres_version"] = request.olderThan.map { .string(Self.versionText($0)) }
        out["timeout"] = request.timeout.map { .int($0.wholeSeconds) }
        if request.onlyIfPending { out["restart_pending"] = true }
        return out
    }

    /// As the member's key shows it: with the start of the postmaster it was meant for (DCS-028).
    public var publishedJSON: JSONObject {
        var out = json
        out["postmaster_start_time"] = postmasterStart.map { .string($0.iso8601(separator: " ")) }
        return out
    }

    private static func versionText(_ number: Int) -> String {
        number >= 100_000
            ? "\(number / 10000).\(number % 10000)" : "\(number / 10000).\(number / 100 % 100).\(number % 100)"
    }
}
