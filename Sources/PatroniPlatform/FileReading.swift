// Reading files and directories, with a bound on everything. Blocking: call it off the cooperative pool.

import Glibc

/// A file that could not be read or written: which one, what was tried, and why.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
    public var operation: String
    public var path: String
    public var cause: Cause

    public enum Cause: Sendable, Hashable {
        case system(Errno)
        case largerThan(Int)
    }

    public init(_ operation: String, _ path: String, _ cause: Cause) {
        self.operation = operation
        self.path = path
        self.cause = cause
    }

    public init(_ operation: String, _ path: String, _ code: Errno) { self.init(operation, path, .system(code)) }

    public var isNotFound: Bool { cause == .system(.notFound) || cause == .system(Errno(ENOTDIR)) }

    public var description: String {
        switch cause {
        case .system(let code): "could not \(operation) \(path): \(code)"
        case .largerThan(let limit): "could not \(operation) \(path): it is larger than \(limit) bytes"
        }
    }
}

/// What a path leads to, links followed.
public enum FileKind: Sendable, Hashable {
    case file, directory, link, other
}

/// Looking at files.
public enum FileReading {
    /// The whole file; an error when it is larger than `limit`.
    public static func bytes(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path, .last) }
        defer { close(fd) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit + 1, 16384))
        while true {
            let count = read(fd, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError("read", path, .last)
            }
            if count == 0 { return contents }
            contents += chunk[..<count]
            if contents.count > limit { throw FileError("read", path, .largerThan(limit)) }
        }
    }

    /// The file as text; bytes that are no UTF-8 are replaced.
    public static func text(_ path: String, limit: Int = 1 << 20) throws(FileError) -> String {
        String(decoding: try bytes(path, limit: limit), as: UTF8.self)
    }

    /// The last bytes of a file, however large it is.
    public static func end(of path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path, .last) }
        defer { close(fd) }
        let size = lseek(fd, 0, SEEK_END)
        guard size >= 0, lseek(fd, max(0, size - off_t(limit)), SEEK_SET) >= 0 else {
            throw FileError("read", path, .last)
        }
        var contents = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = contents[filled...].withUnsafeMutableBytes { read(fd, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw FileError("read", path, .last) }
            if count == 0 { break }
            filled += count
        }
        return Array(contents[..<filled])
    }

    /// Up to `count` bytes from the place `offset` on; fewer when the file ends before.
    public static func part(of path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path, .last) }
        defer { close(fd) }
        var contents = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let found = contents[filled...].withUnsafeMutableBytes {
                pread(fd, $0.baseAddress, $0.count, off_t(offset + filled))
            }
            if found < 0, errno == EINTR { continue }
            if found < 0 { throw FileError("read", path, .last) }
            if found == 0 { break }
            filled += found
        }
        return Array(contents[..<filled])
    }

    /// The entries of a directory without `.` and `..`, sorted.
    public static func names(in directory: String) throws(FileError) -> [String] {
        guard let stream = opendir(directory) else { throw FileError("open directory", directory, .last) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw FileError("read directory", directory, .last) }
                return names.sorted()
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// Where a symbolic link points to; nil when it is none.
    public static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        return readlink(path, &buffer, buffer.count - 1) < 0 ? nil : String(cString: buffer)
    }

    /// Without any link in it; nil when the path leads nowhere.
    public static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Nil when nothing is there. Links are followed unless `followsLinks` is false.
    public static func kind(_ path: String, followsLinks: Bool = true) throws(FileError) -> FileKind? {
        guard let info = try status(path, followsLinks: followsLinks) else { return nil }
        return switch info.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .other
        }
    }

    /// True when something is there and can be seen; errors count as no.
    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func status(_ path: String, followsLinks: Bool) throws(FileError) -> stat? {
        var info = stat()
        if (followsLinks ? stat(path, &info) : lstat(path, &info)) == 0 { return info }
        let error = FileError("look at", path, .last)
        if error.isNotFound { return nil }
        throw error
    }
}
