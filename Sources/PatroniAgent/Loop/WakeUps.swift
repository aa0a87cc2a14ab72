// Starts the next turn: an event at once, or the clock when nothing happens.

import PatroniCore
import PatroniPlatform
import Synchronization

/// Collects events between turns. Any number of them start one turn.
final class WakeUps: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Void, Never>?
        var generation = 0
    }

    private let state = Mutex(State())

    /// Start a turn as soon as the current one has ended.
    func wake() {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            state.isPending = waiter == nil
            state.generation += 1
            return waiter
        }
        waiter?.resume()
    }

    /// Returns when somebody calls ``wake()``, at once if somebody has, or at `deadline`.
    func wait(until deadline: Moment, time: any TimeSource) async {
        let alarm = Task { [self] in
            await time.sleep(until: deadline)
            if !Task.isCancelled { wake() }
        }
        await withCheckedContinuation { continuation in
            let resumesNow = state.withLock { state in
                if state.isPending {
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
}
