// Bringing a diverged server back to the leader's history: finding out, pg_rewind, and crash recovery before it.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// How a rewind went.
public enum RewindOutcome: Sendable, Hashable {
    case rewound
    /// It was not tried: the leader can't be used just now. Ask again later.
    case notNow(String)
    /// It was tried. `isFinal`: the leader is healthy, or the control data doesn't allow another attempt (HA-245,
    /// HA-246); otherwise the leader went away meanwhile and the next one may do.
    case failed(String, isFinal: Bool)
    case cancelled
}

public struct Rewind: Sendable {
    public let server: LocalServer
    public let programs: PostgresPrograms
    private let time: any TimeSource
    private let logger: Logger

    public init(
        _ server: LocalServer, _ programs: PostgresPrograms, logger: Logger, time: any TimeSource = SystemTime()
    ) {
        self.server = server
        self.programs = programs
        self.logger = logger
        self.time = time
    }

    private var values: ConfiguredValues { ConfiguredValues(server.files, programs) }
    private var archiving: WalArchiving { WalArchiving(server.files, programs, logger: logger) }

    /// The tool is there, and the control data say that it can work (HA-232). `use_pg_rewind` is the caller's.
    public func isPossible(_ control: ControlData?, by deadline: Moment) async -> Bool {
        guard control?.allowsRewind == true else { return false }
        return (try? await programs.run(.rewind, ["--help"], by: deadline))?.isSuccess == true
    }

    // MARK: finding out

    /// Compares with the leader (HA-236, HA-237). Never says "same" without having asked.
    public func check(_ local: LocalPosition, against leader: ServerAddress, by deadline: Moment) async
        -> DivergenceVerdict
    {
        logger.info("Local \(local)")
        if let problem = await problem(with: leader, by: deadline) { return .unknown(problem) }
        let identity: SystemIdentity
        var history: TimelineHistory?
        do throws(SQLError) {
            let connection = try await SQLConnection.open(
                server.settings.replicationConnection(to: leader), by: deadline, time: time)
            identity = try await ReplicationCommands.identify(connection, by: deadline)
            logger.info("primary_timeline=\(identity.timeline)")
            if identity.timeline > Timeline(1), identity.timeline >= local.timeline {
                do throws(SQLError) {
                    let text = try await ReplicationCommands.timelineHistory(
                        identity.timeline, on: connection, by: deadline)
                    logger.info("primary: history=\(text)")
                    history = TimelineHistory(historyFile: text)
                } catch {
                    // Somebody has removed the file: for a timeline that we have too its number has to do.
                    guard case .server = error, identity.timeline == local.timeline else { throw error }
                    logger.warning("the leader has no history of timeline \(identity.timeline): \(error)")
                }
            }
            await connection.close()
        } catch { return .unknown("Exception when working with primary via replication connection: \(error)") }
        let own = local.timeline
        let ownHistory = await offPool { [wal = server.files.wal] in HistoryFile.read(own, in: wal)?.history }
        var verdict = DivergenceCheck.judge(
            local, leaderTimeline: identity.timeline, history: history, ownHistory: ownHistory,
            leaderEnd: identity.position)
        if let part = DivergenceCheck.shared(
            local, leaderTimeline: identity.timeline, history: history, ownHistory: ownHistory,
            leaderEnd: identity.position)
        {
            let later = (history?.rows.map(\.timeline) ?? []).filter { $0 > own } + [identity.timeline]
            let bytes = await bytes(of: part, timelines: [own] + later.filter { $0 != own }, leader, by: deadline)
            verdict = DivergenceCheck.judge(verdict, bytes: bytes, of: part)
        }
        guard case .dependsOnCheckpointEnd(let switchpoint) = verdict,
            case .formerPrimary(let timeline, let checkpoint) = local
        else { return verdict }
        let end = await WalDump(server.files, programs).end(ofLastRecord: checkpoint, timeline, by: deadline)
        return DivergenceCheck.judge(checkpointEnd: end, switchpoint: switchpoint)
    }

    /// Numbers alone don't tell whether a timeline is the leader's. Where the bytes can't be had, they have to do.
    private func bytes(
        of part: SharedLog, timelines: [Timeline], _ leader: ServerAddress, by deadline: Moment
    ) async -> LogComparison {
        do throws(SQLError) {
            let connection = try await SQLConnection.open(source(leader), by: deadline, time: time)
            let found = await LogBytes(wal: server.files.wal, leader: connection)
                .compare(part, timelines: timelines, by: deadline)
            await connection.close()
            if case .unknown(let why) = found { logger.info("the log could not be compared with the leader's: \(why)") }
            return found
        } catch { return .unknown("\(error)") }
    }

