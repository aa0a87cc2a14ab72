// What else the loop touches: the configuration's files and the program's log.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// Files and log of one agent; a simulator has its own.
package protocol AgentSurroundings: Sendable {
    func load(_ loader: ConfigurationLoader) async throws(ConfigurationError) -> LocalConfiguration
    /// Keeps the dynamic configuration beside the data; the problem when it could not.
    func remember(_ copy: ConfigurationKeeper.Copy, by deadline: Moment, time: any TimeSource) async -> String?
    func configureLog(_ options: LogOptions)
}

/// Sees what an agent decides and believes, at the moment when it does. For records and for the simulator's checks.
package protocol AgentWitness: Sendable {
    func decided(_ verdict: Verdict, in turn: Turn)
    func believes(in lease: Lease)
}
