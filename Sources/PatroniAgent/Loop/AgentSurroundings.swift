// What the agent touches besides its ports: the configuration's files and the program's log.

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

/// The machine's.
struct RealSurroundings: AgentSurroundings {
    func load(_ loader: ConfigurationLoader) async throws(ConfigurationError) -> LocalConfiguration {
        try await offPool { () throws(ConfigurationError) in try loader.load() }
    }

    /// A dead disk must not hold up the turn.
    func remember(_ copy: ConfigurationKeeper.Copy, by deadline: Moment, time: any TimeSource) async -> String? {
        let result = await offPool(by: deadline, time: time) { () -> FileError? in
            do throws(FileError) { try DurableFile.write(copy.path, copy.text) } catch { return error }
            return nil
        }
        return (result ?? nil).map { "\($0)" }
    }

    func configureLog(_ options: LogOptions) { LogSystem.configure(options) }
}

/// Sees what an agent decides and believes, at the moment when it does. For records and for the simulator's checks.
package protocol AgentWitness: Sendable {
    func decided(_ verdict: Verdict, in turn: Turn)
    func believes(in lease: Lease)
}
