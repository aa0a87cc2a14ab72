// Running PostgreSQL's programs and the operator's scripts: bounded in time and output, killed with all they started.

import PatroniCore
import PatroniPlatform
import Subprocess
import SystemPackage

/// PostgreSQL's own programs, by the names they have unless `bin_name` says otherwise.
public enum PostgresProgram: String, Sendable, Hashable, CaseIterable {
    case postgres
    case initdb
    case controlCommand = "pg_ctl"
    case controlData = "pg_controldata"
    case baseBackup = "pg_basebackup"
    case isReady = "pg_isready"
    case rewind = "pg_rewind"
    case walDump = "pg_waldump"
}

/// How a program ended, and what it wrote.
public struct ProgramResult: Sendable, Hashable {
    public enum Ending: Sendable, Hashable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)

        public var description: String {
            switch self {
            case .exited(let code): "exit code \(code)"
            case .signalled(let signal): "signal \(signal)"
            }
        }
    }

    public var ending: Ending
    /// Empty unless captured; of long output the beginning is kept.
    public var output: String
    public var errorOutput: String

    public var isSuccess: Bool { ending == .exited(0) }

    /// The line that says what was wrong, for a message in one line: the last one marked as an error, else the last.
    public var complaint: String {
        let lines = errorOutput.split(whereSeparator: \.isNewline).map { String($0).trimmedSpaces }
        let marked = lines.last { line in ["error:", "fatal:", "FATAL:", "PANIC:"].contains { line.contains($0) } }
        return marked ?? lines.last { !$0.isEmpty } ?? ending.description
    }
}

/// A program that gave no result.
public enum ProgramError: Error, Sendable, Hashable, CustomStringConvertible {
    /// It could not be started.
    case notStarted(executable: String, reason: String)
    /// It was still running at the deadline and has been ended with everything it had started.
    case timedOut(executable: String)
    /// The task was cancelled; the program has been ended with everything it had started.
    case cancelled(executable: String)

    public var description: String {
        switch self {
        case .notStarted(let executable, let reason): "could not run \(executable): \(reason)"
        case .timedOut(let executable): "\(executable) did not end in time and was stopped"
        case .cancelled(let executable): "\(executable) was cancelled"
        }
    }
}

/// Where a program's output goes.
public enum ProgramOutput: Sendable, Hashable {
    /// Into the result, up to so many bytes of each stream; the rest is read and dropped.
    case captured(limit: Int)
    /// To our own standard output and error, as Patroni does with long-running tools and callbacks.
    case inherited

    public static let captured = ProgramOutput.captured(limit: 256 * 1024)
}

/// Finds and runs programs.
public struct PostgresPrograms: Sendable, Hashable {
    /// Empty: found through PATH.
    public var binDirectory: String
    /// Custom names, `pg_ctl` → `pg_ctl15` (`bin_name`).
    public var programNames: [String: String]
    /// Words before every command, e.g. `setpriv …`. Tests run as root, PostgreSQL refuses to.
    public var prefix: [String] = []

    public init(binDirectory: String, programNames: [String: String] = [:]) {
        self.binDirectory = binDirectory
        self.programNames = programNames
    }

    /// The program's path, or its bare name when it is to be found through PATH.
    public func path(_ program: PostgresProgram) -> String {
        let name = programNames[program.rawValue] ?? program.rawValue
        if binDirectory.isEmpty { return name }
        return binDirectory.hasSuffix("/") ? binDirectory + name : binDirectory + "/" + name
    }

    /// Runs one of PostgreSQL's programs. `english`: messages are parsed, so the locale is `C` (HA-322).
    public func run(
        _ program: PostgresProgram, _ arguments: [String], environment: [String: String] = [:], english: Bool = false,
        input: String? = nil, output: ProgramOutput = .captured, by deadline: Moment
    ) async throws(ProgramError) -> ProgramResult {
        var environment = environment
        if english {
            environment["LANG"] = "C"
            environment["LC_ALL"] = "C"
        }
        return try await run(
            path(program), arguments, environment: environment, input: input, output: output, by: deadline)
    }

    /// Runs any program until it ends, the deadline passes or the task is cancelled. In the latter two cases it
    /// gets SIGTERM, and SIGKILL 10 seconds later, together with its descendants (HA-164).
    ///
    /// `environment` is added to ours.
    public func run(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        output: ProgramOutput = .captured, by deadline: Moment
    ) async throws(ProgramError) -> ProgramResult {
        let words = prefix + [executable] + arguments
        let run = ProgramRun(words: words, environment: environment, input: input, output: output)
        return try await run.result(by: deadline)
    }
}

extension Moment {
    /// A deadline that never comes: for work that only a cancellation ends.
    public static let distantFuture = Moment(nanoseconds: .max / 2)
}
