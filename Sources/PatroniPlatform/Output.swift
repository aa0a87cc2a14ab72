// Text for people that is no log line: written whole, however the descriptor takes it.

import Glibc

public enum Output {
    /// Writes all of it, or as much as the other side takes before it goes away.
    public static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// One line to standard error.
    public static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }
}

extension Machine {
    public static var isSuperuser: Bool { geteuid() == 0 }
}
