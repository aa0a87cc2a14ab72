// The command line of patronictl: global options and the list of commands.

import ArgumentParser

/// The root command. Commands find the global options in it.
struct Patronictl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patronictl", abstract: "Command-line interface for interacting with Patroni.",
        subcommands: [
            DemoteClusterCommand.self, DSNCommand.self, EditConfigCommand.self, FailoverCommand.self, FlushCommand.self,
            HistoryCommand.self, KubernetesCommand.self,
            ListCommand.self, PauseCommand.self, PromoteClusterCommand.self, ReinitCommand.self, ReloadCommand.self,
            RemoveCommand.self,
            RestartCommand.self, ResumeCommand.self, ShowConfigCommand.self, SwitchoverCommand.self,
            TopologyCommand.self, VersionCommand.self, WhyCommand.self,
        ])

    @Option(name: [.long, .customShort("c")], help: "Configuration file")
    var configFile: String?

    @Option(name: [.customLong("dcs-url"), .customLong("dcs"), .customShort("d")], help: "The DCS connect url")
    var storeURL: String?

    @Flag(name: [.long, .customShort("k")], help: "Allow connections to SSL sites without certs")
    var insecure = false
}

/// A command that has been parsed and can be carried out.
protocol ControlCommand: ParsableCommand {
    var patronictl: Patronictl { get }
    func execute(_ session: ControlSession) async throws(ControlError)
}

/// Which members a command is about (CTL-017, CTL-018).
enum RoleChoice: String, CaseIterable, ExpressibleByArgument, Sendable {
    case leader
    case primary
    case standbyLeader = "standby-leader"
    case replica
    case standby
    case any
}

/// `--group`, which only Citus clusters have.
struct GroupOption: ParsableArguments {
    @Option(help: "Citus group")
    var group: Int?

    mutating func validate() throws {
        if group != nil { throw ValidationError("Citus clusters are not supported yet: --group can't be used") }
    }
}

struct ForceOption: ParsableArguments {
    @Flag(name: .customLong("force"), help: "Do not ask for confirmation at any point")
    var isForced = false
}

struct WatchOptions: ParsableArguments {
    @Flag(name: .customShort("W"), help: "Auto update the screen every 2 seconds")
    var everyTwoSeconds = false

    @Option(name: [.customShort("w"), .customLong("watch")], help: "Auto update the screen every X seconds")
    var interval: Double?

    mutating func validate() throws {
        if let interval, !(interval >= 0 && interval < 1e6) {
            throw ValidationError("--watch needs a number of seconds from 0 to 1000000")
        }
    }

    /// Seconds between two looks; nil: look once.
    var seconds: Double? {
        if let interval, interval > 0 { return interval }
        return everyTwoSeconds ? 2 : nil
    }
}
