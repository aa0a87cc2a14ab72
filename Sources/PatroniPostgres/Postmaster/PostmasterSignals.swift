// Telling the postmaster what to do: stop, reload, promote, die.

import Glibc
import PatroniCore
import PatroniPlatform

extension StopMode {
    /// The signal that means this mode to a postmaster (HA-315).
    public var signal: Int32 {
        switch self {
        case .smart: SIGTERM
        case .fast: SIGINT
        case .immediate: SIGQUIT
        }
    }
}

extension Postmaster {
    /// Tells the server to stop without waiting; true when it is gone already.
    public func signalStop(_ mode: StopMode) throws(PostmasterError) -> Bool { !(try send(mode.signal)) }

    /// Stops the server and waits for its end until the deadline.
    public func stop(_ mode: StopMode, by deadline: Moment) async -> StopOutcome {
        do throws(PostmasterError) {
            if try signalStop(mode) { return .stopped }
        } catch { return .failed(error.description) }
        return await process.waitForExit(by: deadline) ? .stopped : .stillRunning
    }

    /// Kills the postmaster and every process of it, without a checkpoint: the last resort (HA-147). It is stopped
    /// first so that it can't start others meanwhile.
    public func kill(by deadline: Moment) async -> StopOutcome {
        let handle = process
        let children = await offPool { () -> [ProcessHandle] in
            _ = try? handle.send(SIGSTOP)
            return ProcessTable.descendants(of: handle.pid).compactMap { ProcessHandle(pid: $0.pid) }
        }
        do throws(PostmasterError) { _ = try send(SIGKILL) } catch { return .failed(error.description) }
        for child in children { _ = try? child.send(SIGKILL) }
        for process in [handle] + children where !(await process.waitForExit(by: deadline)) { return .stillRunning }
        return .stopped
    }

    /// Makes the server read its configuration files again.
    public func reload() throws(PostmasterError) { try send(SIGHUP, or: "PostgreSQL is not running") }

    /// Reminds the startup process of a promote request or a new upstream: it can oversee either for
    /// `wal_retrieve_retry_interval` (5 s) when it comes at the wrong moment.
    public func nudge() throws(PostmasterError) { try send(SIGHUP, or: "PostgreSQL is not running") }

    /// Asks a standby to become a primary, as `pg_ctl promote --no-wait` does (HA-317).
    ///
    /// The last question comes when the file is written, which takes long on a slow disk or a machine that sleeps. False
    /// when the answer is no: nothing was asked.
    @discardableResult
    public func promote(if isStillWanted: @escaping @Sendable () -> Bool = { true }) async throws(PostmasterError)
        -> Bool
    {
        let path = dataDirectory + "/promote"
        let result = await offPool { () -> Result<Void, PostmasterError> in
            do throws(FileError) { return .success(try DurableFile.write(path, "")) } catch {
                return .failure(PostmasterError(error.description))
            }
        }
        try result.get()
        guard isStillWanted() else {
            _ = await offPool { unlink(path) }
            return false
        }
        try send(SIGUSR1, or: "PostgreSQL is not running")
        return true
    }

    private func send(_ signal: Int32, or complaint: String) throws(PostmasterError) {
        if !(try send(signal)) { throw PostmasterError(complaint) }
    }

    /// False when the process is gone.
    private func send(_ signal: Int32) throws(PostmasterError) -> Bool {
        do throws(Errno) { return try process.send(signal) } catch {
            throw PostmasterError("could not signal the postmaster (pid \(pid)): \(error)")
        }
    }
}
