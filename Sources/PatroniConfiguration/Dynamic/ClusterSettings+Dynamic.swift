// The dynamic configuration, checked and corrected (CFG-203 to CFG-233).

import PatroniCore

/// What the store's `config` key means, and what had to be said about it.
public struct DynamicSettings: Sendable, Hashable {
    public var settings: ClusterSettings
    /// For the log: values that were corrected or passed over.
    public var warnings: [String]

    /// Never fails because of a single value: a value of a wrong type is passed over with a warning, one below its
    /// minimum is raised. The store's content stays as it is (CFG-524). Throws when the whole object has to be refused
    /// and the one in force kept (CFG-019, CFG-020).
    public init(_ values: JSONObject) throws(ConfigurationError) {
        warnings = []
        settings = ClusterSettings()
        for key in ["ttl", "loop_wait", "retry_timeout"] {
            if let value = values[key], !value.isNull, SettingNumber.whole(value, unit: "s") == nil {
                throw ConfigurationError("\(key): \(value.pythonRepresentation) is not allowed, expected whole seconds")
            }
        }
        if let parameters = values.value("postgresql.parameters"), parameters.object == nil {
            throw ConfigurationError("postgresql.parameters is not a dictionary")
        }
        let problems = Schema.problems(in: values, settings: Schema.dynamic.withoutRanges)
        warnings += problems.map { $0 + "; the default is used" }
        let reader = TreeReader(values, settings: Schema.dynamicByPath)
        readTimings(reader)
        readLimits(reader, values)
        readModes(reader)
        warnings += ControlledParameter.read(values.value("postgresql.parameters")?.object ?? JSONObject()).warnings
    }

    private mutating func raised(_ reader: TreeReader, _ path: String, to least: Int, spaced: Bool = false) -> Int {
        let value = reader.whole(path) ?? least
        if value >= least { return value }
        warnings.append("\(path)=\(value) can't be smaller than \(least), adjusting...")
        return least
    }

    private mutating func readTimings(_ reader: TreeReader) {
        var loopWait = raised(reader, "loop_wait", to: 1)
        var retryTimeout = raised(reader, "retry_timeout", to: 3)
        let ttl = raised(reader, "ttl", to: 20)
        if 1 + 2 * retryTimeout > ttl {
            let corrected = (ttl - 1) / 2
            warnings.append(
                "Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl=\(ttl)."
                    + " Adjusting loop_wait from \(loopWait) to 1 and retry_timeout from \(retryTimeout) to \(corrected)"
            )
            loopWait = 1
            retryTimeout = corrected
        } else if loopWait + 2 * retryTimeout > ttl {
            let corrected = ttl - 2 * retryTimeout
            warnings.append(
                "Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl=\(ttl) and"
                    + " retry_timeout=\(retryTimeout). Adjusting loop_wait from \(loopWait) to \(corrected)")
            loopWait = corrected
        }
        settings.ttl = .seconds(ttl)
        settings.loopWait = .seconds(loopWait)
        settings.retryTimeout = .seconds(retryTimeout)
    }

    private mutating func readLimits(_ reader: TreeReader, _ values: JSONObject) {
        settings.maximumLagOnFailover = ByteCount(Int64(raised(reader, "maximum_lag_on_failover", to: 0)))
        settings.maximumHistoryRows = max(0, reader.whole("max_timelines_history") ?? 0)
        settings.memberSlotsTTL = .seconds(raised(reader, "member_slots_ttl", to: 0))
        let start = renamed(reader, values, "primary_start_timeout") ?? 300
        settings.primaryStartTimeout = .seconds(max(0, start))
        if let stop = renamed(reader, values, "primary_stop_timeout"), stop > 0 {
            settings.primaryStopTimeout = .seconds(stop)
        }
        let least = reader.flag("synchronous_mode_strict") ? 1 : 0
        settings.synchronousNodeCount = max(least, reader.whole("synchronous_node_count") ?? 1)
        let most = reader.whole("maximum_lag_on_syncnode") ?? -1
        settings.maximumLagOnSyncNode = most > 0 ? ByteCount(Int64(most)) : nil
    }

    /// The value under today's name, or else under the old one (CFG-211).
    private func renamed(_ reader: TreeReader, _ values: JSONObject, _ path: String) -> Int? {
        if values.value(path) == nil, let old = Schema.renamedDynamic[path], let value = values.value(old) {
            return SettingNumber.whole(value, unit: "s").map { Int(clamping: $0) }
        }
        return reader.whole(path)
    }

    private mutating func readModes(_ reader: TreeReader) {
        settings.checkTimeline = reader.flag("check_timeline")
        settings.isPaused = reader.flag("pause")
        if let mode = reader.value("synchronous_mode") {
            let isQuorum = mode.string?.lowercased() == "quorum"
            settings.synchronousMode = isQuorum ? .quorum : reader.flag("synchronous_mode") ? .on : .off
        }
        settings.isSynchronousModeStrict = reader.flag("synchronous_mode_strict")
        settings.primaryRaceBackoff = .seconds(max(0, reader.whole("primary_race_backoff") ?? 0))
        settings.isFailsafeModeEnabled = reader.flag("failsafe_mode")
        settings.useSlots = reader.flag("postgresql.use_slots")
        settings.usePgRewind = reader.flag("postgresql.use_pg_rewind")
        settings.removeDataDirectoryOnRewindFailure = reader.flag("postgresql.remove_data_directory_on_rewind_failure")
        settings.removeDataDirectoryOnDivergedTimelines = reader.flag(
            "postgresql.remove_data_directory_on_diverged_timelines")
        settings.standbyCluster = RemoteSource(reader.table("standby_cluster"))
    }
}
