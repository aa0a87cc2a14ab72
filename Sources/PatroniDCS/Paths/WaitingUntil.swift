// A wait that ends by its deadline even if the work does not.

import PatroniCore
import PatroniPlatform
import Synchronization

/// Nil when the deadline came first. The work is then left behind: it must notice by itself that it is too late.
func waiting<Value: Sendable>(
    until deadline: Moment, _ time: any TimeSource, _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    let once = Once<Value?>()
    return await withCheckedContinuation { continuation in
        once.waiter.withLock { $0 = continuation }
        let alarm = Task {
            await time.sleep(until: deadline)
            if !Task.isCancelled { once.resume(nil) }
        }
        Task {
            once.resume(await work())
            alarm.cancel()
        }
    }
}

private final class Once<Value: Sendable>: Sendable {
    let waiter = Mutex<CheckedContinuation<Value, Never>?>(nil)

    func resume(_ value: Value) {
        let continuation = waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        continuation?.resume(returning: value)
    }
}
