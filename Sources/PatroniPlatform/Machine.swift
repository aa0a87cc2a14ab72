// Who and where we are: user, home, host name, environment, free ports.

import CPlatform
import Glibc

/// The user this process runs as.
public struct SystemUser: Sendable, Hashable {
    public var id: UInt32
    public var name: String
    public var home: String

    /// The effective user; nil when the user database has no such id.
    public static var current: SystemUser? { lookUp { getpwuid_r(geteuid(), $0, $1, $2, $3) } }

    public static func named(_ name: String) -> SystemUser? { lookUp { getpwnam_r(name, $0, $1, $2, $3) } }

    private typealias Entry = UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>

    private static func lookUp(
        _ call: (UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int, Entry) -> Int32
    ) -> SystemUser? {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        // The entry's strings stand in this buffer.
        let size = 16384
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
        defer { buffer.deallocate() }
        guard call(&entry, buffer, size, &result) == 0, let found = result?.pointee else { return nil }
        return SystemUser(
            id: found.pw_uid, name: String(cString: found.pw_name), home: String(cString: found.pw_dir))
    }
}

/// This machine and this process.
public enum Machine {
    public static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        return gethostname(&buffer, buffer.count - 1) == 0 ? String(cString: buffer) : "localhost"
    }

    public static var processID: Int32 { getpid() }
    public static var parentProcessID: Int32 { getppid() }
    public static var threadID: Int32 { cplatform_gettid() }

    /// `~` as the shell means it: HOME, else the user database.
    public static var home: String { EnvironmentVariables.value("HOME") ?? SystemUser.current?.home ?? "/" }

    /// The descriptor's terminal, if it is one.
    public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Finds a program as the shell does: a path with a slash is taken as it is, a name is looked for in PATH.
    public static func findProgram(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let path = EnvironmentVariables.value("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let candidate = "\(directory)/\(name)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }

    /// True when a TCP port can be bound just now: of this IPv4 address, of 127.0.0.1 for every other host.
    public static func isPortFree(_ port: UInt16, at host: String = "127.0.0.1") -> Bool { bind(port, host) != nil }

    /// A TCP port on 127.0.0.1 that nobody uses just now.
    public static func freePort() -> UInt16? { bind(0) }

    private static func bind(_ port: UInt16, _ host: String = "127.0.0.1") -> UInt16? {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var yes: Int32 = 1
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        if host == "0.0.0.0" || inet_pton(AF_INET, host, &address.sin_addr) != 1 {
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        }
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                guard Glibc.bind(fd, generic, size) == 0, getsockname(fd, generic, &size) == 0 else { return nil }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
        }
    }
}

/// The environment.
public enum EnvironmentVariables {
    /// A copy of all of them, as they are now.
    public static var current: [String: String] {
        var variables: [String: String] = [:]
        guard var next = cplatform_environment() else { return variables }
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }

    public static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
