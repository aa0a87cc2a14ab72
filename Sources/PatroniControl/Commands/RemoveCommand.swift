// `remove`: everything the store knows about a cluster (CTL-033).

import ArgumentParser
import PatroniCore
import PatroniPorts

struct RemoveCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Remove cluster from DCS")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String
    @OptionGroup var group: GroupOption
    @Option(name: .shortAndLong, help: "Output format")
    var format = OutputFormat.pretty

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(clusterName)
        session.terminal.write(MemberTable(view: view, shape: .list(format)).text())
        let name = try await session.terminal.prompt("Please confirm the cluster name to remove")
        if name != clusterName { throw .failed("Cluster names specified do not match") }
        let message = "Yes I am aware"
        let typed = try await session.terminal.prompt(
            "You are about to remove all information in DCS for \(clusterName), please type: \"\(message)\"")
        if typed != message { throw .failed("You did not exactly type \"\(message)\"") }
        if let leader = view.leaderName {
            let typed = try await session.terminal.prompt(
                "This cluster currently is healthy. Please specify the leader name to continue")
            if typed != leader.text { throw .failed("You did not specify the current leader of the cluster") }
        }
        try session.check(await (try session.store(clusterName)).deleteCluster(by: session.deadline(.seconds(30))))
    }
}
