// Removing a data directory, or putting it aside: the only place that does either (HA-055, HA-074).

import Glibc
import PatroniPlatform

/// Why a data directory could not be removed.
public enum RemovalError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A path that cannot be a data directory, such as `/`: nothing was touched.
    case notADataDirectory(String)
    /// A server still runs there: nothing was touched.
    case serverRuns(pid: Int32)
    case file(FileError)

    public var description: String {
        switch self {
        case .notADataDirectory(let path): "\(path) can't be a data directory: nothing was removed"
        case .serverRuns(let pid): "PostgreSQL still runs there, pid \(pid): nothing was removed"
        case .file(let error): error.description
        }
    }
}

/// What became of it.
public enum RemovalOutcome: Sendable, Hashable {
    case removed
    /// It could not be removed, so it is out of the way under another name.
    case renamed(to: String, because: FileError)
}

public enum DataDirectoryRemoval {
    /// Removes the directory with the targets of its WAL and tablespace links. What can't be removed is renamed.
    public static func remove(_ path: String) async throws(RemovalError) -> RemovalOutcome {
        try await offPool { () throws(RemovalError) -> RemovalOutcome in try removeBlocking(path) }
    }

    /// Renames the directory, and what its links point to, with the suffix `.failed`; an older one of that name goes.
    public static func putAside(_ path: String) async throws(RemovalError) -> String {
        try await offPool { () throws(RemovalError) -> String in try putAsideBlocking(path) }
    }

    private static func check(_ path: String) throws(RemovalError) {
        let depth = path.split(separator: "/").filter { $0 != "." && $0 != ".." }.count
        if !path.hasPrefix("/") || depth < 2 || path.split(separator: "/").contains("..") {
            throw .notADataDirectory(path)
        }
        let pidFile = (try? FileReading.text("\(path)/postmaster.pid", limit: 4096)) ?? ""
        // The postmaster's working directory is its data directory: nobody else is taken for it.
        if let pid = pidFile.split(separator: "\n").first.flatMap({ Int32($0) }),
            ProcessTable.entry(pid)?.isAlive == true,
            let place = ProcessTable.workingDirectory(of: pid), place == FileReading.realPath(path)
        {
            throw .serverRuns(pid: pid)
        }
    }

    private static func removeBlocking(_ path: String) throws(RemovalError) -> RemovalOutcome {
        try check(path)
        do throws(FileError) {
            for link in try links(path) { try removeTarget(link) }
            if let target = FileReading.link(path), !target.isEmpty {
                // The operator's link stays: only what it leads to is emptied.
                if try FileReading.kind(path) == .directory { try FileTree.empty(path) }
                return .removed
            }
            if try FileReading.kind(path) == .directory { try FileTree.empty(path) }
            do throws(FileError) {
                try FileTree.remove(path)
            } catch {
                // A mount point, or a parent that is not ours: empty is as good as gone.
            }
            return .removed
        } catch {
            return .renamed(to: try putAsideBlocking(path), because: error)
        }
    }

    /// A tablespace's place may hold other things than PostgreSQL's: those stay.
    private static func removeTarget(_ link: (path: String, target: String)) throws(FileError) {
        guard try FileReading.kind(link.target) == .directory else { return }
        if link.path.hasSuffix("/pg_wal") { return try FileTree.empty(link.target) }
        for name in try FileReading.names(in: link.target) where name.hasPrefix("PG_") {
            try FileTree.remove(link.target + "/" + name)
        }
    }

    private static func putAsideBlocking(_ path: String) throws(RemovalError) -> String {
        try check(path)
        do throws(FileError) {
            for link in try links(path) {
                let aside = link.target + ".failed"
                if FileReading.exists(link.target) {
                    try FileTree.remove(aside)
                    try DurableFile.move(link.target, to: aside)
                }
                // The link follows its target, so that what was put aside is a whole cluster.
                try DurableFile.remove(link.path)
                guard symlink(aside, link.path) == 0 else { throw FileError("link", link.path, Errno.last) }
            }
            let aside = path + ".failed"
            try FileTree.remove(aside)
            try DurableFile.move(path, to: aside)
            return aside
        } catch {
            throw .file(error)
        }
    }

    /// The links through which a cluster spreads over other places: pg_wal and the tablespaces.
    private static func links(_ path: String) throws(FileError) -> [(path: String, target: String)] {
        guard try FileReading.kind(path) == .directory else { return [] }
        var candidates = ["\(path)/pg_wal"]
        let spaces = "\(path)/pg_tblspc"
        if try FileReading.kind(spaces) == .directory {
            candidates += try FileReading.names(in: spaces).map { "\(spaces)/\($0)" }
        }
        return candidates.compactMap { candidate in
            FileReading.link(candidate).flatMap { $0.hasPrefix("/") ? (candidate, $0) : nil }
        }
    }
}
