// `list` and `topology`: the members of one or more clusters.

import ArgumentParser
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform

struct ListCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the Patroni members for a given Patroni")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterNames: [String] = []
    @OptionGroup var group: GroupOption
    @Flag(name: .shortAndLong, help: "Show some extra information")
    var extended = false
    @Flag(name: [.customShort("t"), .customLong("timestamp")], help: "Print timestamp")
    var printsTime = false
    @Option(name: .shortAndLong, help: "Output format")
    var format = OutputFormat.pretty
    @OptionGroup var watch: WatchOptions

    func execute(_ session: ControlSession) async throws(ControlError) {
        try await MemberListing(
            names: clusterNames, isExtended: extended, printsTime: printsTime, shape: .list(format),
            interval: watch.seconds
        ).show(session)
    }
}

struct TopologyCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology", abstract: "Prints ASCII topology for given cluster")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterNames: [String] = []
    @OptionGroup var group: GroupOption
    @OptionGroup var watch: WatchOptions

    func execute(_ session: ControlSession) async throws(ControlError) {
        try await MemberListing(names: clusterNames, shape: .topology, interval: watch.seconds).show(session)
    }
}

/// What both commands do.
private struct MemberListing {
    var names: [String]
    var isExtended = false
    var printsTime = false
    var shape: MemberTable.Shape
    var interval: Double?

    func show(_ session: ControlSession) async throws(ControlError) {
        let names = names.isEmpty ? session.configuration.scope.map { [$0] } ?? [] : names
        if names.isEmpty {
            session.logger.warning("Listing members: No cluster names were provided")
            return
        }
        while true {
            let start = session.time.now
            if interval != nil { session.terminal.clear() }
            if printsTime { session.terminal.echo(LocalTime.stamp(session.now)) }
            for name in names {
                let view = try await session.cluster(name)
                for complaint in view.cluster.complaints { session.logger.info("\(complaint)") }
                session.terminal.write(MemberTable(view: view, isExtended: isExtended, shape: shape).text())
            }
            guard let interval, !Task.isCancelled else { return }
            await session.time.sleep(until: start + .milliseconds(Int64(interval * 1000)))
        }
    }
}

extension ControlSession {
    /// The plain table, as commands print it before and after they act.
    func showMembers(_ view: ClusterView) {
        terminal.write(MemberTable(view: view).text())
    }
}
