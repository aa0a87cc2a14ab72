// Whose a file is, and who may do what with it. Blocking: call it off the cooperative pool.

import Glibc

/// Owner and mode of a file or directory, links followed.
public struct FileOwnership: Sendable, Hashable {
    public var user: UInt32
    public var group: UInt32
    /// Permission bits with set-uid, set-gid and sticky: `0o2770`.
    public var mode: UInt32

    public init(user: UInt32, group: UInt32, mode: UInt32) {
        self.user = user
        self.group = group
        self.mode = mode
    }

    /// Nil when nothing is there.
    public static func of(_ path: String) throws(FileError) -> FileOwnership? {
        guard let info = try FileReading.status(path, followsLinks: true) else { return nil }
        return FileOwnership(user: info.st_uid, group: info.st_gid, mode: info.st_mode & 0o7777)
    }

    public static func setMode(_ mode: UInt32, of path: String) throws(FileError) {
        if chmod(path, mode) != 0 { throw FileError("set the mode of", path, .last) }
    }

    /// As `chmod` takes it: `0750`, `2770`.
    public static func text(mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

/// How full a file system is.
public struct FileSystemSpace: Sendable, Hashable {
    public var size: UInt64
    /// What a user without privileges may still write.
    public var available: UInt64
    public var isReadOnly: Bool

    public init(size: UInt64, available: UInt64, isReadOnly: Bool) {
        self.size = size
        self.available = available
        self.isReadOnly = isReadOnly
    }

    public static func at(_ path: String) throws(FileError) -> FileSystemSpace {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { throw FileError("look at the file system of", path, .last) }
        let block = UInt64(info.f_frsize)
        return FileSystemSpace(
            size: UInt64(info.f_blocks) * block, available: UInt64(info.f_bavail) * block,
            isReadOnly: info.f_flag & UInt(ST_RDONLY) != 0)
    }
}

extension Machine {
    public static var userID: UInt32 { geteuid() }
    public static var groupID: UInt32 { getegid() }

    /// May this process write into the directory, or create it?
    public static func mayWrite(_ path: String) -> Bool { access(path, W_OK) == 0 }
}
