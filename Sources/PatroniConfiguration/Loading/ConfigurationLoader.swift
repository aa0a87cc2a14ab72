// Where the local configuration comes from: a file or a folder of files, PATRONI_CONFIGURATION, the environment.

import Glibc
import PatroniCore

/// The local configuration as it was written: one tree, before anything was checked.
public struct LocalConfiguration: Sendable, Equatable {
    public var values: JSONObject
    /// The file or folder it was read from; nil: there is nothing to read again (CFG-269).
    public var path: String?
    /// For the log, once there is one.
    public var warnings: [String]

    public init(values: JSONObject, path: String? = nil, warnings: [String] = []) {
        self.values = values
        self.path = path
        self.warnings = warnings
    }
}

/// Reads the local configuration; keeps the environment of the start for every later reload (CFG-032, CFG-527).
public struct ConfigurationLoader: Sendable {
    private let path: String?
    private let environment: [String: String]

    public init(path: String?, environment: [String: String]) {
        self.path = path
        self.environment = environment
    }

    /// With this process's environment.
    public init(path: String?) {
        self.init(path: path, environment: ProcessEnvironment.read())
    }

    /// Reads and merges (CFG-001 to CFG-011). May block on the disk. Nothing at all is an error for the agent, not for
    /// patronictl.
    public func load(allowsNothing: Bool = false) throws(ConfigurationError) -> LocalConfiguration {
        if let path, let kind = ConfigurationFiles.kind(of: path) {
            var values = try read(path, kind)
            let fromEnvironment = EnvironmentReader(environment)
            values.apply(patch: fromEnvironment.tree)
            if values.isEmpty { throw ConfigurationError("\(path): Config is empty.") }
            return LocalConfiguration(values: values, path: path, warnings: fromEnvironment.warnings)
        }
        if let text = environment["PATRONI_CONFIGURATION"], !text.isEmpty {
            let value = try parse(Array(text.utf8), "PATRONI_CONFIGURATION")
            if let object = value.object, !object.isEmpty { return LocalConfiguration(values: object) }
            if !value.isFalsy { throw ConfigurationError("PATRONI_CONFIGURATION: expected names with values") }
        }
        let reader = EnvironmentReader(environment)
        if reader.tree.isEmpty, !allowsNothing {
            let reason = path.map { "\($0) does not exist and no PATRONI_* variable is set" }
            throw ConfigurationError(
                "Config is empty. " + (reason ?? "Name a configuration file or set PATRONI_* variables") + ".")
        }
        return LocalConfiguration(values: reader.tree, warnings: reader.warnings)
    }

    private func read(_ path: String, _ kind: ConfigurationFiles.Kind) throws(ConfigurationError) -> JSONObject {
        var result = JSONObject()
        let files: [String]
        switch kind {
        case .file: files = [path]
        case .folder:
            do throws(ConfigurationFileError) {
                files = try ConfigurationFiles.names(in: path).filter { $0.hasSuffix(".yml") || $0.hasSuffix(".yaml") }
                    .map { "\(path)/\($0)" }.filter { ConfigurationFiles.kind(of: $0) == .file }
            } catch {
                throw ConfigurationError("\(error)")
            }
        case .other: throw ConfigurationError("\(path): invalid config path, it is neither a file nor a directory")
        }
        for file in files {
            let bytes: [UInt8]
            do throws(ConfigurationFileError) { bytes = try ConfigurationFiles.contents(of: file) } catch {
                throw ConfigurationError("\(error)")
            }
            guard let object = try parse(bytes, file).object else {
                throw ConfigurationError("\(file): invalid config file, it does not hold names with values")
            }
            result.apply(patch: object)
        }
        return result
    }

    private func parse(_ bytes: [UInt8], _ source: String) throws(ConfigurationError) -> JSON {
        do throws(YAMLError) {
            return try YAML.parse(bytes, source: source)
        } catch {
            throw ConfigurationError("\(error)")
        }
    }
}
