// The one event loop of the process: servers and clients share it, so that the agent stays small.

import NIOPosix

/// Where all network traffic of this process runs.
public enum PatroniEventLoop {
    /// One thread, made at first use and kept until the process ends.
    public static let shared = MultiThreadedEventLoopGroup(numberOfThreads: 1)
}
