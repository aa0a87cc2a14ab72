// Starting a program that outlives us.

import CPlatform
import PatroniCore

/// A program that could not be started.
public struct SpawnError: Error, Sendable, Hashable, CustomStringConvertible {
    public var executable: String
    public var cause: Errno
    public var description: String { "could not start \(executable): \(cause)" }
}

/// Programs in a session of their own, with nothing of ours but stdout and stderr.
public enum DetachedProcess {
    /// Starts `executable` (a path); it is our child while we live, and is reaped through the returned handle.
    public static func start(
        _ executable: String, _ arguments: [String], environment: [String: String], output: Int32? = nil,
        errorOutput: Int32? = nil
    ) throws(SpawnError) -> ProcessHandle {
        let variables = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        var pid: Int32 = 0
        let code = withCStrings([executable] + arguments) { arguments in
            withCStrings(variables) { variables in
                cplatform_spawn_detached(executable, arguments, variables, output ?? -1, errorOutput ?? -1, &pid)
            }
        }
        guard code == 0 else { throw SpawnError(executable: executable, cause: Errno(code)) }
        // The child can't have been reaped by anybody but us, so there is a handle even if it died at once.
        guard let handle = ProcessHandle(pid: pid, isOurChild: true) else {
            throw SpawnError(executable: executable, cause: .noSuchProcess)
        }
        // Holds on to the handle so that the child is reaped even if nobody else waits for it.
        Task { await handle.waitForExit() }
        return handle
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = strings.map { string in
            let characters = string.utf8CString
            let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: characters.count)
            _ = copy.initialize(from: characters)
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        let pointers = copies.map(\.baseAddress) + [nil]
        return pointers.withUnsafeBufferPointer { buffer in
            // The array has at least its closing nil, so there is a base address.
            withUnsafePointer(to: nil as UnsafeMutablePointer<CChar>?) { none in body(buffer.baseAddress ?? none) }
        }
    }
}
