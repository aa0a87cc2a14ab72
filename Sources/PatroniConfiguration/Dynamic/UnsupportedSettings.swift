// Settings that Patroni knows and this version does not act on. Silence about them could cost data.

import PatroniCore

/// Finds what an operator relies on and would not get.
public enum UnsupportedSettings {
    /// One line for each, to be logged as a warning whenever the configuration changes.
    public static func warnings(local: JSONObject, cluster: ClusterSettings) -> [String] {
        var lines: [String] = []
        if let group = local.value("citus.group"), !group.isNull {
            lines.append("citus is set, but this version does not manage Citus: its metadata stays as it is")
        }
        return lines
    }

    /// Why the agent must not start; nil when it may. Patroni refuses as well where a required watchdog can't work
    /// (HA-009, HA-300).
    public static func obstacle(local: JSONObject) -> String? {
        guard let mode = local.value("watchdog.mode")?.string?.lowercased(), ["required", "require"].contains(mode)
        else {
            return nil
        }
        return "watchdog.mode is '\(mode)': this version has no watchdog; allowed are off and automatic"
    }
}
