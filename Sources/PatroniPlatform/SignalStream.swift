// Signals as a stream of values.

import CPlatform
import Glibc
import PatroniCore

/// The signals the program listens to.
public enum ProcessSignal: Sendable, Hashable, CaseIterable {
    case hangUp, interrupt, quit, userOne, userTwo, terminate
    /// A child of ours, or one that we inherited, has ended.
    case childEnded

    public var number: Int32 {
        switch self {
        case .hangUp: SIGHUP
        case .interrupt: SIGINT
        case .quit: SIGQUIT
        case .userOne: SIGUSR1
        case .userTwo: SIGUSR2
        case .terminate: SIGTERM
        case .childEnded: SIGCHLD
        }
    }

    public init?(number: UInt8) {
        guard let signal = Self.allCases.first(where: { $0.number == Int32(number) }) else { return nil }
        self = signal
    }
}

/// Turns signals into values. One stream at a time for the whole process, as signal handlers are.
///
/// A handler that writes to a pipe, rather than ignoring the signals and asking Dispatch: programs we start get the
/// defaults back by themselves, an ignored signal would stay ignored in them.
public enum SignalStream {
    /// Starts listening; the stream keeps the newest 64 signals. SIGPIPE is ignored from now on.
    public static func start(_ signals: [ProcessSignal]) throws(Errno) -> AsyncStream<ProcessSignal> {
        var ends: [Int32] = [-1, -1]
        guard cplatform_pipe(&ends) == 0 else { throw .last }
        let (reading, writing) = (Descriptor(ends[0]), Descriptor(ends[1]))
        // A handler must never wait, even when nobody reads.
        guard fcntl(writing.fd, F_SETFL, O_NONBLOCK) == 0 else { throw .last }
        let (stream, continuation) = AsyncStream.makeStream(
            of: ProcessSignal.self, bufferingPolicy: .bufferingNewest(64))
        let code = OwnThread.start(name: "signals", stackBytes: 64 * 1024) {
            var bytes = [UInt8](repeating: 0, count: 64)
            while true {
                let count = read(reading.fd, &bytes, bytes.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return continuation.finish() }
                for byte in bytes.prefix(count) {
                    if let signal = ProcessSignal(number: byte) { continuation.yield(signal) }
                }
            }
        }
        if code != 0 { throw Errno(code) }
        cplatform_signal_ignore(SIGPIPE)
        for signal in signals {
            let code = cplatform_signal_to_descriptor(signal.number, writing.fd)
            if code != 0 { throw Errno(code) }
        }
        // Keeps the writing end open until then; closing it ends the thread.
        continuation.onTermination = { @Sendable _ in
            for signal in signals { cplatform_signal_default(signal.number) }
            withExtendedLifetime(writing) {}
        }
        return stream
    }
}
