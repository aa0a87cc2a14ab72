// The command line of `patroni`.

import ArgumentParser
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform

/// `patroni [options] [configfile]` (CFG-001, CFG-289 to CFG-297).
public struct PatroniCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "patroni", abstract: "Keeps one PostgreSQL server part of a highly available cluster.",
        discussion: """
            patroni replay FILE prints what a member has written down about its decisions, and checks that this version \
            decides the same; see patroni replay --help.
            patroni preflight CONFIG checks what a member needs before it starts; see patroni preflight --help.
            """,
        version: "patroni \(PatroniVersion.text)")

    @Argument(
        help: "The configuration file, or a directory of them; PATRONI_* variables lie over it.",
        completion: .file(extensions: ["yml", "yaml"]))
    var configfile: String?

    @Flag(help: "Check the configuration and end; status 0 when it is right.")
    var validateConfig = false

    public init() {}

    public func run() async throws {
        let configuration: ConfigurationKeeper
        do throws(ConfigurationError) {
            let loader = ConfigurationLoader(path: configfile)
            configuration = try ConfigurationKeeper(loader: loader, loaded: try loader.load(), home: Machine.home)
        } catch {
            Output.complain("patroni: \(error)")
            throw ExitCode(1)
        }
        if validateConfig { return }
        let status = await PatroniProgram(configuration).run()
        throw ExitCode(status)
    }

    /// What the executable calls.
    public static func start() async {
        // In a container: somebody has to reap and to pass signals on (HA-002).
        if Machine.processID == 1 { exit(withError: ExitCode(await FirstProcess().run())) }
        // Not a subcommand: every other first word is the name of a configuration file, as it always was.
        let arguments = CommandLine.arguments.dropFirst()
        switch arguments.first {
        case "replay": ReplayCommand.main(Array(arguments.dropFirst()))
        case "preflight": await PreflightCommand.main(Array(arguments.dropFirst()))
        default: await main()
        }
    }
}
