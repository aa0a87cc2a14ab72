// Renders and writes everything the server reads at its start or at a reload (section 11 of the configuration ledger).

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// What the server's files should say.
public struct WantedConfiguration: Sendable, Hashable {
    /// Who may connect.
    public enum Access: Sendable, Hashable {
        /// What the configuration lists; files it doesn't mention are left alone.
        case configured
        /// A custom bootstrap runs: access without password from this machine (HA-061).
        case trust
    }

    /// From ``ServerParameters/wanted(_:synchronous:)``.
    public var parameters: Parameters
    /// Nil on a primary: no recovery section, no signal files.
    public var recovery: RecoverySettings?
    public var access = Access.configured
    /// Logical slots need it on this node and on its upstream (CFG-252).
    public var enforcesHotStandbyFeedback = false
    /// The restored backup brings recovery settings of its own: signal files and postgresql.auto.conf stay (HA-060).
    public var keepsExistingRecovery = false

    public init(parameters: Parameters, recovery: RecoverySettings? = nil) {
        self.parameters = parameters
        self.recovery = recovery
    }
}

/// What a write did.
public struct ConfigurationChange: Sendable, Hashable {
    public var files: Set<ConfigurationFile> = []
    /// Values left out or put right, for the log.
    public var warnings: [String] = []

    /// The running server has to be told.
    public var needsReload: Bool {
        !files.isDisjoint(with: [
            .configuration, .hostBasedAuthentication, .identityMap, .automaticConfiguration, .passfile,
        ])
    }
}

/// The files of one server.
public struct ServerConfiguration: Sendable {
    public let server: LocalServer
    /// Settings that this PostgreSQL has beyond the rules we know, lower case: see ``KnownSettings``.
    public let knownSettings: Set<String>
    private var files: ServerFiles { server.files }
    private var writer: ConfigurationFiles { ConfigurationFiles(files: files) }

    public init(_ server: LocalServer, knownSettings: Set<String> = []) {
        self.server = server
        self.knownSettings = knownSettings
    }

    /// The text of postgresql.conf, with what had to be left out or put right (CFG-255, CFG-265).
    public func text(_ wanted: WantedConfiguration) -> (text: String, warnings: [String]) {
        var parameters = wanted.parameters.filter { !ParameterRules.isRecovery($0) }
        if wanted.enforcesHotStandbyFeedback { parameters["hot_standby_feedback"] = "on" }
        let include = server.settings.customConfigurationFile ?? ServerFiles.lastComponent(files.baseConfiguration)
        var text = ConfigurationText.header + "include \(ConfigurationText.quoted(include))\n\n"
        var warnings: [String] = []
        let isTrusting = wanted.access != .configured
        for (name, value) in parameters.sorted where !(isTrusting && name.lowercased() == "hba_file") {
            let checked = ParameterRules.check(name, value, version: server.version) {
                knownSettings.contains($0.lowercased())
            }
            if let warning = checked.warning { warnings.append(warning) }
            if let value = checked.value { text += ConfigurationText.setting(name, value) }
        }
        if isTrusting || parameters["hba_file"] == nil {
            text += ConfigurationText.setting("hba_file", files.hostBasedAuthentication)
        }
        if parameters["ident_file"] == nil { text += ConfigurationText.setting("ident_file", files.identityMap) }
        if let recovery = wanted.recovery {
            let section = RecoveryConfiguration.text(recovery, server)
            text += section.text
            warnings += section.warnings
        }
        return (text, warnings)
    }

    /// Brings all files in line with `wanted` and says which ones changed. Nothing is written that stands there already.
    public func apply(_ wanted: WantedConfiguration) async throws(FileError) -> ConfigurationChange {
        try await offPool { () throws(FileError) -> ConfigurationChange in try applyBlocking(wanted) }
    }

    private func applyBlocking(_ wanted: WantedConfiguration) throws(FileError) -> ConfigurationChange {
        var change = ConfigurationChange()
        func note(_ file: ConfigurationFile, _ isWritten: Bool) {
            if isWritten { change.files.insert(file) }
        }
        if server.settings.customConfigurationFile == nil, !FileReading.exists(files.baseConfiguration) {
            try DurableFile.move(files.configuration, to: files.baseConfiguration)
        }
        if let upstream = wanted.recovery?.upstream, upstream["password"] != nil {
            note(.passfile, try writePassfile(upstream))
        }
        let (text, warnings) = text(wanted)
        change.warnings = warnings
        note(.configuration, try writer.write(files.configuration, text))
        if !wanted.keepsExistingRecovery {
            note(.automaticConfiguration, try writer.stripAutomaticConfiguration())
            note(.signal, try writeSignals(wanted.recovery?.signal))
        }
        let access = accessTexts(wanted)
        if let text = access.hostBased {
            note(.hostBasedAuthentication, try writer.write(files.hostBasedAuthentication, text))
        }
        if let text = access.identityMap { note(.identityMap, try writer.write(files.identityMap, text)) }
        return change
    }

    /// The texts of pg_hba.conf and pg_ident.conf; nil for one that is left alone (CFG-101, CFG-103, CFG-534).
    func accessTexts(_ wanted: WantedConfiguration) -> (hostBased: String?, identityMap: String?) {
        if wanted.access == .trust { return (HostBasedAuthentication.trust(server.settings), nil) }
        func text(_ lines: [String]?, _ parameter: String, _ ownPath: String) -> String? {
            guard let lines, !lines.isEmpty, (wanted.parameters[parameter] ?? ownPath) == ownPath else { return nil }
            return HostBasedAuthentication.text(lines)
        }
        return (
            text(server.settings.hba, "hba_file", files.hostBasedAuthentication),
            text(server.settings.ident, "ident_file", files.identityMap)
        )
    }

    private func writeSignals(_ signal: RecoverySettings.Signal?) throws(FileError) -> Bool {
        switch signal {
        case .standby: return try writer.create(files.standbySignal)
        case .recovery:
            let isRemoved = try writer.remove(files.standbySignal)
            return try writer.create(files.recoverySignal) || isRemoved
        case nil:
            let isRemoved = try writer.remove(files.standbySignal)
            return try writer.remove(files.recoverySignal) || isRemoved
        }
    }

    private func writePassfile(_ connection: ConnectionString) throws(FileError) -> Bool {
        try writer.write(server.settings.passfile, Passfile.text(for: connection), mode: 0o600)
    }

    /// Writes the passfile for a tool and says what the tool needs in its environment; without password: nothing.
    public func passfileEnvironment(for connection: ConnectionString) async throws(FileError) -> [String: String] {
        guard connection["password"] != nil else { return [:] }
        _ = try await offPool { () throws(FileError) -> Bool in try writePassfile(connection) }
        return ["PGPASSFILE": server.settings.passfile]
    }

    /// Does the passfile of the running configuration hold what it should? For ``RunningRecovery``.
    func readPassfile(_ path: String) async -> String? {
        await offPool { () -> String? in try? FileReading.text(path) }
    }

    /// Removes the signal files: the next start is not a recovery any more (HA-060, HA-077).
    public func removeRecovery() async throws(FileError) {
        _ = try await offPool { () throws(FileError) -> Bool in try writeSignals(nil) }
    }

    public func hasStandbySignal() async -> Bool {
        await offPool { FileReading.exists(files.standbySignal) }
    }
}
