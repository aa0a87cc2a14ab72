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
        var isExpired = false
    }

    private let state = Mutex(State())

    /// Start a turn as soon as the current one has ended.
    func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            state.isPending = state.waiter == nil
            return state.waiter
        }
        waiter?.resume(returning: true)
    }

    /// Returns when somebody calls ``wake()``, at once if somebody has, or at `deadline`. True: somebody called.
    @discardableResult func wait(until deadline: Moment, time: any TimeSource) async -> Bool {
        let number = state.withLock { state in
            state.wait += 1
            state.isExpired = false
            return state.wait
        }
        let alarm = Task { [self] in
            await time.sleep(until: deadline)
            expire(number)
        }
        let wasCalled = await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> Bool? in
                if state.isPending || state.isExpired {
                    defer { state.isPending = false }
                    return state.isPending
                }
                state.waiter = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        alarm.cancel()
        return wasCalled
    }

    private func expire(_ number: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard state.wait == number else { return nil }
            defer { state.waiter = nil }
            state.isExpired = true
            return state.waiter
        }
        waiter?.resume(returning: false)
    }
}
