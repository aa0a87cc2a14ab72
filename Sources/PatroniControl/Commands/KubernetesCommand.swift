// `kubernetes`: what an operator does there that no agent can do for him.

import ArgumentParser
import PatroniConfiguration
import PatroniCore
import PatroniDCS

struct KubernetesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes", abstract: "Operations in Kubernetes", subcommands: [MigrateLabelsCommand.self])
}

/// Which way the Services are turned.
enum LabelStepChoice: String, CaseIterable, ExpressibleByArgument, Sendable {
    case toTemporary = "to-temporary"
    case toRole = "to-role"

    var step: LabelMigration.Step { self == .toTemporary ? .toTemporary : .toRole }
}

struct MigrateLabelsCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate-labels",
        abstract: "Turn Services over while the values of the role label change, without a gap")

    @ParentCommand var patronictl: Patronictl
    @Argument(help: "to-temporary before the values change, to-role afterwards")
    var step: LabelStepChoice
    @Argument var clusterName: String?
    @Option(help: "The temporary label; default: kubernetes.tmp_role_label")
    var temporaryLabel: String?
    @Flag(help: "Only say what would be done")
    var dryRun = false
    @OptionGroup var force: ForceOption

    func execute(_ session: ControlSession) async throws(ControlError) {
        let scope = try session.scope(clusterName)
        let api: KubernetesOperator
        do throws(StoreFailure) {
            guard
                let found = try KubernetesOperator(
                    session.configuration.store, scope: scope, time: session.time, logger: session.logger)
            else { throw StoreFailure(.denied, "the configuration has no section kubernetes") }
            api = found
        } catch {
            throw .failed(error.explanation)
        }
        do throws(StoreFailure) {
            try await migrate(api, session)
        } catch {
            await api.close()
            throw .failed(error.explanation)
        }
        await api.close()
    }

    private func migrate(_ api: KubernetesOperator, _ session: ControlSession) async throws(StoreFailure) {
        guard let migration = api.migration(temporaryLabel: temporaryLabel) else {
            throw StoreFailure(.denied, "no temporary label: set kubernetes.tmp_role_label or give --temporary-label")
        }
        let obstacles = migration.obstacles(step.step, pods: try await api.pods())
        for line in obstacles { session.terminal.echo("Not ready: \(line)") }
        if !obstacles.isEmpty, !force.isForced, !dryRun {
            throw StoreFailure(.denied, "Nothing was changed: clients would find no server (--force changes anyway)")
        }
        let turns = migration.turns(step.step, try await api.services())
        if turns.isEmpty { session.terminal.echo("No Service is to be changed") }
        for turn in turns {
            let change = "Service \(turn.service): selects by \(turn.name)=\(turn.value) instead of \(turn.removed)"
            if dryRun {
                session.terminal.echo("Would change \(change)")
            } else {
                try await api.carryOut(turn)
                session.terminal.echo("Changed \(change)")
            }
        }
    }
}
