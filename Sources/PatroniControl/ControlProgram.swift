// From the process's arguments to an exit code.

import ArgumentParser
import Glibc
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

/// The program `patronictl`.
public enum ControlProgram {
    /// Runs the command that the process was started with, and ends the process.
    public static func main() async -> Never {
        // As click does on Ctrl-C; write and _exit are allowed in a signal handler.
        signal(SIGINT) { _ in
            _ = write(STDERR_FILENO, "\nAborted!\n", 10)
            _exit(1)
        }
        signal(SIGPIPE, SIG_IGN)
        let code = await run(
            Array(CommandLine.arguments.dropFirst()), environment: ProcessEnvironment.read(),
            terminal: StandardTerminal(), bootstrapsLog: true)
        exit(code)
    }

    /// Everything but the process around it. Returns the exit code (CTL-012).
    static func run(
        _ arguments: [String], environment: [String: String], terminal: any Terminal, bootstrapsLog: Bool = false
    ) async -> Int32 {
        let command: any ControlCommand
        switch parse(arguments, terminal) {
        case .command(let parsed): command = parsed
        case .done(let code): return code
        }
        if bootstrapsLog { LogSystem.bootstrap(logOptions(environment)) }
        let logger = Logger(label: "patronictl")
        do throws(ControlError) {
            let session = ControlSession(
                terminal: terminal, configuration: try configuration(command.patronictl, environment, logger),
                logger: logger)
            do throws(ControlError) { try await command.execute(session) } catch {
                await session.close()
                throw error
            }
            await session.close()
            return 0
        } catch {
            if bootstrapsLog { LogSystem.flush(within: .seconds(1)) }
            terminal.complain(error.message)
            return error.exitCode
        }
    }

    private enum Parsed {
        case command(any ControlCommand)
        case done(Int32)
    }

    private static func parse(_ arguments: [String], _ terminal: any Terminal) -> Parsed {
        do {
            let parsed = try Patronictl.parseAsRoot(arguments)
            if let command = parsed as? any ControlCommand { return .command(command) }
            // No command at all, or `--help`.
            var other = parsed
            if parsed is Patronictl {
                terminal.complain(Patronictl.helpMessage())
                return .done(2)
            }
            try other.run()
            return .done(0)
        } catch {
            let text = Patronictl.fullMessage(for: error)
            guard Patronictl.exitCode(for: error) == .success else {
                terminal.complain(text)
                return .done(2)
            }
            terminal.echo(text)
            return .done(0)
        }
    }

    /// The level is set by variables alone (CTL-011).
    private static func logOptions(_ environment: [String: String]) -> LogOptions {
        var options = LogOptions()
        options.format = "%(asctime)s - %(levelname)s - %(message)s"
        options.level = "WARNING"
        for name in ["LOGLEVEL", "PATRONI_LOGLEVEL", "PATRONI_LOG_LEVEL"] {
            options.level = environment[name] ?? options.level
        }
        return options
    }

    private static func configuration(
        _ options: Patronictl, _ environment: [String: String], _ logger: Logger
    ) throws(ControlError) -> ControlConfiguration {
        let named = options.configFile ?? environment["PATRONICTL_CONFIG_FILE"]
        let path = named ?? defaultFile(environment)
        if access(path, R_OK) != 0, named != nil {
            throw .failed(
                "Provided config file \(path) not existing or no read rights."
                    + " Check the -c/--config-file parameter")
        }
        do throws(ConfigurationError) {
            let local = try ConfigurationLoader(path: path, environment: environment).load(allowsNothing: true)
            for warning in local.warnings { logger.warning("\(warning)") }
            var tree = local.values
            if let url = options.storeURL ?? environment["DCS_URL"] {
                do throws(ControlError) { tree = try StoreAddress.apply(url, to: tree) } catch {
                    throw ConfigurationError(String(error.message.dropFirst("Error: ".count)))
                }
            }
            return try ControlConfiguration(local: tree, insecure: options.insecure)
        } catch {
            throw .failed(error.description)
        }
    }

    private static func defaultFile(_ environment: [String: String]) -> String {
        let folder = environment["XDG_CONFIG_HOME"] ?? (environment["HOME"] ?? "~") + "/.config"
        return folder + "/patroni/patronictl.yaml"
    }
}
