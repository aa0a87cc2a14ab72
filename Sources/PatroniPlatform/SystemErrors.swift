// The operating system's error numbers as values with their text.

import Glibc

/// An errno.
public struct Errno: Sendable, Hashable, Error, CustomStringConvertible {
    public let code: Int32

    public init(_ code: Int32) { self.code = code }

    /// What the last failed call left; read it at once.
    public static var last: Errno { Errno(errno) }

    public static let notFound = Errno(ENOENT)
    public static let exists = Errno(EEXIST)
    public static let noSuchProcess = Errno(ESRCH)
    public static let notPermitted = Errno(EPERM)

    /// The C library's words, e.g. "No such file or directory".
    public var description: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return String(cString: buffer)
    }
}

extension String {
    init(cString buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
