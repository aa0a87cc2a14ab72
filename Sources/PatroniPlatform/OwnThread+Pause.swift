// Waiting on a thread of our own, where there is no task to suspend.

import Glibc
import PatroniCore

extension OwnThread {
    /// Blocks the calling thread. Never on the cooperative pool: only in blocking code of an actor with its own thread.
    public static func pause(_ duration: Duration) {
        usleep(UInt32(clamping: duration.inNanoseconds / 1000))
    }
}
