// Writing the server's files: only when they differ, whole or not at all, readable for whom they should be.
// Blocking: only ever called through offPool.

import Glibc
import PatroniPlatform

/// A file that this program writes for the server.
public enum ConfigurationFile: String, Sendable, Hashable, CaseIterable {
    case configuration, hostBasedAuthentication, identityMap, automaticConfiguration, signal, passfile
}

struct ConfigurationFiles: Sendable {
    var files: ServerFiles

    /// Writes `text` unless it stands there already. True when the file was written.
    func write(_ path: String, _ text: String, mode: UInt32? = nil) throws(FileError) -> Bool {
        // Through a link, as an editor would: Debian links configuration files to elsewhere.
        let path = FileReading.realPath(path) ?? path
        let wanted = mode ?? self.mode(of: path)
        if let current = try? FileReading.bytes(path, limit: Self.limit), current.elementsEqual(text.utf8) {
            if Self.permissions(path) == wanted { return false }
        }
        try DurableFile.write(path, text, mode: wanted)
        giveToOwner(path)
        return true
    }

    func create(_ path: String) throws(FileError) -> Bool {
        if FileReading.exists(path) { return false }
        try DurableFile.write(path, "", mode: mode(of: path))
        giveToOwner(path)
        return true
    }

    func remove(_ path: String) throws(FileError) -> Bool {
        guard FileReading.exists(path) || FileReading.link(path) != nil else { return false }
        try DurableFile.remove(path)
        return true
    }

    func copy(_ path: String, to target: String) throws(FileError) {
        let bytes = try FileReading.bytes(path, limit: Self.limit)
        let target = FileReading.realPath(target) ?? target
        if let current = try? FileReading.bytes(target, limit: Self.limit), current == bytes { return }
        try DurableFile.write(target, bytes, mode: mode(of: target))
        giveToOwner(target)
    }

    /// Under root, where the server has another user, a file belongs to whom its directory belongs.
    private func giveToOwner(_ path: String) {
        var directory = stat()
        guard geteuid() == 0, stat(DurableFile.directory(of: path), &directory) == 0 else { return }
        _ = chown(path, directory.st_uid, directory.st_gid)
    }

    /// Inside the data directory as the directory itself allows (0600 or 0640), elsewhere by the umask (CFG-264).
    func mode(of path: String) -> UInt32 {
        let inside = path.hasPrefix(files.data + "/") || path.hasPrefix((FileReading.realPath(files.data) ?? "?") + "/")
        guard inside else { return 0o666 & ~Self.umask }
        return ((Self.permissions(files.data) ?? 0) & 0o050) == 0o050 ? 0o640 : 0o600
    }

    static func permissions(_ path: String) -> UInt32? {
        var info = stat()
        return stat(path, &info) == 0 ? info.st_mode & 0o7777 : nil
    }

    /// Read from /proc: asking with umask(2) would change it for a moment, for all threads.
    private static let umask: UInt32 = {
        let status = (try? FileReading.text("/proc/self/status")) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("Umask:") }
        return line.flatMap { UInt32($0.dropFirst(6).trimmed, radix: 8) } ?? 0o022
    }()

    /// Larger than any configuration file ought to be.
    static let limit = 16 << 20

    /// Takes recovery settings out of postgresql.auto.conf, where they would override ours (CFG-261).
    func stripAutomaticConfiguration() throws(FileError) -> Bool {
        let path = files.automaticConfiguration
        guard let text = try? FileReading.text(path, limit: Self.limit) else { return false }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { line in
            let line = line.drop { $0.isWhitespace }
            let name = line.prefix { $0.isLetter || $0 == "_" }
            let behind = line[name.endIndex...].drop { $0.isWhitespace }
            return name.isEmpty || behind.first != "=" || !ParameterRules.isRecovery(String(name))
        }
        if kept.count == lines.count { return false }
        return try write(path, kept.joined(separator: "\n"))
    }
}
