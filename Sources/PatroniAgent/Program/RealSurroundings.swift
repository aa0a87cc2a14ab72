// The machine's files and log, as the agent's loop uses them.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform

/// What is really there; a simulator has its own.
package struct RealSurroundings: AgentSurroundings {
    package init() {}

    package func load(_ loader: ConfigurationLoader) async throws(ConfigurationError) -> LocalConfiguration {
        try await offPool { () throws(ConfigurationError) in try loader.load() }
    }

    /// A dead disk must not hold up the turn.
    package func remember(_ copy: ConfigurationKeeper.Copy, by deadline: Moment, time: any TimeSource) async -> String?
    {
        let result = await offPool(by: deadline, time: time) { () -> FileError? in
            do throws(FileError) { try DurableFile.write(copy.path, copy.text) } catch { return error }
            return nil
        }
        return (result ?? nil).map { "\($0)" }
    }

    package func configureLog(_ options: LogOptions) { LogSystem.configure(options) }
}
