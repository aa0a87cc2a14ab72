// Not waiting any longer for what can't be stopped.

import PatroniCore
import Synchronization

/// Runs `work` in a task of its own and waits for it until the deadline; then nil, and the work goes on alone (it is
/// cancelled, but may not notice). For what can be held up by a dead disk, a name server or C code.
public func abandoning<Value: Sendable>(
    by deadline: Moment, time: any TimeSource = SystemTime(), _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    let answer = OneAnswer<Value>()
    let task = Task { answer.give(await work()) }
    let timer = Task {
        await time.sleep(until: deadline)
        answer.give(nil)
    }
    return await withTaskCancellationHandler {
        defer {
            timer.cancel()
            task.cancel()
        }
        return await answer.wait()
    } onCancel: {
        task.cancel()
    }
}

/// The first of several answers; later ones are dropped.
final class OneAnswer<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value?, Never>)
        case given(Value?)
    }

    private let state = Mutex(State.open)

    func give(_ value: Value?) {
        let waiter = state.withLock { state -> CheckedContinuation<Value?, Never>? in
            if case .given = state { return nil }
            defer { state = .given(value) }
            if case .awaited(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume(returning: value)
    }

    func wait() async -> Value? {
        await withCheckedContinuation { continuation in
            let given = state.withLock { state -> Value?? in
                if case .given(let value) = state { return .some(value) }
                state = .awaited(continuation)
                return nil
            }
            if let given { continuation.resume(returning: given) }
        }
    }
}
