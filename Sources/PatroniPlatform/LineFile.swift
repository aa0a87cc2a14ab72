// A bounded file of lines, written by a thread of its own: whoever has a line never waits for the disk.

import Dispatch
import Glibc
import PatroniCore
import Synchronization

/// Takes lines from any thread. The file and one older one hold at most twice `size` bytes. What can't be written is
/// lost; the first time somebody hears of it.
public final class LineFile: Sendable {
    /// Where, and how large one file gets.
    public struct Place: Sendable, Hashable {
        public var path: String
        public var size: Int

        public init(path: String, size: Int) {
            self.path = path
            self.size = size
        }
    }

    /// Makes its text on the writing thread; nil: there is nothing to write after all.
    public typealias Line = @Sendable () -> String?

    private struct State {
        var lines: [Line] = []
        var place: Place?
        var lost = 0
        var isWriting = false
        var hasThread = false
    }

    private let state: Mutex<State>
    private let wakeUp = DispatchSemaphore(value: 0)
    private let limit: Int
    /// Called on the writing thread, once for a row of failures.
    private let trouble: @Sendable (String) -> Void

    /// No place: lines are dropped. At most `limit` lines wait.
    public init(_ place: Place?, limit: Int = 256, trouble: @escaping @Sendable (String) -> Void) {
        state = Mutex(State(place: place))
        self.limit = limit
        self.trouble = trouble
    }

    /// Writes there from now on.
    public func use(_ place: Place?) { state.withLock { $0.place = place } }

    /// Queues a line; drops it when too many wait, or when there is nowhere to write.
    public func write(_ line: @escaping Line) {
        let needsThread = state.withLock { state -> Bool? in
            guard state.place != nil else { return nil }
            guard state.lines.count < limit else {
                state.lost += 1
                return false
            }
            state.lines.append(line)
            defer { state.hasThread = true }
            return !state.hasThread
        }
        guard let needsThread else { return }
        if needsThread, OwnThread.start(name: "record", { self.run() }) != 0 {
            state.withLock { state in
                state.hasThread = false
                state.lost += state.lines.count
                state.lines = []
            }
            return
        }
        wakeUp.signal()
    }

    /// Waits until everything queued so far is written, but not past the deadline.
    public func flush(by deadline: Moment) {
        while SystemTime().now < deadline {
            if state.withLock({ $0.lines.isEmpty && !$0.isWriting }) { return }
            OwnThread.pause(.milliseconds(1))
        }
    }

    private func run() {
        let file = OpenLineFile()
        var isInTrouble = false
        while true {
            wakeUp.wait()
            while let (lines, place, lost) = next() {
                var problem: String?
                for line in lines {
                    guard let text = line() else { continue }
                    do throws(FileError) { try file.append(text, place) } catch { problem = problem ?? "\(error)" }
                }
                if lost > 0 { problem = problem ?? "\(lost) lines came faster than they could be written" }
                if let problem, !isInTrouble { trouble(problem) }
                isInTrouble = problem != nil
                state.withLock { $0.isWriting = false }
            }
        }
    }

    private func next() -> ([Line], Place, Int)? {
        state.withLock { state in
            guard let place = state.place, !state.lines.isEmpty else {
                state.lines = []
                return nil
            }
            defer {
                state.lines = []
                state.lost = 0
                state.isWriting = true
            }
            return (state.lines, place, state.lost)
        }
    }
}

/// The open file; only the writing thread has one.
private final class OpenLineFile {
    private var place: LineFile.Place?
    private var descriptor: Int32 = -1
    private var size = 0
    /// The file ends in the middle of a line: a crash or a full disk cut it off.
    private var isTorn = false

    func append(_ line: String, _ place: LineFile.Place) throws(FileError) {
        if place.path != self.place?.path || !isStillThere { close() }
        self.place = place
        if descriptor < 0 { try open(place.path) }
        let bytes = Array(((isTorn ? "\n" : "") + line + "\n").utf8)
        if size > 0, size + bytes.count > place.size {
            try rotate(place.path)
        }
        try write(bytes, place.path)
    }

    private func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Somebody may have moved the file away, or removed it.
    private var isStillThere: Bool {
        var (open, named) = (stat(), stat())
        guard descriptor >= 0, let path = place?.path, fstat(descriptor, &open) == 0, stat(path, &named) == 0 else {
            return false
        }
        return open.st_ino == named.st_ino && open.st_dev == named.st_dev
    }

    private func open(_ path: String) throws(FileError) {
        let opened = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard opened >= 0 else { throw FileError("open", path, .last) }
        var info = stat()
        guard fstat(opened, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(opened)
            throw FileError("write", path, Errno(EINVAL))
        }
        descriptor = opened
        size = Int(info.st_size)
        var last: UInt8 = 0
        isTorn = size > 0 && pread(descriptor, &last, 1, off_t(size - 1)) == 1 && last != UInt8(ascii: "\n")
    }

    /// The file becomes the older one, and what was that goes.
    private func rotate(_ path: String) throws(FileError) {
        close()
        guard rename(path, path + ".1") == 0 else { throw FileError("rename", path, .last) }
        try open(path)
    }

    private func write(_ bytes: [UInt8], _ path: String) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = FileError("write", path, .last)
                size += written
                isTorn = isTorn || written > 0
                throw error
            }
            written += count
        }
        size += written
        isTorn = false
    }
}
