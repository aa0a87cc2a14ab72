// Starts the next turn: an event at once, or the clock when nothing happens.

import PatroniCore
import PatroniPlatform
import Synchronization

/// Collects events between turns. Any number of them start one turn. One task waits at a time.
final class WakeUps: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Void, Never>?
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
        waiter?.resume()
    }

    /// Returns when somebody calls ``wake()``, at once if somebody has, or at `deadline`.
    func wait(until deadline: Moment, time: any TimeSource) async {
        let number = state.withLock { state in
            state.wait += 1
            state.isExpired = false
            return state.wait
        }
        let alarm = Task { [self] in
            await time.sleep(until: deadline)
            expire(number)
        }
        await withCheckedContinuation { continuation in
            let resumesNow = state.withLock { state in
                if state.isPending || state.isExpired {
                    state.isPending = false
                    return true
                }
                state.waiter = continuation
                return false
            }
            if resumesNow { continuation.resume() }
        }
        alarm.cancel()
    }

    private func expire(_ number: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.wait == number else { return nil }
            defer { state.waiter = nil }
            state.isExpired = true
            return state.waiter
        }
        waiter?.resume()
    }
}
