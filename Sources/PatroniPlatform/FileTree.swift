// Whole directories: making and removing them. Blocking: call it off the cooperative pool.

import Glibc

/// Directories with everything below them.
public enum FileTree {
    /// Makes a directory and what is missing above it; one that is there keeps its mode.
    public static func create(_ path: String, mode: UInt32 = 0o700) throws(FileError) {
        if try FileReading.kind(path) == .directory { return }
        let parent = DurableFile.directory(of: path)
        if parent != path, parent != "." { try create(parent, mode: mode) }
        if mkdir(path, mode) != 0, errno != EEXIST { throw FileError("create directory", path, .last) }
    }

    /// Removes what is at `path` with everything below it. Links are removed, never what they point to.
    public static func remove(_ path: String) throws(FileError) {
        switch try FileReading.kind(path, followsLinks: false) {
        case nil: return
        case .directory:
            try empty(path)
            if rmdir(path) != 0, errno != ENOENT { throw FileError("remove directory", path, .last) }
        case .file, .link, .other: try DurableFile.remove(path)
        }
    }

    /// Removes everything inside a directory and keeps the directory itself.
    public static func empty(_ path: String) throws(FileError) {
        // The kind is looked up per entry without following links, so nothing outside of `path` is ever touched.
        for name in try FileReading.names(in: path) { try remove(path + "/" + name) }
    }
}
