// What /proc says about processes.

import Glibc
import PatroniCore

/// One process as `/proc/PID/stat` shows it.
public struct ProcessEntry: Sendable, Hashable {
    public var pid: Int32
    /// The command's name, cut to 15 bytes by the kernel.
    public var name: String
    /// R, S, D, T, Z …
    public var state: Character
    public var parent: Int32
    public var session: Int32
    /// In clock ticks since boot; together with the pid unique until the next boot.
    public var startTicks: UInt64

    /// A zombie does nothing any more, it only waits to be reaped: that is dead.
    public var isAlive: Bool { state != "Z" && state != "X" && state != "x" }
    /// Stopped by a signal: it does nothing until somebody lets it go on.
    public var isFrozen: Bool { state == "T" }
}

/// The processes of this machine.
public enum ProcessTable {
    /// Nil when there is no such process.
    public static func entry(_ pid: Int32) -> ProcessEntry? {
        guard pid > 0, let bytes = try? FileReading.bytes("/proc/\(pid)/stat", limit: 4096) else { return nil }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// Everything that lives; zombies are left out.
    public static func all() -> [ProcessEntry] {
        guard let names = try? FileReading.names(in: "/proc") else { return [] }
        return names.compactMap { Int32($0) }.compactMap(entry).filter(\.isAlive)
    }

    public static func children(of pid: Int32) -> [ProcessEntry] { all().filter { $0.parent == pid } }

    public static func session(_ session: Int32) -> [ProcessEntry] { all().filter { $0.session == session } }

    /// Children, their children and so on.
    public static func descendants(of pid: Int32) -> [ProcessEntry] {
        let everything = all()
        var found: [ProcessEntry] = []
        var parents: Set<Int32> = [pid]
        while !parents.isEmpty {
            let next = everything.filter { parents.contains($0.parent) }
            found += next
            parents = Set(next.map(\.pid))
        }
        return found
    }

    /// The working directory; nil when the process is gone or somebody else's.
    public static func workingDirectory(of pid: Int32) -> String? { FileReading.link("/proc/\(pid)/cwd") }

    /// The program's file; nil when the process is gone or somebody else's.
    public static func executable(of pid: Int32) -> String? {
        guard let path = FileReading.link("/proc/\(pid)/exe") else { return nil }
        // After an upgrade of the package the running program's file is gone.
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }

    /// The command line; PostgreSQL's backends write their title into the first argument.
    public static func commandLine(of pid: Int32) -> [String] {
        guard let bytes = try? FileReading.bytes("/proc/\(pid)/cmdline", limit: 65536) else { return [] }
        return bytes.split(separator: 0, omittingEmptySubsequences: true).map { String(decoding: $0, as: UTF8.self) }
    }

    /// When the process was started, by the calendar.
    public static func startTime(of entry: ProcessEntry) -> WallTime? {
        guard let boot = bootTime else { return nil }
        let ticks = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return WallTime(
            microseconds: boot * 1_000_000 + Int64(clamping: entry.startTicks / ticks * 1_000_000)
                + Int64(clamping: entry.startTicks % ticks * 1_000_000 / ticks))
    }

    /// The machine's start in seconds since 1970, as the kernel reckons it now.
    private static var bootTime: Int64? {
        guard let bytes = try? FileReading.bytes("/proc/stat", limit: 1 << 20) else { return nil }
        for line in bytes.split(separator: 10) where line.starts(with: Array("btime ".utf8)) {
            return Int64(String(decoding: line.dropFirst(6), as: UTF8.self))
        }
        return nil
    }

    /// The name may contain spaces and brackets, so the fields are counted from its last bracket.
    static func parse(_ stat: String) -> ProcessEntry? {
        guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"), open < close,
            let pid = Int32(stat[..<open].split(separator: " ").first ?? "")
        else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let session = Int32(fields[3]), let ticks = UInt64(fields[19])
        else { return nil }
        return ProcessEntry(
            pid: pid, name: String(stat[stat.index(after: open)..<close]), state: state, parent: parent,
            session: session, startTicks: ticks)
    }
}
