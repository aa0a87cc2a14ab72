// The postmaster: found or started, watched to its end, signalled. It outlives us (HA-016).

import Glibc
import PatroniCore
import PatroniPlatform

/// Starting a server that did not come about.
public struct PostmasterError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// How a start went.
public enum StartOutcome: Sendable, Hashable {
    /// Accepts connections, or is a standby that will never (hot_standby off).
    case ready
    /// It ended; PostgreSQL's own log says why. The wait status is nil when it was not our child.
    case exited(status: Int32?)
    /// Alive at the deadline, but still recovering.
    case stillStarting
}

/// How a stop went.
public enum StopOutcome: Sendable, Hashable {
    case stopped
    case stillRunning
    /// The signal could not be sent.
    case failed(String)
}

/// What a start needs to know.
public struct PostmasterLaunch: Sendable, Hashable {
    public var dataDirectory: String
    public var configurationFile: String
    /// GUCs for the command line, in order: `--name=value`.
    public var options: [(name: String, value: String)]
    /// Our environment unless given.
    public var environment: [String: String]

    public init(
        dataDirectory: String, configurationFile: String, options: [(name: String, value: String)] = [],
        environment: [String: String] = EnvironmentVariables.current
    ) {
        self.dataDirectory = dataDirectory
        self.configurationFile = configurationFile
        self.options = options
        self.environment = environment
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.dataDirectory == right.dataDirectory && left.configurationFile == right.configurationFile
            && left.options.elementsEqual(right.options, by: ==) && left.environment == right.environment
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(dataDirectory)
        hasher.combine(configurationFile)
    }

    var arguments: [String] {
        ["-D", dataDirectory, "--config-file=\(configurationFile)"] + options.map { "--\($0.name)=\($0.value)" }
    }

    /// What PostgreSQL must not see (HA-313): our settings, and systemd's socket, through which it would answer in our
    /// name (CFG-514 to CFG-517).
    var cleanEnvironment: [String: String] {
        var clean = environment.filter { name, _ in
            !name.hasPrefix("PATRONI_") && !name.hasPrefix("KUBERNETES_") && name != "NOTIFY_SOCKET"
        }
        if let arenas = clean.removeValue(forKey: "PG_MALLOC_ARENA_MAX") { clean["MALLOC_ARENA_MAX"] = arenas }
        return clean
    }
}

/// One running postmaster of one data directory.
public struct Postmaster: Sendable {
    public let dataDirectory: String
    public let process: ProcessHandle
    private let time: any TimeSource

    public var pid: Int32 { process.pid }
    public var hasExited: Bool { process.hasExited }

    private init(_ dataDirectory: String, _ process: ProcessHandle, _ time: any TimeSource) {
        self.dataDirectory = dataDirectory
        self.process = process
        self.time = time
    }

    /// The postmaster that runs on the data directory, whoever started it; nil when there is none (HA-017, HA-323).
    public static func attach(
        dataDirectory: String, programs: PostgresPrograms, by deadline: Moment, time: any TimeSource = SystemTime()
    ) async -> Postmaster? {
        let name = DurableFile.name(of: programs.path(.postgres))
        let handle = await offPool(by: deadline) { () -> ProcessHandle? in
            PostmasterFile.read(dataDirectory)?.livingPostmaster(dataDirectory, programName: name)
                .flatMap { ProcessHandle(pid: $0.pid) }
        }
        return (handle ?? nil).map { Postmaster(dataDirectory, $0, time) }
    }

    /// Starts a postmaster in a session of its own; it uses our standard output and error until its log collector
    /// takes over (HA-312). Returns as soon as the process exists.
    public static func start(
        _ launch: PostmasterLaunch, programs: PostgresPrograms, time: any TimeSource = SystemTime()
    ) async throws(PostmasterError) -> Postmaster {
        let words = programs.prefix + [programs.path(.postgres)] + launch.arguments
        let result = await offPool { () -> Result<ProcessHandle, PostmasterError> in
            guard let executable = Machine.findProgram(words[0]) else {
                return .failure(PostmasterError("there is no program \(words[0]); is postgresql.bin_dir right?"))
            }
            var environment = launch.cleanEnvironment
            let name = DurableFile.name(of: programs.path(.postgres))
            let running = PostmasterFile.read(launch.dataDirectory)?
                .livingPostmaster(launch.dataDirectory, programName: name)
            if let running { return .failure(PostmasterError("PostgreSQL is running already (pid \(running.pid))")) }
            environment.merge(ignoringStalePid(in: launch.dataDirectory, programName: name)) { $1 }
            do throws(SpawnError) {
                return .success(
                    try DetachedProcess.start(executable, Array(words.dropFirst()), environment: environment))
            } catch {
                return .failure(PostmasterError(error.description))
            }
        }
        return Postmaster(launch.dataDirectory, try result.get(), time)
    }

    /// The environment in which PostgreSQL starts though the pid in a left over postmaster.pid still exists: as a
    /// stranger's by now, or as a zombie that whoever inherited it has not reaped yet. Removing the file would race
    /// with other starters; PostgreSQL ignores the pid that this variable names. Blocking.
    static func ignoringStalePid(in dataDirectory: String, programName: String) -> [String: String] {
        guard let file = PostmasterFile.read(dataDirectory), let entry = ProcessTable.entry(abs(file.pid)) else {
            return [:]
        }
        // A server that lives must be found, and a single-user one (negative) can't be told from a stranger.
        let isServer = file.pid < 0 || file.livingPostmaster(dataDirectory, programName: programName) != nil
        if entry.isAlive, isServer { return [:] }
        return ["PG_GRANDPARENT_PID": String(entry.pid)]
    }

    /// Returns when the postmaster has exited, or early when the task is cancelled.
    public func waitForExit() async { await process.waitForExit() }

    /// Waits until the server accepts connections, has ended, or the deadline has come (HA-314).
    public func waitUntilReady(by deadline: Moment) async -> StartOutcome {
        while true {
            if hasExited { return .exited(status: process.exitStatus) }
            switch await status(by: deadline) {
            case .ready, .standby: return .ready
            case .starting, .stopping, nil: break
            }
            if time.now >= deadline || Task.isCancelled { return .stillStarting }
            // Ends early when the process does.
            _ = await process.waitForExit(by: min(deadline, time.now + .milliseconds(15)), time: time)
        }
    }

    /// True once the server accepts connections, as it says itself in postmaster.pid; costs no connection.
    public func isReady(by deadline: Moment) async -> Bool {
        let status = await status(by: deadline)
        return status == .ready || status == .standby
    }

    /// What postmaster.pid says, if it is this postmaster's.
    func status(by deadline: Moment) async -> PostmasterFile.Status? {
        let directory = dataDirectory
        let file = await offPool(by: deadline) { () -> PostmasterFile? in PostmasterFile.read(directory) } ?? nil
        return file?.pid == pid ? file?.status : nil
    }
}