    /// Why the leader can't be used; nil when it is a primary that answers.
    private func problem(with leader: ServerAddress, by deadline: Moment) async -> String? {
        do throws(SQLError) {
            let connection = try await SQLConnection.open(source(leader), by: deadline, time: time)
            let rows = try await connection.query("SELECT pg_catalog.pg_is_in_recovery()", by: deadline)
            await connection.close()
            return rows.first?[0] == "f"
                ? nil : "Leader is still in_recovery and therefore can't be used for rewind"
        } catch { return "the leader is not accessible: \(error)" }
    }

    /// The source's connection: whoever answers must be writable, even if names point elsewhere by now.
    private func source(_ leader: ServerAddress) -> ConnectionString {
        var connection = ConnectionString(to: leader, as: server.rewindUser, database: server.settings.database)
        connection["target_session_attrs"] = "read-write"
        return connection
    }

    // MARK: crash recovery

    /// Lets a crashed server recover by itself, without connections and without archiving, so that its control data
    /// say where its log ends (HA-077). The server must be stopped. Returns what was wrong, nil when it worked.
    public func recoverInSingleUserMode(by deadline: Moment = .distantFuture) async -> String? {
        let data = server.files.data
        if server.version >= 150_000, await offPool({ FileReading.exists("\(data)/backup_label") }) {
            return "there is a backup_label: only an ordinary recovery can use it"
        }
        if let command = await values.archiveCommand(by: deadline) {
            await archiving.archiveReady(command, by: deadline)
        }
        await archiving.clearStatus()
        do throws(FileError) { try await ServerConfiguration(server).removeRecovery() } catch {
            return error.description
        }
        var options = await lastOptions()
        options["config_file"] = server.files.configuration
        options["archive_mode"] = "on"
        options["archive_command"] = "false"
        var arguments = ["--single", "-D", data]
        for (name, value) in options.sorted(by: { $0.key < $1.key }) { arguments += ["-c", "\(name)=\(value)"] }
        logger.info("running crash recovery in single user mode")
        let name = DurableFile.name(of: programs.path(.postgres))
        let environment = await offPool { () -> [String: String] in
            Postmaster.ignoringStalePid(in: data, programName: name)
        }
        do throws(ProgramError) {
            let result = try await programs.run(
                .postgres, arguments + ["template1"], environment: environment, by: deadline)
            if result.isSuccess { return nil }
            logger.error("Crash recovery finished with \(result.ending): \(result.errorOutput)")
            return "crash recovery in single user mode: \(result.complaint)"
        } catch { return error.description }
    }

    /// The settings of the last start: recovery refuses to run with smaller ones.
    private func lastOptions() async -> [String: String] {
        let path = "\(server.files.data)/postmaster.opts"
        let text = await offPool { () -> String in (try? FileReading.text(path)) ?? "" }
        return Self.options(postmasterOptions: text)
    }

    static func options(postmasterOptions text: String) -> [String: String] {
        var options: [String: String] = [:]
        for word in CommandWords(text)?.arguments ?? [] where word.hasPrefix("--") {
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { options[String(parts[0]).replacing("-", with: "_")] = String(parts[1]) }
        }
        return options
    }

    // MARK: rewinding

    /// Nobody tells us whether a remote primary has written a checkpoint since its promotion. A superuser lets it write
    /// one, others look (HA-239, HA-229). Returns what was wrong, nil when a rewind may begin.
    public func checkpoint(on remote: ServerAddress) async -> String? {
        let isSuperuser = server.settings.rewind == nil
        do throws(SQLError) {
            let connection = try await SQLConnection.open(source(remote), by: soon, time: time)
            defer { Task { await connection.close() } }
            if isSuperuser {
                _ = try await connection.query("SET statement_timeout = 0", by: soon)
                _ = try await connection.query("CHECKPOINT", by: time.now + .seconds(600))
                return nil
            }
            let rows = try await connection.query(Self.hasCheckpoint, by: soon)
            return rows.first?[0] == "t" ? nil : "leader has not run a checkpoint yet"
        } catch { return "not accessible or not healthy: \(error)" }
    }

    private static let hasCheckpoint = """
        SELECT NOT pg_catalog.pg_is_in_recovery() AND timeline_id = ('x' || pg_catalog.substr(
         pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int
         FROM pg_catalog.pg_control_checkpoint()
        """

