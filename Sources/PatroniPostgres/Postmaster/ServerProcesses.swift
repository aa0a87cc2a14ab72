// The server's other processes: clients' backends while it stops, and what a killed postmaster left behind.

import Glibc
import PatroniCore
import PatroniPlatform

/// One process below a postmaster.
public struct ServerProcess: Sendable, Hashable {
    public var pid: Int32
    /// The title, e.g. `postgres: c: alice shop 10.0.0.7(4711) idle`.
    public var title: String
    /// Somebody has stopped it (SIGSTOP).
    public var isFrozen = false

    /// It streams to a standby.
    public var isSender: Bool { title.contains("walsender ") }

    /// How far it has sent, when its title says so: `walsender replicator 10.0.0.7(4711) streaming 0/3000148`.
    public var sentPosition: LSN? {
        title.firstRange(of: " streaming ").flatMap { LSN(String(title[$0.upperBound...].prefix { $0 != " " })) }
    }

    /// It serves a client; all others serve the server itself (HA-316). PostgreSQL 13 to 18.
    public var isClientBackend: Bool {
        guard let colon = title.firstRange(of: "postgres: ") else { return false }
        let rest = title[colon.upperBound...]
        // A cluster_name stands before the process's own words.
        let words = rest.firstRange(of: ": ").map { rest[$0.upperBound...] } ?? rest
        return !Self.serverTitles.contains { rest.hasPrefix($0) || words.hasPrefix($0) }
    }

    private static let serverTitles = [
        "archiver", "startup", "autovacuum ", "checkpointer", "logger", "stats collector", "walreceiver", "walsender",
        "walwriter", "background writer", "logical replication ", "slotsync worker", "walsummarizer",
        "wal summarizer", "io worker", "bgworker:", "parallel worker",
    ]
}

extension Postmaster {
    /// The postmaster's children that serve clients now: as long as there is one, something can be written (HA-398).
    public func clientBackends() async -> [ServerProcess] { await children().filter(\.isClientBackend) }

    private func children() async -> [ServerProcess] {
        let pid = pid
        return await offPool { () -> [ServerProcess] in
            ProcessTable.children(of: pid).map { child in
                ServerProcess(
                    pid: child.pid, title: ProcessTable.commandLine(of: child.pid).first ?? "",
                    isFrozen: child.isFrozen)
            }
        }
    }

    /// What a stop that takes long may be waiting for.
    public func lookWhileStopping(_ control: ControlState?) async -> StopSupervision.Look {
        let children = await children()
        let pid = pid
        let isFrozen = await offPool { () -> Bool in ProcessTable.entry(pid)?.isFrozen == true }
        // A frozen session is ended by the postmaster in time; a frozen part of the server itself stops everything.
        let server = children.filter { !$0.isClientBackend && !$0.isSender }
        return StopSupervision.Look(
            control: control, clients: children.count(where: \.isClientBackend),
            senders: children.filter(\.isSender).map { .init(pid: $0.pid, position: $0.sentPosition) },
            isFrozen: isFrozen || server.contains(where: \.isFrozen))
    }

    /// Ends senders, and wakes those that are frozen so that they can. The rest of the server goes on.
    public func endSenders(_ pids: [Int32]) async {
        let pid = pid
        await offPool {
            // Only our own: between two looks a pid can become somebody else's.
            for child in ProcessTable.children(of: pid) where pids.contains(child.pid) {
                guard let handle = ProcessHandle(pid: child.pid), handle.startTicks == child.startTicks else {
                    continue
                }
                _ = try? handle.send(SIGTERM)
                _ = try? handle.send(SIGCONT)
            }
        }
    }

    /// Ends the processes that a killed postmaster left behind. A new one refuses to start while they hold the
    /// shared memory. True when none is left; nothing is touched while a postmaster lives.
    public static func terminateLeftovers(
        dataDirectory: String, programs: PostgresPrograms, by deadline: Moment, time: any TimeSource = SystemTime()
    ) async -> Bool {
        let name = DurableFile.name(of: programs.path(.postgres))
        // First the polite way, in which a process still cleans up.
        for (signal, patience) in [(SIGQUIT, Duration.milliseconds(300)), (SIGKILL, .seconds(60))] {
            let leftovers = await offPool { () -> [ProcessHandle]? in findLeftovers(dataDirectory, name) }
            guard let leftovers else { return false }
            if leftovers.isEmpty { return true }
            for process in leftovers { _ = try? process.send(signal) }
            let end = min(deadline, time.now + patience)
            for process in leftovers { _ = await process.waitForExit(by: end, time: time) }
        }
        return await offPool { () -> Bool in findLeftovers(dataDirectory, name)?.isEmpty ?? false }
    }

    /// PostgreSQL processes that live in the data directory without a postmaster (each backend leads a session of
    /// its own, so the directory is what they have in common); nil while there is a postmaster.
    private static func findLeftovers(_ dataDirectory: String, _ programName: String) -> [ProcessHandle]? {
        guard let directory = FileReading.realPath(dataDirectory) else { return [] }
        let file = PostmasterFile.read(dataDirectory)
        if let file,
            file.pid < 0
                ? ProcessTable.entry(-file.pid)?.isAlive == true
                : file.livingPostmaster(dataDirectory, programName: programName) != nil
        {
            return nil
        }
        return ProcessTable.all().filter { entry in
            guard ProcessTable.workingDirectory(of: entry.pid) == directory,
                let executable = ProcessTable.executable(of: entry.pid)
            else { return false }
            let name = DurableFile.name(of: executable)
            return name == programName || name.hasPrefix("postgres")
        }.compactMap { ProcessHandle(pid: $0.pid) }
    }
}
