// Filling an empty data directory from another member or from a backup (HA-067 to HA-073).

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Why no replica was made.
public enum ReplicaCreationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Every method was tried; the sentences tell how each failed.
    case allMethodsFailed([String])
    /// Without a running member only methods marked `no_leader` can work, and there is none.
    case noMethodWithoutMember
    case cancelled
    case removal(RemovalError)
    case file(FileError)

    public var description: String {
        switch self {
        case .allMethodsFailed(let reasons): "no replica could be created: \(reasons.joined(separator: "; "))"
        case .noMethodWithoutMember: "there is no member to copy from, and no replica method that works without"
        case .cancelled: "the creation of the replica was cancelled"
        case .removal(let error): error.description
        case .file(let error): error.description
        }
    }
}

public struct ReplicaCreation: Sendable {
    public let server: LocalServer
    public let programs: PostgresPrograms
    /// The methods, in the order in which they are tried (HA-066, HA-067).
    private let methods: [String]
    private let time: any TimeSource
    private let logger: Logger

    /// In a standby cluster its own methods count.
    public init(
        _ server: LocalServer, _ programs: PostgresPrograms, in standbyCluster: RemoteSource? = nil, logger: Logger,
        time: any TimeSource = SystemTime()
    ) {
        self.server = server
        methods = standbyCluster?.createReplicaMethods ?? server.settings.replicaMethods
        self.programs = programs
        self.logger = logger
        self.time = time
    }

    /// Is there a method that needs no running member (HA-065)?
    public var worksWithoutMember: Bool { methods.contains(where: worksWithoutMember) }

    private func worksWithoutMember(_ method: String) -> Bool {
        method != "basebackup" && server.settings.methods[method]?["no_leader"].flatMap(Tags.truth) == true
    }

    /// Tries the methods in order until one succeeds, and returns its name. `source` nil: only methods that need no
    /// member. `onlyBaseBackup`: `--from-leader`. Cancelling the task ends the tool that runs.
    public func create(from source: Endpoint?, onlyBaseBackup: Bool = false) async throws(ReplicaCreationError)
        -> String
    {
        try await create(
            from: source.map { ConnectionString(to: $0, as: server.settings.replication) },
            onlyBaseBackup: onlyBaseBackup)
    }

    /// The same from the remote of a standby cluster; of several hosts from the primary among them.
    public func create(from remote: RemoteSource) async throws(ReplicaCreationError) -> String {
        var connection = ServerAddress(remote).map { ConnectionString(to: $0, as: server.settings.replication) }
        if remote.hasSeveralHosts { connection?["target_session_attrs"] = "read-write" }
        return try await create(from: connection, onlyBaseBackup: false)
    }

    private func create(
        from connection: ConnectionString?, onlyBaseBackup: Bool
    ) async throws(ReplicaCreationError) -> String {
        var methods = onlyBaseBackup ? ["basebackup"] : methods
        if methods.isEmpty { methods = ["basebackup"] }
        if connection == nil { methods = methods.filter(worksWithoutMember) }
        guard !methods.isEmpty else { throw .noMethodWithoutMember }
        let environment: [String: String]
        do throws(FileError) {
            environment =
                if let connection {
                    try await ServerConfiguration(server).passfileEnvironment(for: connection)
                } else { [:] }
        } catch { throw .file(error) }
        let text = connection?.withoutPassword().text(version: server.version) ?? ""
        var failures: [String] = []
        for method in methods {
            let failure =
                method == "basebackup"
                ? try await baseBackup(text, environment) : try await run(method, text, environment)
            guard let failure else {
                logger.info("replica has been created using \(method)")
                do throws(FileError) {
                    try await ServerConfiguration(server).prepareRestored(ServerParameters.wanted(server))
                } catch { throw .file(error) }
                return method
            }
            failures.append(failure)
        }
        throw .allMethodsFailed(failures)
    }

