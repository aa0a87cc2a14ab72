// `edit-config`: changes the dynamic configuration in the store (CTL-069, section 5).

import ArgumentParser
import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniPorts

struct EditConfigCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "edit-config", abstract: "Edit cluster configuration")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption
    @Flag(name: .shortAndLong, help: "Do not show changes")
    var quiet = false
    @Option(
        name: [.customShort("s"), .customLong("set")], parsing: .unconditionalSingleValue,
        help: "Set specific configuration value. Can be specified multiple times")
    var pairs: [String] = []
    @Option(
        name: [.customShort("p"), .customLong("pg")], parsing: .unconditionalSingleValue,
        help: "Set specific PostgreSQL parameter value. Shorthand for -s postgresql.parameters.")
    var postgresPairs: [String] = []
    @Option(parsing: .unconditional, help: "Apply configuration from file. Use - for stdin.")
    var apply: String?
    @Option(
        parsing: .unconditional,
        help: "Apply configuration from file, replacing existing configuration. Use - for stdin.")
    var replace: String?
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let scope = try session.scope(clusterName)
        let view = try await session.cluster(scope)
        guard let stored = view.cluster.configuration else {
            throw .failed("The config key does not exist in the cluster \(scope)")
        }
        let before = YAML.text(.object(stored.values))
        let edited = try await changed(stored.values, before, scope)
        if edited.values == stored.values {
            if !quiet { session.terminal.echo("Not changed") }
            return
        }
        if !quiet { try await show(UnifiedDiff(before, edited.text).text(), session) }
        if apply == "-" || replace == "-", !force.isForced {
            session.terminal.echo("Use --force option to apply changes")
            return
        }
        if !force.isForced, try await !session.terminal.confirm("Apply these changes?") { return }
        try await write(edited.values, over: stored, scope, session)
        session.terminal.echo("Configuration changed")
    }

    /// Single values and patches mean the same on top of somebody else's change, so they are merged again. What was
    /// edited or replaced as a whole is not: that would undo the other's change unseen.
    private func write(
        _ values: JSONObject, over stored: StoredConfiguration, _ scope: String, _ session: ControlSession
    ) async throws(ControlError) {
        let isPatch = replace == nil && apply != "-" && !(pairs.isEmpty && postgresPairs.isEmpty && apply == nil)
        var (values, stored) = (values, stored)
        for _ in 0..<5 {
            let outcome = await (try session.store(scope)).writeConfiguration(
                values, ifVersion: stored.version, by: session.deadline())
            guard outcome == .conflict else { return try session.check(outcome) }
            guard isPatch, let fresh = try await session.cluster(scope).cluster.configuration else { break }
            stored = fresh
            values = try await changed(fresh.values, "", scope).values
            if values == fresh.values { return }
        }
        throw .failed("Config modification aborted due to concurrent changes")
    }

    private func changed(
        _ values: JSONObject, _ before: String, _ scope: String
    ) async throws(ControlError) -> (values: JSONObject, text: String) {
        let all = pairs + postgresPairs.map { "postgresql.parameters." + $0.drop { $0 == " " } }
        if replace == nil, apply == nil, all.isEmpty { return try await edited(before, scope) }
        var values = values
        if let replace { values = try ConfigurationChange.merge(read(replace), source: replace, into: [:]) }
        if let apply { values = try ConfigurationChange.merge(read(apply), source: apply, into: values) }
        values = try ConfigurationChange.apply(all, to: values)
        return (values, YAML.text(.object(values)))
    }

    private func read(_ path: String) throws(ControlError) -> [UInt8] {
        do throws(ConfigurationFileError) {
            return path == "-"
                ? try ConfigurationFiles.contents(of: STDIN_FILENO, named: "standard input")
                : try ConfigurationFiles.contents(of: path)
        } catch {
            throw .failed("\(error)")
        }
    }

    /// Lets the operator's editor loose on the text.
    private func edited(_ before: String, _ scope: String) async throws(ControlError) -> (JSONObject, String) {
        let environment = ProcessEnvironment.read()
        let named = environment["EDITOR"].flatMap { $0.isEmpty ? nil : $0 }
        let found = named ?? ["editor", "vi"].lazy.compactMap { OtherProgram.find($0, environment) }.first
        guard let editor = found else {
            throw .failed("EDITOR environment variable is not set. editor or vi are not available")
        }
        let name = scope.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "_")
        let file = try ScratchFile(name: "\(name)-config-", suffix: ".yaml", contents: before, environment)
        defer { file.remove() }
        let code = try await OtherProgram.run(editor, [file.path], environment)
        if code != 0 { throw .failed("Editor exited with return code \(code)") }
        let bytes = try file.contents()
        guard let values = try ConfigurationChange.yaml(bytes, source: file.path).object else {
            throw .failed("The edited configuration does not hold names with values")
        }
        return (values, String(decoding: bytes, as: UTF8.self))
    }

    /// Plain into a file or pipe; coloured and through a pager on a screen.
    private func show(_ lines: [String], _ session: ControlSession) async throws(ControlError) {
        guard session.terminal.isScreen else {
            session.terminal.write(lines.map { $0 + "\n" }.joined())
            return
        }
        let environment = ProcessEnvironment.read()
        let names = [environment["PAGER"], "less", "more"].compactMap { $0 }
        guard let pager = names.lazy.compactMap({ OtherProgram.find($0, environment) }).first else {
            throw .failed(
                "No pager could be found. Either set PAGER environment variable with your pager or install either"
                    + " \"less\" or \"more\" in the host.")
        }
        let text = lines.map { Self.coloured($0) + "\n" }.joined()
        _ = try await OtherProgram.run(pager, pager.hasSuffix("/less") ? ["-FRSX"] : [], environment, input: text)
    }

    private static func coloured(_ line: String) -> String {
        switch line.first {
        case "-": "\u{1B}[31m\(line)\u{1B}[0m"
        case "+": "\u{1B}[32m\(line)\u{1B}[0m"
        case "@": "\u{1B}[36m\(line)\u{1B}[0m"
        default: line
        }
    }
}
