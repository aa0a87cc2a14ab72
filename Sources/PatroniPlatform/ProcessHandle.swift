// A running process, ours or not: noticing its end at once, and signalling it without ever hitting another.

import CPlatform
import Dispatch
import Glibc
import PatroniCore
import Synchronization

/// Holds on to one process by its pidfd. The end is noticed at exit, not when somebody reaps the zombie.
public final class ProcessHandle: Sendable {
    public let pid: Int32
    /// Tells this process from a later one with the same pid.
    public let startTicks: UInt64?
    private let descriptor: Descriptor?
    private let isOurChild: Bool
    private let state = Mutex(State())

    private struct State {
        var hasExited = false
        var exitStatus: Int32?
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var source: (any DispatchSourceRead)?
    }

    /// Nil when there is no such process, or only its zombie.
    ///
    /// `isOurChild`: we started it, so we reap it when it ends; nobody else's exit status is ever taken.
    public init?(pid: Int32, isOurChild: Bool = false) {
        guard pid > 0 else { return nil }
        let fd = cplatform_pidfd_open(pid)
        if fd < 0, errno == ESRCH || errno == EINVAL { return nil }
        // Kernels before 5.3 and some containers have no pidfd: then /proc is asked from time to time.
        descriptor = fd < 0 ? nil : Descriptor(fd)
        self.pid = pid
        self.isOurChild = isOurChild
        let entry = ProcessTable.entry(pid)
        startTicks = entry?.startTicks
        if !isOurChild, entry?.isAlive != true { return nil }
    }

    deinit {
        // The source holds no reference to us; cancelling releases the descriptor through its handler.
        state.withLock { $0.source?.cancel() }
    }

    /// True from the moment of exit, even while the process is still a zombie.
    public var hasExited: Bool {
        if state.withLock({ $0.hasExited }) { return true }
        guard isGone else { return false }
        finish()
        return true
    }

    /// As waitpid(2) gives it; only known of our own children, once they have exited.
    public var exitStatus: Int32? { hasExited ? state.withLock { $0.exitStatus } : nil }

    private var isGone: Bool {
        if let descriptor {
            var poll = pollfd(fd: descriptor.fd, events: Int16(POLLIN), revents: 0)
            return Glibc.poll(&poll, 1, 0) > 0
        }
        guard let entry = ProcessTable.entry(pid), entry.isAlive else { return true }
        return startTicks.map { $0 != entry.startTicks } ?? false
    }

    /// Returns when the process has exited, or early when the task is cancelled.
    public func waitForExit() async {
        guard descriptor != nil else { return await pollForExit() }
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if state.hasExited || Task.isCancelled { return true }
                    state.waiters[waiter] = continuation
                    startWatching(&state)
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume()
        }
    }

    /// Waits for the exit until the deadline; true when the process is gone.
    public func waitForExit(by deadline: Moment, time: any TimeSource = SystemTime()) async -> Bool {
        if hasExited { return true }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForExit() }
            group.addTask { await time.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
        return hasExited
    }

    /// Sends a signal; false when the process is gone already.
    public func send(_ signal: Int32) throws(Errno) -> Bool {
        if hasExited { return false }
        let result = descriptor.map { cplatform_pidfd_send_signal($0.fd, signal) } ?? kill(pid, signal)
        if result == 0 { return true }
        let error = Errno.last
        if error == .noSuchProcess { return false }
        throw error
    }

    private func startWatching(_ state: inout State) {
        guard state.source == nil, let descriptor else { return }
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor.fd, queue: .global())
        source.setEventHandler { @Sendable [weak self] in self?.finish() }
        // The descriptor must stay open until the source has let go of it.
        source.setCancelHandler { @Sendable in withExtendedLifetime(descriptor) {} }
        state.source = source
        source.activate()
    }

    private func finish() {
        let waiters = state.withLock { state in
            if isOurChild, !state.hasExited {
                var status: Int32 = 0
                if waitpid(pid, &status, WNOHANG) == pid { state.exitStatus = status }
            }
            state.hasExited = true
            state.source?.cancel()
            state.source = nil
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    private func pollForExit() async {
        let time = SystemTime()
        while !hasExited, !Task.isCancelled { await time.sleep(until: time.now + .milliseconds(50)) }
    }
}

/// A file descriptor that is closed when nobody needs it.
final class Descriptor: Sendable {
    let fd: Int32
    init(_ fd: Int32) { self.fd = fd }
    deinit { close(fd) }
}
