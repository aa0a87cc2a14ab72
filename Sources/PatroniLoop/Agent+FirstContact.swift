// Before the first turn: the store must be there, and our name free.

import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    /// Waits for the store as long as it takes, then makes sure that nobody runs under our name (HA-369, DCS-058,
    /// DCS-059). False when asked to end meanwhile.
    package func firstContact() async throws(StartFailure) -> Bool {
        await parts.store.setTimings(
            ttl: settings.ttl, loopWait: settings.loopWait, retryTimeout: settings.retryTimeout)
        while !isShuttingDown {
            do throws(StoreFailure) {
                let cluster = try await parts.store.readCluster(by: now + settings.retryTimeout)
                if let twin = cluster.member(me), await parts.members.isAlive(twin, by: now + .seconds(3)) {
                    throw StoreFailure(.denied, "Can't start; there is already a node named '\(me)' running")
                }
                return true
            } catch {
                if error.kind == .denied { throw StartFailure(error.description) }
                log.error("waiting on DCS: \(error)")
                await stopUnaccompanied()
                await pause(until: now + .seconds(5))
            }
        }
        return false
    }

    /// A primary that an earlier agent has left running: nobody knows how long the store has not heard of it, so another
    /// may lead by now. In maintenance mode, as far as remembered, nobody takes its place. One that doesn't answer may do
    /// so again when another leads.
    private func stopUnaccompanied() async {
        guard !settings.isPaused, !isShuttingDown else { return }
        look = await lookInTime(since: now)
        guard look.mayBeWritable else { return }
        log.error("PostgreSQL runs as a primary and the store can't say who leads: stopping it")
        do throws(JobFailure) { try await stopForGood(.fast) } catch {
            log.error("PostgreSQL could not be stopped: \(error)")
        }
    }
}

/// The agent can't start; one line for the operator.
package struct StartFailure: Error, Sendable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
