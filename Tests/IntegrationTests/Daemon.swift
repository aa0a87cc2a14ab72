// A process that a test starts, signals and ends.

import Glibc
import PatroniPlatform
import Synchronization

/// A started program, its output going to a log file.
final class Daemon: Sendable {
    let name: String
    let logFile: String
    private let handle: ProcessHandle

    var pid: Int32 { handle.pid }
    var isRunning: Bool { !handle.hasExited }

    init(_ name: String, command: [String], logFile: String, environment: [String: String] = [:]) throws {
        self.name = name
        self.logFile = logFile
        let log = open(logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { close(log) }
        var variables = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"]
        variables.merge(environment) { $1 }
        handle = try DetachedProcess.start(
            command[0], Array(command.dropFirst()), environment: variables, output: log, errorOutput: log)
    }

    func send(_ signal: Int32) { _ = try? handle.send(signal) }

    /// Sends a signal and waits for the end.
    func end(_ signal: Int32 = SIGKILL, within limit: Duration = .seconds(30)) async throws {
        send(signal)
        try await eventually("end of \(name) after signal \(signal)", within: limit, every: .milliseconds(20)) {
            isRunning ? nil : true
        }
    }

    /// Waits for the program to end by itself.
    func waitForEnd(within limit: Duration = .seconds(30)) async throws {
        try await eventually("end of \(name)", within: limit) { isRunning ? nil : true }
    }

    var log: String {
        get async { (try? await Shell.run("cat \(logFile)").output) ?? "" }
    }
}
