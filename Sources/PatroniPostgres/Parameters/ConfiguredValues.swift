// What PostgreSQL's own program says about settings, with the server running or not.

import PatroniCore

public struct ConfiguredValues: Sendable {
    public let files: ServerFiles
    public let programs: PostgresPrograms

    public init(_ files: ServerFiles, _ programs: PostgresPrograms) {
        self.files = files
        self.programs = programs
    }

    /// The value a setting would have after a restart; nil when it can't be found out (CFG-278).
    public func value(_ name: String, by deadline: Moment) async -> String? {
        let result = try? await programs.run(
            .postgres, ["-D", files.data, "-C", name, "--config-file=\(files.configuration)"], by: deadline)
        guard let result, result.isSuccess else { return nil }
        return result.output.hasSuffix("\n") ? String(result.output.dropLast()) : result.output
    }

    /// The archive command, if archiving is on.
    public func archiveCommand(by deadline: Moment) async -> String? {
        guard let mode = await value("archive_mode", by: deadline), mode == "on" || mode == "always",
            let command = await value("archive_command", by: deadline), !command.isEmpty
        else { return nil }
        return command
    }

    /// All settings this PostgreSQL has, lower case, for ``ServerConfiguration``: the rules may not know a newer or a
    /// custom build's. Empty when it can't be found out.
    public static func known(_ programs: PostgresPrograms, by deadline: Moment) async -> Set<String> {
        let result = try? await programs.run(
            .postgres, ["--describe-config"], output: .captured(limit: 1 << 20), by: deadline)
        guard let result, result.isSuccess else { return [] }
        let names = result.output.split(separator: "\n").compactMap { $0.split(separator: "\t").first?.lowercased() }
        return Set(names)
    }
}