    /// Rewinds the stopped server to `leader`, whose promotion must be in its control data by now (HA-239, HA-240).
    /// Afterwards the files of the source are here: apply the configuration before the start.
    public func run(from leader: ServerAddress, by deadline: Moment = .distantFuture) async -> RewindOutcome {
        if let command = await values.archiveCommand(by: soon) {
            await archiving.archiveReady(command, by: deadline)
        }
        if let problem = await problem(with: leader, by: soon) { return .notNow(problem) }
        let connection = source(leader)
        var environment: [String: String]
        do throws(FileError) {
            environment = try await ServerConfiguration(server).passfileEnvironment(for: connection)
        } catch { return .failed(error.description, isFinal: false) }
        environment["PGOPTIONS"] = "-c statement_timeout=0"
        let text = connection.withoutPassword().text(version: server.version)
        logger.info("running pg_rewind from \(text)")
        let restore = await values.value("restore_command", by: soon) ?? ""
        let failure: String
        var wasKilled = false
        do throws(ProgramError) {
            let result = try await rewind(arguments(text, restore: restore), environment, restore, by: deadline)
            if result.isSuccess {
                if Self.sawSameTimeline(result.output + result.errorOutput) { return await refused(by: leader) }
                await moveOn(connection)
                return .rewound
            }
            failure = "pg_rewind: \(result.complaint)"
            if case .signalled = result.ending { wasKilled = true }
        } catch {
            if case .cancelled = error { return .cancelled }
            failure = error.description
        }
        // Whoever killed it (an operator, the kernel short of memory) proved nothing about the data: what it left half
        // done only another run can finish, and starting the server on it would be wrong.
        if wasKilled {
            logger.warning("pg_rewind was killed")
        } else if await problem(with: leader, by: soon) == nil {
            logger.error("Failed to rewind from healthy primary: \(leader)")
            return .failed(failure, isFinal: true)
        } else {
            logger.warning("Failed to rewind because primary \(leader) become unreachable")
        }
        // The attempt itself may have damaged the control file (HA-401).
        let reader = ControlDataReader(dataDirectory: server.files.data, programs: programs)
        let canTryAgain = (try? await reader.read(by: soon))?.allowsRewind == true
        return .failed(failure, isFinal: !canTryAgain)
    }

    /// It looks at the timelines in both control data only, and leaves everything as it is when they are the same.
    static func sawSameTimeline(_ output: String) -> Bool {
        output.contains("source and target cluster are on the same timeline")
    }

    /// It did nothing: the leader's control data may still speak of the time before its promotion; otherwise no further
    /// attempt will do more.
    private func refused(by leader: ServerAddress) async -> RewindOutcome {
        do throws(SQLError) {
            let connection = try await SQLConnection.open(source(leader), by: soon, time: time)
            let rows = try await connection.query(Self.hasCheckpoint, by: soon)
            await connection.close()
            guard rows.first?[0] == "t" else { return .notNow("leader has not run a checkpoint yet") }
        } catch { return .notNow("the leader is not accessible: \(error)") }
        return .failed("pg_rewind can't tell our timeline from the leader's: it has the same number", isFinal: true)
    }

    /// pg_rewind makes us recover up to the source's insert position, which after a segment switch lies behind a page
    /// header that nobody has written yet: without a further record on the source we would never accept connections.
    private func moveOn(_ source: ConnectionString) async {
        var source = source
        source["options"] = "-c synchronous_commit=off"
        guard let connection = try? await SQLConnection.open(source, by: soon, time: time) else { return }
        _ = try? await connection.query("SELECT pg_catalog.txid_current()", by: soon)
        await connection.close()
    }

    /// For one short question within a long job.
    private var soon: Moment { time.now + .seconds(10) }

    /// Runs pg_rewind, as long as all it lacks is a log file that the archive has.
    private func rewind(
        _ arguments: [String], _ environment: [String: String], _ restore: String, by deadline: Moment
    ) async throws(ProgramError) -> ProgramResult {
        var fetched: Set<String> = []
        while true {
            let result = try await programs.run(
                .rewind, arguments, environment: environment, english: true, by: deadline)
            logger.info("pg_rewind exit code=\(result.ending)\n stdout=\(result.output)\n stderr=\(result.errorOutput)")
            guard !result.isSuccess, !restore.isEmpty, !arguments.contains("--restore-target-wal"),
                let segment = MissingWAL.segment(inOutput: result.errorOutput + result.output),
                fetched.insert(segment).inserted, try await fetch(segment, restore, by: deadline)
            else { return result }
        }
    }

    private func fetch(_ segment: String, _ restore: String, by deadline: Moment) async throws(ProgramError) -> Bool {
        let line = ArchiveCommand.text(restore, path: "\(server.files.wal)/\(segment)", file: segment)
        guard let words = CommandWords(line) else { return false }
        logger.info("Trying to fetch the missing wal: \(line)")
        let result = try await programs.run(words.executable, words.arguments, by: deadline)
        if !result.isSuccess { logger.info("Failed to fetch WAL segment \(segment) required for pg_rewind") }
        return result.isSuccess
    }

    private func arguments(_ source: String, restore: String) -> [String] {
        var arguments: [String] = []
        let isConfigurationInside = server.files.configurationDirectory == server.files.data
        // Before 15 pg_rewind looks for postgresql.conf in the data directory only.
        if !restore.isEmpty, isConfigurationInside || server.version >= 150_000 {
            arguments.append("--restore-target-wal")
            if !isConfigurationInside { arguments.append("--config-file=\(server.files.configuration)") }
        }
        return arguments + ["-D", server.files.data, "--source-server", source]
    }
}
