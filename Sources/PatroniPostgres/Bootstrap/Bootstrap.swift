// Making the first data directory of a cluster: initdb, or the operator's own method (sections 4 and 5 of the HA ledger).

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Why there is no new cluster.
public enum BootstrapError: Error, Sendable, Hashable, CustomStringConvertible {
    case forbiddenOptions(tool: String, [String])
    case malformedCommand(String)
    case program(ProgramError)
    /// The tool ran and failed.
    case failed(tool: String, ProgramResult)
    case file(FileError)
    case sql(SQLError, doing: String)

    public var description: String {
        switch self {
        case .forbiddenOptions(let tool, let names):
            "these options of \(tool) are set by Patroni and not allowed: \(names.joined(separator: ", "))"
        case .malformedCommand(let command): "can't make out the words of the command: \(command)"
        case .program(let error): error.description
        case .failed(let tool, let result):
            "\(tool) failed with \(result.ending): \(result.complaint)"
                + (tool == "initdb" && SystemUser.current == nil ? ". \(Self.namelessUser)" : "")
        case .file(let error): error.description
        case .sql(let error, let doing): "\(doing): \(error)"
        }
    }
}

extension BootstrapError {
    /// Of all of PostgreSQL's programs only initdb insists on a name for the uid it runs under.
    public static var namelessUser: String {
        "uid \(Machine.userID) has no name in this system's user database, and initdb needs one: add a line for it to "
            + "/etc/passwd (the image's entrypoint does), or run the container under a uid that has one"
    }
}

/// What the first start after a bootstrap needs to know.
public struct BootstrapPlan: Sendable, Hashable {
    public enum Method: Sendable, Hashable {
        case initdb
        case custom(name: String)
    }

    public var method: Method
    /// A restored backup may have to recover up to a target first.
    public var recovery: RecoverySettings?
    public var keepsExistingRecovery = false
    /// The restored cluster recovers and promotes by itself: with hot_standby it could refuse too small settings.
    public var disablesHotStandby = false

    /// The member's state while the method runs, and after it failed (HA-047, HA-059).
    public var runningState: MemberState { method == .initdb ? .initializing : .runningCustomBootstrap }
    public var failedState: MemberState { method == .initdb ? .initdbFailed : .customBootstrapFailed }
    public var isCustom: Bool { method != .initdb }
}

/// Creates the data directory. Starting the server, waiting and ``BootstrapUsers`` follow.
public struct Bootstrap: Sendable {
    public let server: LocalServer
    public let settings: BootstrapSettings
    public let programs: PostgresPrograms

    public init(_ server: LocalServer, _ settings: BootstrapSettings, _ programs: PostgresPrograms) {
        self.server = server
        self.settings = settings
        self.programs = programs
    }

    /// What will be done; nothing happens yet. A method without command is initdb (CFG-124).
    public var plan: BootstrapPlan {
        guard settings.method != "initdb", let section = settings.methods[settings.method]?.object,
            section["command"]?.string != nil
        else { return BootstrapPlan(method: .initdb) }
        var plan = BootstrapPlan(method: .custom(name: settings.method))
        plan.keepsExistingRecovery = section["keep_existing_recovery_conf"].flatMap(Tags.truth) ?? false
        if let recovery = section["recovery_conf"]?.object {
            plan.recovery = RecoveryConfiguration.custom(recovery)
            plan.keepsExistingRecovery = false
        }
        plan.disablesHotStandby =
            plan.keepsExistingRecovery || plan.recovery?.parameters["recovery_target_action"] == "promote"
        return plan
    }

    /// Runs the method. The data directory must be empty; after a failure it is the caller's to put aside (HA-055).
    /// Cancelling the task ends the tool.
    public func run(by deadline: Moment = .distantFuture) async throws(BootstrapError) {
        switch plan.method {
        case .initdb: try await initialize(by: deadline)
        case .custom(let name): try await runCustom(name, by: deadline)
        }
        // Before the backups are taken, so that a replica gets the same access rules (HA-049).
        let configuration = ServerConfiguration(server)
        let parameters = ServerParameters.wanted(server)
        do throws(FileError) {
            try await configuration.appendAccess(settings.hba, parameters)
            try await configuration.saveBackups(parameters)
        } catch { throw .file(error) }
    }

    private func initialize(by deadline: Moment) async throws(BootstrapError) {
        let options = ToolOptions(settings.initdb, forbidden: ToolOptions.initdb)
        guard options.forbidden.isEmpty else { throw .forbiddenOptions(tool: "initdb", options.forbidden) }
        var arguments = options.arguments + ["--pgdata=\(server.files.data)"]
        let superuser = server.settings.superuser
        if !superuser.username.isEmpty { arguments.append("--username=\(superuser.username)") }
        // The only place we are sure to be allowed to write: the passfile's own.
        let passwordFile = superuser.password == nil ? nil : server.settings.passfile + ".initdb"
        if let passwordFile, let password = superuser.password {
            let files = server.files
            do throws(FileError) {
                _ = try await offPool { () throws(FileError) -> Bool in
                    try ConfigurationFiles(files: files).write(passwordFile, password, mode: 0o600)
                }
            } catch { throw .file(error) }
            arguments.append("--pwfile=\(passwordFile)")
        }
        let outcome = await result { () async throws(BootstrapError) in
            try await run(tool: "initdb", programs.path(.initdb), arguments, by: deadline)
        }
        if let passwordFile {
            await offPool { () -> Void in try? DurableFile.remove(passwordFile) }
        }
        try outcome.get()
    }

    private func runCustom(_ name: String, by deadline: Moment) async throws(BootstrapError) {
        let section = settings.methods[name]?.object ?? JSONObject()
        let command = section["command"]?.string ?? ""
        guard let words = CommandWords(command) else { throw .malformedCommand(command) }
        var arguments = words.arguments
        if section["no_params"].flatMap(Tags.truth) != true {
            arguments += ["--scope=\(server.scope)", "--datadir=\(server.files.data)"]
        }
        let reserved = ["command", "no_params", "keep_existing_recovery_conf", "recovery_conf", "scope", "datadir"]
        for (key, value) in section.pairs where !reserved.contains(key) {
            arguments.append("--\(key)=\(Parameters.text(value) ?? "None")")
        }
        try await run(tool: name, words.executable, arguments, output: .inherited, by: deadline)
        try await afterRestore()
        if !plan.keepsExistingRecovery, plan.recovery == nil {
            do throws(FileError) { try await ServerConfiguration(server).removeRecovery() } catch { throw .file(error) }
        }
    }

    /// A directory that came from a backup: its configuration comes out of the copies, and nothing in it may promote
    /// the server at once (HA-060).
    private func afterRestore() async throws(BootstrapError) {
        do throws(FileError) {
            try await ServerConfiguration(server).prepareRestored(ServerParameters.wanted(server))
        } catch { throw .file(error) }
    }

    private func run(
        tool: String, _ executable: String, _ arguments: [String], output: ProgramOutput = .captured,
        by deadline: Moment
    ) async throws(BootstrapError) {
        let result: ProgramResult
        do throws(ProgramError) {
            result = try await programs.run(
                executable, arguments, environment: [:], output: output, by: deadline)
        } catch { throw .program(error) }
        guard result.isSuccess else { throw .failed(tool: tool, result) }
    }

    private func result(_ body: () async throws(BootstrapError) -> Void) async -> Result<Void, BootstrapError> {
        do throws(BootstrapError) { return .success(try await body()) } catch { return .failure(error) }
    }
}
