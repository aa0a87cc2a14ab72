// Owner and mode of the data directory: PostgreSQL starts only where both are exactly right.

import PatroniPlatform

/// What is wrong with the data directory, and what to do about it.
public enum DataDirectoryObstacle: Error, Sendable, Hashable, CustomStringConvertible {
    case notOurs(path: String, owner: UInt32, us: UInt32)
    case notChangeable(path: String, mode: UInt32, FileError)
    /// It was set without an error, and is not what it was set to.
    case ignored(path: String, mode: UInt32)
    case unreadable(FileError)

    public var description: String {
        switch self {
        case .notOurs(let path, let owner, let us):
            "\(path) belongs to uid \(owner) and we are uid \(us): PostgreSQL only starts as the owner of its data "
                + "directory. On a volume the mount point itself belongs to somebody else: let data_dir be a directory "
                + "below it, which is ours because we make it; an existing one needs chown -R \(us) by its owner"
        case .notChangeable(let path, let mode, let error):
            "\(path) has mode \(FileOwnership.text(mode: mode)), PostgreSQL wants 0700 or 0750, and: \(error). "
                + "Is the volume mounted read-only?"
        case .ignored(let path, let mode):
            "\(path) keeps mode \(FileOwnership.text(mode: mode)) whatever it is set to, PostgreSQL wants 0700 or 0750: "
                + "this file system keeps no permissions (CIFS, Azure Files, some FUSE mounts). Mount it with "
                + "dir_mode=0700,file_mode=0600 and our uid, or use a block volume"
        case .unreadable(let error): error.description
        }
    }
}

/// A volume's fsGroup makes everything group-writable at each mount, and PostgreSQL then refuses to start.
public enum DataDirectoryAccess {
    /// What a correction has changed.
    public struct Correction: Sendable, Hashable, CustomStringConvertible {
        public var path: String
        public var from: UInt32
        public var to: UInt32

        public var description: String {
            "\(path) had mode \(FileOwnership.text(mode: from)), with which PostgreSQL does not start (a volume's "
                + "fsGroup sets it at each mount); it is \(FileOwnership.text(mode: to)) now"
        }
    }

    /// What PostgreSQL itself checks (checkDataDir): nobody else may anything, the group may not write.
    public static func isAccepted(_ mode: UInt32) -> Bool { mode & 0o027 == 0 && mode & 0o700 == 0o700 }

    /// Makes the mode right; nil when it was, or when there is no directory yet. Blocking.
    ///
    /// `user` is who will run PostgreSQL; the superuser runs it as somebody else, and nothing is checked then.
    public static func correct(
        _ path: String, user: UInt32 = Machine.userID
    ) throws(DataDirectoryObstacle) -> Correction? {
        guard user != 0, let found = try ownership(path) else { return nil }
        guard found.user == user else { throw .notOurs(path: path, owner: found.user, us: user) }
        if isAccepted(found.mode) { return nil }
        // What the group was meant to have can't be told any more; the private mode is initdb's own.
        do throws(FileError) { try FileOwnership.setMode(0o700, of: path) } catch {
            throw .notChangeable(path: path, mode: found.mode, error)
        }
        guard let now = try ownership(path), isAccepted(now.mode) else {
            throw .ignored(path: path, mode: found.mode)
        }
        return Correction(path: path, from: found.mode, to: now.mode)
    }

    private static func ownership(_ path: String) throws(DataDirectoryObstacle) -> FileOwnership? {
        do throws(FileError) { return try FileOwnership.of(path) } catch { throw .unreadable(error) }
    }
}
