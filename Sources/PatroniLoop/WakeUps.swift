// Starts the next turn: an event at once, or the clock when nothing happens.

import PatroniCore
import PatroniPlatform
import Synchronization

/// Collects events between turns. Any number of them start one turn. One task waits at a time.
final class WakeUps: Sendable {
    private struct State {
        var isPending = false
        /// Told whether somebody called.
        var waiter: CheckedContinuation<Bool, Never>?
        /// Which wait this is: an alarm that comes too late must not end the next one.
        var wait = 0
    }

    private let state = Mutex(State())

    /// Start a turn as soon as the current one has ended.
    func wake() {
        let waiter = state.withLock { state in
            state.isPending = state.waiter == nil
            return state.waiter.take()
        }
        waiter?.resume(returning: true)
    }

    /// Returns when somebody calls ``wake()``, at once if somebody has, or at `deadline`. True: somebody called.
    @discardableResult func wait(until deadline: Moment, time: any TimeSource) async -> Bool {
        var alarm: Alarm?
        defer { alarm?.callOff() }
        return await withCheckedContinuation { continuation in
            let number = state.withLock { state -> Int? in
                state.wait += 1
                if state.isPending {
                    state.isPending = false
                    return nil
                }
                state.waiter = continuation
                return state.wait
            }
            guard let number else { return continuation.resume(returning: true) }
            alarm = time.alarm(at: deadline) { [self] in expire(number) }
        }
    }

    private func expire(_ number: Int) {
        let waiter = state.withLock { state in state.wait == number ? state.waiter.take() : nil }
        waiter?.resume(returning: false)
    }
}