    /// Two attempts, five seconds apart; nil when one succeeded, else what was wrong (HA-070).
    private func baseBackup(
        _ connection: String, _ environment: [String: String]
    ) async throws(ReplicaCreationError) -> String? {
        let arguments = baseBackupArguments(connection)
        var failure = ""
        for attempt in 1...2 {
            if attempt > 1 {
                logger.warning("Trying again in 5 seconds")
                await time.sleep(until: time.now + .seconds(5))
            }
            try await removeData()
            let result = try await program(programs.path(.baseBackup), arguments, environment)
            switch result {
            case .success(let result) where result.isSuccess: return nil
            case .success(let result): failure = "pg_basebackup ended with \(result.ending): \(result.complaint)"
            case .failure(let error): failure = error.description
            }
            logger.error("Error when fetching backup: \(failure)")
        }
        try await removeData()
        return failure
    }

    func baseBackupArguments(_ connection: String) -> [String] {
        let configured = server.settings.methods["basebackup"].flatMap(ToolOption.read) ?? []
        let options = ToolOptions(configured, forbidden: ToolOptions.baseBackup(version: server.version))
        for name in options.forbidden { logger.error("\(name) option for basebackup is not allowed") }
        var arguments = ["--pgdata=\(server.files.data)", "-X", "stream", "--dbname=\(connection)"]
        for argument in options.arguments {
            if argument.hasPrefix("--compress"), !argument.hasPrefix("--compress=server") {
                logger.error("compress option for basebackup must name the server's side, such as server-gzip")
            } else {
                arguments.append(argument)
            }
        }
        // Unlike Patroni: a spread checkpoint lets a new replica wait for minutes. Who wants that says so.
        if !configured.contains(where: { $0.name == "checkpoint" }) { arguments.append("--checkpoint=fast") }
        return arguments
    }

    /// One of the operator's methods; nil when it succeeded (HA-068, HA-069).
    private func run(
        _ method: String, _ connection: String, _ environment: [String: String]
    ) async throws(ReplicaCreationError) -> String? {
        let section = server.settings.methods[method]?.object ?? JSONObject()
        let keepsData = section["keep_data"].flatMap(Tags.truth) ?? false
        if keepsData { logger.info("Leaving data directory uncleaned") } else { try await removeData() }
        let command = section["command"]?.string ?? method
        guard let words = CommandWords(command) else { return "\(method): can't make out the words of: \(command)" }
        let arguments = words.arguments + customArguments(section, connection)
        let failure: String
        switch try await program(words.executable, arguments, environment) {
        case .success(let result) where result.isSuccess: return nil
        case .success(let result): failure = "\(method) ended with \(result.ending): \(result.complaint)"
        case .failure(let error): failure = "\(method): \(error)"
        }
        logger.error("Error creating replica using method \(failure)")
        if !keepsData { try await removeData() }
        return failure
    }

    /// The section's own keys, then ours; `no_params` leaves ours and the switches out.
    func customArguments(_ section: JSONObject, _ connection: String) -> [String] {
        var values = section
        values["command"] = nil
        if values["no_params"].flatMap(Tags.truth) == true {
            for key in ["no_params", "no_leader", "keep_data"] { values[key] = nil }
        } else {
            values["scope"] = .string(server.scope)
            values["role"] = "replica"
            values["datadir"] = .string(server.files.data)
            values["connstring"] = .string(connection)
        }
        return values.pairs.map { "--\($0.key)=\(Parameters.text($0.value) ?? "None")" }
    }

    private func program(
        _ executable: String, _ arguments: [String], _ environment: [String: String]
    ) async throws(ReplicaCreationError) -> Result<ProgramResult, ProgramError> {
        do throws(ProgramError) {
            return .success(
                try await programs.run(executable, arguments, environment: environment, by: .distantFuture))
        } catch {
            if case .cancelled = error {
                // What is half copied is no database; nobody must mistake it for one.
                try await removeData()
                throw .cancelled
            }
            return .failure(error)
        }
    }

    private func removeData() async throws(ReplicaCreationError) {
        do throws(RemovalError) {
            if case .renamed(let path, let error) = try await DataDirectoryRemoval.remove(server.files.data) {
                logger.warning("the data directory could not be removed (\(error)): it is now \(path)")
            }
        } catch { throw .removal(error) }
    }
}
