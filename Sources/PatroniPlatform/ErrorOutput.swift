// Lines for people before there is a log.

import Glibc

public enum ErrorOutput {
    /// Writes one line to standard error.
    public static func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

extension Machine {
    public static var isSuperuser: Bool { geteuid() == 0 }
}
