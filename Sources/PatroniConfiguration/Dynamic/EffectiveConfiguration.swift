// What is in force: built-in defaults < dynamic < file < environment (CFG-013).

import PatroniCore

/// The local and the dynamic configuration, merged, checked and typed.
public struct EffectiveConfiguration: Sendable, Equatable {
    public var agent: AgentConfiguration
    public var cluster: ClusterSettings
    /// For the log, in order.
    public var warnings: [String]

    /// Throws when the dynamic configuration has to be refused as a whole, or the local one is wrong; keep the one in
    /// force then. `home` is where `~/` leads to.
    public init(local: JSONObject, dynamic: JSONObject, home: String? = nil) throws(ConfigurationError) {
        let shared = try DynamicSettings(dynamic)
        cluster = shared.settings
        warnings = shared.warnings
        agent = try AgentConfiguration(local: local, dynamic: dynamic, home: home)
        readLocalRewindSettings(LegacyForms.rewritten(local))
    }

    /// These stand beside PostgreSQL's settings, where the local file may overrule the store (CFG-016).
    private mutating func readLocalRewindSettings(_ local: JSONObject) {
        func flag(_ key: String) -> Bool? { local.value("postgresql.\(key)").flatMap(Tags.truth) }
        cluster.usePgRewind = flag("use_pg_rewind") ?? cluster.usePgRewind
        cluster.removeDataDirectoryOnRewindFailure =
            flag("remove_data_directory_on_rewind_failure") ?? cluster.removeDataDirectoryOnRewindFailure
        cluster.removeDataDirectoryOnDivergedTimelines =
            flag("remove_data_directory_on_diverged_timelines") ?? cluster.removeDataDirectoryOnDivergedTimelines
    }
}

extension ClusterSettings {
    /// The settings alone, defaults where the object has to be refused.
    public init(dynamic: JSONObject) {
        self = (try? DynamicSettings(dynamic))?.settings ?? ClusterSettings()
    }
}
