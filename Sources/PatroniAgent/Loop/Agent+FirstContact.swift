// Before the first turn: the store must be there, and our name free.

import Logging
import PatroniCore
import PatroniDCS
import PatroniPlatform

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
                await pause(until: now + .seconds(5))
            }
        }
        return false
    }
}

/// The agent can't start; one line for the operator.
package struct StartFailure: Error, Sendable, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}
