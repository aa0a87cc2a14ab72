// What the operator sees and types.

import Glibc
import PatroniPlatform

/// Where commands print and ask. Standard input need not be a terminal.
protocol Terminal: Sendable {
    /// Prints without adding anything.
    func write(_ text: String)
    /// Prints to standard error, a line.
    func complain(_ text: String)
    /// The next line without its end; nil when there is no more.
    func readLine() async -> String?
    /// Standard output is a screen.
    var isScreen: Bool { get }
}

extension Terminal {
    func echo(_ text: String) { write(text + "\n") }

    func clear() {
        if isScreen { write("\u{1B}[2J\u{1B}[1;1H") }
    }

    /// Asks until there is an answer; an empty one means the default.
    func prompt(_ question: String, default fallback: String? = nil) async throws(ControlError) -> String {
        while true {
            write(question + (fallback.map { " [\($0)]" } ?? "") + ": ")
            guard let answer = await readLine() else { throw .aborted }
            if !answer.isEmpty { return answer }
            if let fallback { return fallback }
        }
    }

    /// Yes or no; an empty answer means no.
    func confirm(_ question: String) async throws(ControlError) -> Bool {
        while true {
            write(question + " [y/N]: ")
            guard let answer = await readLine() else { throw .aborted }
            switch answer.lowercased().filter({ $0 != " " }) {
            case "y", "yes", "true", "t", "1", "on": return true
            case "n", "no", "false", "f", "0", "off", "": return false
            default: echo("Error: invalid input")
            }
        }
    }
}

/// This process's standard streams.
struct StandardTerminal: Terminal {
    var isScreen: Bool { isatty(STDOUT_FILENO) == 1 }

    func write(_ text: String) { Output.write(text, to: STDOUT_FILENO) }
    func complain(_ text: String) { Output.write(text + "\n", to: STDERR_FILENO) }

    func readLine() async -> String? {
        await offPool { Swift.readLine() }
    }
}
