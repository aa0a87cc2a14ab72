// Writing files so that a crash leaves either the old or the new one. Blocking: call it off the cooperative pool.

import Glibc

/// Files that must survive a power cut whole.
public enum DurableFile {
    /// Replaces the file at once: temporary file beside it, fsync, rename, fsync of the directory.
    public static func write(_ path: String, _ contents: some Sequence<UInt8>, mode: UInt32 = 0o600) throws(FileError) {
        let (temporary, fd) = try create(beside: path)
        do throws(FileError) {
            defer { close(fd) }
            guard fchmod(fd, mode) == 0 else { throw FileError("set the mode of", temporary, .last) }
            try append(Array(contents), to: fd, temporary)
            guard fsync(fd) == 0 else { throw FileError("flush", temporary, .last) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let error = FileError("replace", path, .last)
            unlink(temporary)
            throw error
        }
        try syncDirectory(directory(of: path))
    }

    /// Replaces the file at once with text.
    public static func write(_ path: String, _ text: String, mode: UInt32 = 0o600) throws(FileError) {
        try write(path, text.utf8, mode: mode)
    }

    /// Removes a file or link; it not being there is fine.
    public static func remove(_ path: String) throws(FileError) {
        if unlink(path) != 0, errno != ENOENT { throw FileError("remove", path, .last) }
    }

    /// Moves a file or directory; both names are durable afterwards.
    public static func move(_ path: String, to target: String) throws(FileError) {
        guard rename(path, target) == 0 else { throw FileError("rename", path, .last) }
        try syncDirectory(directory(of: target))
        if directory(of: target) != directory(of: path) { try syncDirectory(directory(of: path)) }
    }

    /// Flushes the names in a directory.
    public static func syncDirectory(_ path: String) throws(FileError) {
        let fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open directory", path, .last) }
        defer { close(fd) }
        // Some file systems can't flush a directory and say so with EINVAL; there is nothing else to do then.
        if fsync(fd) != 0, errno != EINVAL { throw FileError("flush directory", path, .last) }
    }

    public static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    public static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    private static func create(beside path: String) throws(FileError) -> (path: String, fd: Int32) {
        var template = Array((path + ".XXXXXX").utf8CString)
        let fd = mkstemp(&template)
        guard fd >= 0 else { throw FileError("create a temporary file beside", path, .last) }
        _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
        return (String(cString: template), fd)
    }

    private static func append(_ bytes: [UInt8], to fd: Int32, _ path: String) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError("write", path, .last)
            }
            written += count
        }
    }
}
