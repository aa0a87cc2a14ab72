// What is in force: the local file laid over what the cluster has agreed on.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Holds both halves of the configuration and what they make together.
package struct ConfigurationKeeper: Sendable {
    /// Reading blocks on the disk, so it is not done here.
    package let loader: ConfigurationLoader
    package private(set) var tree: JSONObject
    /// The cluster's half as last seen in the store, or as remembered from there.
    package private(set) var dynamic: JSONObject
    /// The same as text, made once: every turn asks for it.
    private var dynamicText: String
    private(set) var effective: EffectiveConfiguration
    private let home: String?
    /// What stands in the data directory's copy, as far as we know.
    private var remembered: String?

    /// The cluster's half comes from the copy in the data directory, else from `bootstrap.dcs` (CFG-285, CFG-286).
    package init(loader: ConfigurationLoader, loaded: LocalConfiguration, home: String?) throws(ConfigurationError) {
        try self.init(loader: loader, loaded: loaded, home: home, findCopy: Self.copy(in:))
    }

    /// With another way to find the copy in the data directory. `alone`: what the file says by itself, if that is known.
    package init(
        loader: ConfigurationLoader, loaded: LocalConfiguration, home: String?, alone: EffectiveConfiguration? = nil,
        findCopy: (String) -> JSONObject?
    ) throws(ConfigurationError) {
        self.loader = loader
        self.home = home
        tree = loaded.values
        let first =
            if let alone { alone } else { try EffectiveConfiguration(local: loaded.values, dynamic: [:], home: home) }
        let copy = findCopy(first.agent.postgres.dataDirectory)
        remembered = copy?.text()
        dynamic = copy ?? first.agent.bootstrap?.dcs ?? [:]
        dynamicText = dynamic.text()
        effective = try EffectiveConfiguration(local: loaded.values, dynamic: dynamic, home: home)
    }

    package var local: AgentConfiguration { effective.agent }
    package var cluster: ClusterSettings { effective.cluster }

    /// For the log whenever something changed.
    package var warnings: [String] {
        effective.warnings + effective.agent.tagWarnings
            + UnsupportedSettings.warnings(local: tree, cluster: effective.cluster)
    }

    /// Takes over what the local file says now; false when nothing changed. The old configuration stays when the new one is wrong.
    mutating func adopt(_ loaded: LocalConfiguration) throws(ConfigurationError) -> Bool {
        if loaded.values.text() == tree.text() { return false }
        effective = try EffectiveConfiguration(local: loaded.values, dynamic: dynamic, home: home)
        tree = loaded.values
        return true
    }

    /// Takes over what the store says now; false when nothing changed.
    mutating func adopt(_ values: JSONObject) throws(ConfigurationError) -> Bool {
        let text = values.text()
        if text == dynamicText { return false }
        effective = try EffectiveConfiguration(local: tree, dynamic: values, home: home)
        dynamic = values
        dynamicText = text
        return true
    }

    package struct Copy: Sendable, Equatable {
        package var path: String
        package var text: String
    }

    /// A copy to be kept beside the data: a leader puts it back when the store has lost it (CFG-287, CFG-288). Nil when
    /// it is there already.
    var copyToRemember: Copy? {
        if dynamicText == remembered { return nil }
        return Copy(path: "\(local.postgres.dataDirectory)/\(Self.fileName)", text: dynamicText)
    }

    mutating func remembered(_ copy: Copy) { remembered = copy.text }
    /// The data directory was made anew.
    mutating func forgetCopy() { remembered = nil }

    private static let fileName = "patroni.dynamic.json"

    private static func copy(in directory: String) -> JSONObject? {
        guard let text = try? FileReading.text("\(directory)/\(fileName)"),
            let object = (try? JSON.parse(text))?.object,
            !object.isEmpty
        else { return nil }
        return object
    }
}
