// How a command can end badly, and what that means for the exit code (CTL-012).

/// Why a command stopped.
enum ControlError: Error, Hashable, Sendable {
    /// Shown as `Error: …`, exit code 1.
    case failed(String)
    /// The operator ended a question: `Aborted!`, exit code 1.
    case aborted
    /// The command line makes no sense, exit code 2.
    case usage(String)

    var exitCode: Int32 {
        switch self {
        case .failed, .aborted: 1
        case .usage: 2
        }
    }

    var message: String {
        switch self {
        case .failed(let text), .usage(let text): "Error: \(text)"
        case .aborted: "Aborted!"
        }
    }
}
