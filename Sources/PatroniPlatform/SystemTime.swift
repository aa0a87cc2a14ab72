// The only place that reads a clock.

import Glibc
import PatroniCore

/// Where time comes from; the simulator has its own.
public protocol TimeSource: Sendable {
    var now: Moment { get }
    var wallTime: WallTime { get }
    /// Returns early, without an error, when the task is cancelled.
    func sleep(until deadline: Moment) async
    /// Calls `ring` at `deadline` unless it is called off before. One that is called off may still ring.
    func alarm(at deadline: Moment, _ ring: @escaping @Sendable () -> Void) -> Alarm
}

/// What rings at its time.
public struct Alarm: Sendable {
    private let off: @Sendable () -> Void

    public init(callOff: @escaping @Sendable () -> Void) { off = callOff }

    public func callOff() { off() }
}

extension TimeSource {
    public func alarm(at deadline: Moment, _ ring: @escaping @Sendable () -> Void) -> Alarm { sleeper(deadline, ring) }

    /// An alarm that is a task which sleeps till then.
    public func sleeper(_ deadline: Moment, _ ring: @escaping @Sendable () -> Void) -> Alarm {
        let task = Task {
            await sleep(until: deadline)
            ring()
        }
        return Alarm { task.cancel() }
    }
}

/// The machine's clocks.
public struct SystemTime: TimeSource {
    public init() {}

    /// `CLOCK_BOOTTIME`: goes on while the machine sleeps, so that a lease is never believed after a suspend.
    public var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    public var wallTime: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    /// What this process has used of the processors so far.
    public static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    public func sleep(until deadline: Moment) async {
        let left = deadline - now
        if left > .zero { try? await Task.sleep(for: left) }
    }
}
