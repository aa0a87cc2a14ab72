// Threads of our own, for calls that block: the cooperative pool has as few threads as the machine has cores.

import CPlatform
import Dispatch
import PatroniCore
import Synchronization

/// A thread of the operating system that runs one closure and ends.
public enum OwnThread {
    /// Returns an errno when the system has no thread to give.
    @discardableResult
    public static func start(
        name: String, stackBytes: Int = 256 * 1024, _ body: @escaping @Sendable () -> Void
    ) -> Int32 {
        let box = Unmanaged.passRetained(ClosureBox(body))
        let code = name.withCString { name in
            cplatform_thread_start(
                name, stackBytes,
                { context in
                    guard let context else { return }
                    Unmanaged<ClosureBox>.fromOpaque(context).takeRetainedValue().body()
                }, box.toOpaque())
        }
        if code != 0 { box.release() }
        return code
    }

    private final class ClosureBox: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

/// An actor's executor with a thread of its own: the actor may block without stopping anybody else.
///
/// The thread keeps the executor alive until ``stop()``; the actor that owns it calls that in its `deinit`.
public final class ThreadExecutor: SerialExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var isStopped = false
    }

    private let queue = Mutex(Queue())
    private let thread = Atomic<Int32>(0)
    private let wakeUp = DispatchSemaphore(value: 0)

    /// `name` shows in `ps -T` and `top -H`, cut to 15 bytes.
    public init(name: String, stackBytes: Int = 256 * 1024) {
        let code = OwnThread.start(name: name, stackBytes: stackBytes) { [self] in run() }
        // Without its thread every call to the actor would hang silently; a crash says what is wrong.
        precondition(code == 0, "cannot start thread \(name): \(Errno(code).description)")
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.withLock { $0.jobs.append(unowned) }
        wakeUp.signal()
    }

    /// Stops the program when it is called from another thread: what blocks must never get onto the cooperative pool.
    public func preconditionOnThread() {
        let mine = thread.load(ordering: .relaxed)
        precondition(mine == Machine.threadID, "blocking work has left its own thread")
    }

    /// Ends the thread when what is queued has run.
    public func stop() {
        queue.withLock { $0.isStopped = true }
        wakeUp.signal()
    }

    private func run() {
        thread.store(Machine.threadID, ordering: .relaxed)
        while true {
            let (jobs, isStopped) = queue.withLock { queue in
                defer { queue.jobs.removeAll(keepingCapacity: true) }
                return (queue.jobs, queue.isStopped)
            }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
            if jobs.isEmpty {
                if isStopped { return }
                wakeUp.wait()
            }
        }
    }
}

/// Runs a short blocking call (a file, a directory) off the cooperative pool and returns what it gave.
public func offPool<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
        blockingCalls.async { @Sendable in
            do throws(Failure) { continuation.resume(returning: .success(try body())) } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }
    return try result.get()
}

/// As `offPool`, but gives up at the deadline with nil: the call goes on alone and its result is dropped. For what a
/// dead disk could hold for ever.
public func offPool<Value: Sendable>(
    by deadline: Moment, time: any TimeSource = SystemTime(), _ body: @escaping @Sendable () -> Value
) async -> Value? {
    let answer = PendingAnswer<Value>()
    blockingCalls.async { @Sendable in answer.give(body()) }
    return await answer.value(by: deadline, time: time)
}

/// Dispatch gives each quality of service its own threads, 64 at most: even if a dead disk holds all of these, events
/// (on the default queue) still arrive.
private let blockingCalls = DispatchQueue(label: "blocking calls", qos: .utility, attributes: .concurrent)
