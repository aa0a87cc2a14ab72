// The few file operations a configuration needs. They block; reading a configuration is rare and small.

import Glibc

/// A file that could not be read or written: which, and what the system said.
public struct ConfigurationFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let problem: String
    public let code: Int32

    init(_ path: String, code: Int32 = errno) {
        self.path = path
        self.code = code
        problem = String(cString: strerror(code))
    }

    init(_ path: String, problem: String) {
        self.path = path
        self.problem = problem
        code = 0
    }

    public var description: String { "\(path): \(problem)" }
}

public enum ConfigurationFiles {
    public enum Kind: Sendable { case file, folder, other }

    /// No configuration is larger than this.
    public static let largest = 16 << 20

    /// Nil when nothing is there.
    public static func kind(of path: String) -> Kind? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        switch info.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    public static func contents(of path: String) throws(ConfigurationFileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ConfigurationFileError(path) }
        defer { close(descriptor) }
        return try contents(of: descriptor, named: path)
    }

    /// Everything up to the end, from an open descriptor such as standard input.
    public static func contents(of descriptor: Int32, named name: String) throws(ConfigurationFileError) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ConfigurationFileError(name) }
            if count == 0 { return result }
            result += buffer[..<count]
            if result.count > largest {
                throw ConfigurationFileError(name, problem: "larger than \(largest >> 20) MiB")
            }
        }
    }

    /// Names in a folder, sorted, without `.` and `..`.
    public static func names(in folder: String) throws(ConfigurationFileError) -> [String] {
        guard let handle = opendir(folder) else { throw ConfigurationFileError(folder) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// This process's environment.
public enum ProcessEnvironment {
    /// All variables, as they were when the process began.
    public static func read() -> [String: String] {
        guard let bytes = try? ConfigurationFiles.contents(of: "/proc/self/environ") else { return [:] }
        var result: [String: String] = [:]
        for entry in bytes.split(separator: 0) {
            let text = String(decoding: entry, as: UTF8.self)
            guard let equals = text.firstIndex(of: "=") else { continue }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }
}
