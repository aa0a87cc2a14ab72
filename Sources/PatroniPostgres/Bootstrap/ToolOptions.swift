// Which of the operator's options may be handed to a tool, and which would break what we need from it.

import PatroniConfiguration

/// Options of initdb and pg_basebackup after a check (HA-071, CFG-125).
struct ToolOptions {
    var arguments: [String] = []
    /// Names that were left out.
    var forbidden: [String] = []

    init(_ options: [ToolOption], forbidden names: Set<String>) {
        for option in options {
            if names.contains(option.name) {
                forbidden.append(option.name)
            } else {
                arguments.append(ToolOption(option.name, option.value.map(Self.unquote)).argument)
            }
        }
    }

    /// Quotes around one single word are the shell's, not part of the value (CFG-047).
    private static func unquote(_ value: String) -> String {
        guard let words = CommandWords(value), words.arguments.isEmpty else { return value }
        return words.executable
    }

    static let initdb: Set<String> = ["pgdata", "nosync", "pwfile", "sync-only", "version"]

    /// pg_basebackup's: on 15 and newer `compress` may name the server's side, checked by the caller.
    static func baseBackup(version: Int) -> Set<String> {
        var names: Set<String> = [
            "pgdata", "format", "wal-method", "xlog-method", "gzip", "version", "dbname", "host", "port", "username",
            "password",
        ]
        if version < 150_000 { names.insert("compress") }
        return names
    }

    /// HA-241
    static let rewind: Set<String> = [
        "target-pgdata", "source-pgdata", "source-server", "write-recovery-conf", "dry-run", "restore-target-wal",
        "config-file", "no-ensure-shutdown", "version", "help",
    ]
}
