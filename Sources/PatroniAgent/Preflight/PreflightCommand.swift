// `patroni preflight CONFIG`: could a member start here and now, and if not, what is missing?

import ArgumentParser
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform

/// Exit status 0: nothing is in the way; 1: something is.
struct PreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patroni preflight", abstract: "Check what a member needs, before it starts; nothing is changed.",
        discussion: """
            Looks at the user, the programs, the data directory and its volume, ports, places to write to, the store \
            and how fast it answers, clocks, rights in Kubernetes. Exit status: 0 ready, 1 not ready.
            """)

    @Argument(help: "The configuration file, or a directory of them, as patroni itself gets it.")
    var configfile: String?

    @Flag(help: "Print one JSON document instead.")
    var json = false

    @Option(help: "Seconds that the store may take in all.")
    var timeout = 15

    func run() async throws {
        LogSystem.bootstrap(LogSettings().options)
        let report = await report()
        Output.write(json ? report.json.text(.spaced) + "\n" : report.text, to: 1)
        if report.status != 0 { throw ExitCode(report.status) }
    }

    private func report() async -> PreflightReport {
        let configuration: ConfigurationKeeper
        do throws(ConfigurationError) {
            let loader = ConfigurationLoader(path: configfile)
            configuration = try ConfigurationKeeper(loader: loader, loaded: try loader.load(), home: Machine.home)
        } catch {
            return PreflightReport([Finding("configuration", .bad, "\(error)")])
        }
        return await Preflight(configuration, patience: .seconds(Int64(max(1, timeout)))).run()
    }
}
