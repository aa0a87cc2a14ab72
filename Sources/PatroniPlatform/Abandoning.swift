// Not waiting any longer for what can't be stopped.

import PatroniCore
import Synchronization

/// Runs `work` in a task of its own and waits for it until the deadline; then nil, and the work goes on alone (it is
/// cancelled, but may not notice). For what can be held up by a dead disk, a name server or C code.
@inlinable
public func abandoning<Value: Sendable>(
    by deadline: Moment, time: any TimeSource = SystemTime(), _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    let answer = PendingAnswer<Value>()
    let task = Task { answer.give(await work()) }
    return await withTaskCancellationHandler {
        defer { task.cancel() }
        return await answer.value(by: deadline, time: time)
    } onCancel: {
        task.cancel()
    }
}

/// An answer that any number wait for, each no longer than it wants to.
public final class PendingAnswer<Value: Sendable>: Sendable {
    @usableFromInline
    struct State {
        @usableFromInline var value: Value?
        @usableFromInline var waiters: [(number: Int, continuation: CheckedContinuation<Value?, Never>)] = []
        /// Which wait is which: an alarm that comes too late must not end another.
        @usableFromInline var last = 0

        @inlinable init() {}
    }

    @usableFromInline let state: Mutex<State>

    /// Nobody has given it yet.
    @inlinable public init() { state = Mutex(State()) }

    /// To everybody who waits, and to whoever will.
    @inlinable
    public func give(_ value: Value) {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            state.value = value
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: value) }
    }

    /// Nil at the deadline.
    @inlinable
    public func value(by deadline: Moment, time: any TimeSource) async -> Value? {
        var alarm: Alarm?
        defer { alarm?.callOff() }
        return await withCheckedContinuation { continuation in
            let (value, number) = state.withLock { state in
                state.last += 1
                if state.value == nil { state.waiters.append((state.last, continuation)) }
                return (state.value, state.last)
            }
            if let value { return continuation.resume(returning: value) }
            alarm = time.alarm(at: deadline) { [self] in giveUp(number) }
        }
    }

    @inlinable
    func giveUp(_ number: Int) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: nil)
    }
}
