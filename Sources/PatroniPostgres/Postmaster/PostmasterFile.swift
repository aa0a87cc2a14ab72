// postmaster.pid: who runs on this data directory, and whether it accepts connections.

import PatroniCore
import PatroniPlatform

/// The lines of `postmaster.pid`.
struct PostmasterFile: Sendable, Hashable {
    enum Status: String, Sendable, Hashable {
        case starting, stopping
        /// Accepts connections.
        case ready
        /// In recovery without hot standby: up, but takes no connections.
        case standby
    }

    /// Negative for a single-user server.
    var pid: Int32
    /// Seconds since 1970.
    var startTime: Int64?
    var port: Int?
    var socketDirectory: String?
    /// Nil until the postmaster has got that far.
    var status: Status?

    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).trimmedSpaces }
        guard let first = lines.first, let pid = Int32(first), pid != 0 else { return nil }
        func line(_ number: Int) -> String? { lines.indices.contains(number) ? lines[number] : nil }
        self.pid = pid
        startTime = line(2).flatMap { Int64($0) }
        port = line(3).flatMap { Int($0) }
        socketDirectory = line(4).flatMap { $0.isEmpty ? nil : $0 }
        status = line(7).flatMap { Status(rawValue: $0) }
    }

    /// Nil when there is none or it is unreadable. Blocking.
    static func read(_ dataDirectory: String) -> PostmasterFile? {
        (try? FileReading.text(dataDirectory + "/postmaster.pid", limit: 8192)).flatMap { PostmasterFile($0) }
    }

    /// The process this file speaks of, if it is a postmaster of this data directory and not a stranger that got the
    /// same pid later (HA-017). Blocking.
    func livingPostmaster(_ dataDirectory: String, programName: String) -> ProcessEntry? {
        guard let entry = livingProcess, entry.pid != Machine.processID, entry.pid != Machine.parentProcessID else {
            return nil
        }
        if let directory = ProcessTable.workingDirectory(of: pid), let executable = ProcessTable.executable(of: pid) {
            // A postmaster lives in its data directory, and nobody else does under that name.
            let name = DurableFile.name(of: executable)
            return directory == FileReading.realPath(dataDirectory)
                && (name == programName || name.hasPrefix("postgres") || name.hasPrefix("postmaster")) ? entry : nil
        }
        // Another user's process shows neither: then the times must agree.
        guard let startTime, let started = ProcessTable.startTime(of: entry) else { return nil }
        return abs(started.secondsSince1970 - startTime) <= 3 ? entry : nil
    }

    /// Whatever runs under the pid now.
    var livingProcess: ProcessEntry? { pid > 0 ? ProcessTable.entry(pid).flatMap { $0.isAlive ? $0 : nil } : nil }
}
