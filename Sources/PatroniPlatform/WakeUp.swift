// Waking a thread that waits in poll(2).

import CPlatform
import Glibc

/// A descriptor to poll on that any thread can make readable.
public final class WakeUp: Sendable {
    public let descriptor: Int32

    public init?() {
        descriptor = cplatform_eventfd()
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    public func signal() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    public func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}
