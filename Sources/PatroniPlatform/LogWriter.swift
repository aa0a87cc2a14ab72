// Lines on their way to standard error or a file: a bounded queue and one thread that may block
// (HA-344, HA-346).

import Dispatch
import Glibc
import PatroniCore
import Synchronization

/// Where lines go.
struct LogTarget: Sendable, Equatable {
    /// Nil: standard error.
    var directory: String?
    /// A new file begins before this many bytes are passed.
    var fileSize = 25_000_000
    /// How many old files are kept.
    var fileCount = 4
    var mode: Int?

    var path: String? { directory.map { $0 + "/patroni.log" } }
}

/// Takes lines from any thread without waiting for the disk or a reader of our standard error.
final class LogWriter: Sendable {
    private struct State {
        var lines: [String] = []
        var target = LogTarget()
        var isTargetNew = false
        var limit = 1000
        var lost = 0
        /// The thread is writing lines it has already taken from the queue.
        var isWriting = false
        var hasThread = false
    }

    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)

    func configure(target: LogTarget, limit: Int) {
        state.withLock { state in
            state.limit = limit
            if state.target != target {
                state.target = target
                state.isTargetNew = true
            }
        }
    }

    /// Queues one line; counts it as lost when the queue is full (CFG-059).
    func write(_ line: String) {
        let needsThread = state.withLock { state -> Bool in
            if state.lines.count >= state.limit { state.lost += 1 } else { state.lines.append(line) }
            defer { state.hasThread = true }
            return !state.hasThread
        }
        if needsThread, OwnThread.start(name: "log", { self.run() }) != 0 {
            // Better slow than silent.
            state.withLock { $0.hasThread = false }
            drain(into: LogSink())
            return
        }
        wakeUp.signal()
    }

    /// Waits until everything queued so far is written, but not past the deadline.
    func flush(by deadline: Moment) {
        while SystemTime().now < deadline {
            if state.withLock({ $0.lines.isEmpty && !$0.isWriting || !$0.hasThread }) { return }
            OwnThread.pause(.milliseconds(1))
        }
    }

    private func run() {
        let sink = LogSink()
        while true {
            wakeUp.wait()
            drain(into: sink)
        }
    }

    private func drain(into sink: LogSink) {
        while true {
            let (lines, target, lost) = state.withLock { state -> ([String], LogTarget?, Int) in
                defer {
                    state.lines = []
                    state.lost = 0
                    state.isTargetNew = false
                }
                state.isWriting = !state.lines.isEmpty
                return (state.lines, state.isTargetNew ? state.target : nil, state.lost)
            }
            if let target { sink.open(target) }
            if lines.isEmpty { return }
            for line in lines { sink.write(line) }
            if lost > 0 { sink.write("\(lost) log lines were lost: they came faster than they could be written") }
            state.withLock { $0.isWriting = false }
        }
    }
}

/// The open file; only the writer's thread has one.
private final class LogSink {
    private var target = LogTarget()
    private var descriptor = STDERR_FILENO
    private var size = 0

    func open(_ target: LogTarget) {
        close()
        self.target = target
        reopen()
    }

    private func close() {
        if descriptor != STDERR_FILENO { Glibc.close(descriptor) }
        descriptor = STDERR_FILENO
    }

    private func reopen() {
        guard let path = target.path else { return }
        let opened = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard opened >= 0 else {
            put("cannot open \(path): \(String(cString: strerror(errno))); logging to standard error\n")
            return
        }
        if let mode = target.mode { fchmod(opened, mode_t(mode)) }
        descriptor = opened
        var info = stat()
        size = fstat(opened, &info) == 0 ? Int(info.st_size) : 0
    }

    func write(_ line: String) {
        let text = line + "\n"
        if descriptor != STDERR_FILENO {
            let length = text.utf8.count
            if size > 0, size + length >= target.fileSize { rotate() }
            size += length
        }
        put(text)
    }

    /// `patroni.log` becomes `patroni.log.1`, and so on; the oldest goes.
    private func rotate() {
        guard let path = target.path else { return }
        close()
        if target.fileCount == 0 {
            unlink(path)
        } else {
            for number in stride(from: target.fileCount - 1, to: 0, by: -1) {
                rename("\(path).\(number)", "\(path).\(number + 1)")
            }
            rename(path, "\(path).1")
        }
        reopen()
    }

    /// One write a line, so that lines of several processes don't mix.
    private func put(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    // Somebody else made our standard error non-blocking.
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&entry, 1, 1000)
                    continue
                }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}
