// What is in force: the local file laid over what the cluster has agreed on.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Holds both halves of the configuration and what they make together.
struct ConfigurationKeeper: Sendable {
    private let loader: ConfigurationLoader
    private(set) var tree: JSONObject
    /// The cluster's half as last seen in the store, or as remembered from there.
    private(set) var dynamic: JSONObject
    private(set) var effective: EffectiveConfiguration
    private let home: String?

    /// The cluster's half comes from the copy in the data directory, else from `bootstrap.dcs` (CFG-285, CFG-286).
    init(loader: ConfigurationLoader, loaded: LocalConfiguration, home: String?) throws(ConfigurationError) {
        self.loader = loader
        self.home = home
        tree = loaded.values
        let first = try EffectiveConfiguration(local: loaded.values, dynamic: [:], home: home)
        let remembered = Self.remembered(in: first.agent.postgres.dataDirectory)
        dynamic = remembered ?? first.agent.bootstrap?.dcs ?? [:]
        effective = try EffectiveConfiguration(local: loaded.values, dynamic: dynamic, home: home)
    }

    var local: AgentConfiguration { effective.agent }
    var cluster: ClusterSettings { effective.cluster }

    /// For the log whenever something changed.
    var warnings: [String] {
        effective.warnings + effective.agent.tagWarnings
            + UnsupportedSettings.warnings(local: tree, cluster: effective.cluster)
    }

    /// Reads the local file again; false when nothing changed. The old configuration stays when the new one is wrong.
    mutating func reload() throws(ConfigurationError) -> Bool {
        let loaded = try loader.load()
        if loaded.values.text() == tree.text() { return false }
        effective = try EffectiveConfiguration(local: loaded.values, dynamic: dynamic, home: home)
        tree = loaded.values
        return true
    }

    /// Takes over what the store says now; false when nothing changed.
    mutating func adopt(_ values: JSONObject) throws(ConfigurationError) -> Bool {
        if values.text() == dynamic.text() { return false }
        effective = try EffectiveConfiguration(local: tree, dynamic: values, home: home)
        dynamic = values
        return true
    }

    /// Keeps a copy beside the data: a leader puts it back when the store has lost it (CFG-287, CFG-288).
    func remember() throws(FileError) {
        try DurableFile.write("\(local.postgres.dataDirectory)/\(Self.fileName)", dynamic.text())
    }

    private static let fileName = "patroni.dynamic.json"

    private static func remembered(in directory: String) -> JSONObject? {
        guard let text = try? FileReading.text("\(directory)/\(fileName)"),
            let object = (try? JSON.parse(text))?.object,
            !object.isEmpty
        else { return nil }
        return object
    }
}
