// Commands as an operator would type them: the tests use psql, curl, etcdctl and patronictl, not our own clients.

import Subprocess
import SystemPackage

/// What a command printed and how it ended.
struct CommandResult: Sendable, CustomStringConvertible {
    var command: String
    var status: Int32
    var output: String
    var errors: String

    var succeeded: Bool { status == 0 }
    var text: String { output.trimmed }
    var description: String { "\(command) → \(status)\n\(output)\(errors)" }
}

struct CommandFailed: Error, CustomStringConvertible {
    var result: CommandResult
    var description: String { "command failed: \(result)" }
}

enum Shell {
    /// Runs a bash script; it is ended after `seconds` and then has status 124.
    static func run(_ script: String, seconds: Int = 60) async throws -> CommandResult {
        let result = try await Subprocess.run(
            .path("/usr/bin/timeout"),
            arguments: ["--kill-after=5", String(seconds), "/bin/bash", "-c", script],
            output: .string(limit: 16_000_000), error: .string(limit: 16_000_000))
        let status: Int32
        switch result.terminationStatus {
        case .exited(let code): status = code
        case .signaled(let signal): status = 128 + signal
        }
        return CommandResult(
            command: script, status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// Runs a script that must succeed and returns its output without white space at the ends.
    @discardableResult
    static func check(_ script: String, seconds: Int = 60) async throws -> String {
        let result = try await run(script, seconds: seconds)
        guard result.succeeded else { throw CommandFailed(result: result) }
        return result.text
    }

    static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
}

extension StringProtocol {
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }),
            let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
