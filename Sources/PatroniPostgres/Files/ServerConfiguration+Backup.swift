// Copies of the configuration inside the data directory, so that a base backup carries them along (CFG-257, CFG-535).

import PatroniConfiguration
import PatroniPlatform

extension ServerConfiguration {
    private func saved(_ parameters: Parameters) -> [String] {
        let files = server.files
        func isOwn(_ parameter: String, _ path: String) -> Bool { (parameters[parameter] ?? path) == path }
        var saved = [files.configuration]
        if server.settings.customConfigurationFile == nil { saved.append(files.baseConfiguration) }
        if isOwn("hba_file", files.hostBasedAuthentication) { saved.append(files.hostBasedAuthentication) }
        if isOwn("ident_file", files.identityMap) { saved.append(files.identityMap) }
        return saved
    }

    /// Copies the files after a successful start.
    public func saveBackups(_ parameters: Parameters) async throws(FileError) {
        let files = server.files
        let saved = saved(parameters)
        let trust = HostBasedAuthentication.trust(server.settings)
        try await offPool { () throws(FileError) in
            let writer = ConfigurationFiles(files: files)
            for path in saved where FileReading.exists(path) {
                // What a custom bootstrap opened for a moment must not come back out of a copy.
                if path == files.hostBasedAuthentication, (try? FileReading.text(path)) == trust { continue }
                try writer.copy(path, to: files.backup(of: path))
            }
        }
    }

    /// Puts missing files back after a replica was created; pg_ident.conf at least becomes an empty file.
    public func restoreFromBackups(_ parameters: Parameters) async throws(FileError) {
        let files = server.files
        let saved = saved(parameters)
        try await offPool { () throws(FileError) in
            let writer = ConfigurationFiles(files: files)
            for path in saved where !FileReading.exists(path) {
                if FileReading.exists(files.backup(of: path)) {
                    try writer.copy(files.backup(of: path), to: path)
                } else if path == files.identityMap {
                    _ = try writer.create(path)
                }
            }
        }
    }

    /// Adds bootstrap.pg_hba behind what initdb wrote, unless the file is ours or elsewhere (CFG-131).
    public func appendAccess(_ lines: [String], _ parameters: Parameters) async throws(FileError) {
        let path = server.files.hostBasedAuthentication
        let isConfigured = server.settings.hba?.isEmpty == false || (parameters["hba_file"] ?? path) != path
        if lines.isEmpty || isConfigured { return }
        let files = server.files
        _ = try await offPool { () throws(FileError) -> Bool in
            let text = try FileReading.text(path, limit: ConfigurationFiles.limit)
            let added = "\n" + lines.joined(separator: "\n") + "\n"
            return try ConfigurationFiles(files: files).write(path, text + added)
        }
    }
}

extension ServerConfiguration {
    /// After a data directory was cloned or restored: missing files out of the copies, no trigger file left (HA-060,
    /// HA-073).
    public func prepareRestored(_ parameters: Parameters) async throws(FileError) {
        try await restoreFromBackups(parameters)
        let trigger = ServerParameters.recoveryConfiguration(server)["promote_trigger_file"] ?? "promote"
        let path = trigger.hasPrefix("/") ? trigger : "\(server.files.data)/\(trigger)"
        try await offPool { () throws(FileError) in try DurableFile.remove(path) }
    }
}
