// `patroni-simulator mutations`: does the simulator notice what it is there for?

import ArgumentParser
import PatroniPlatform

struct MutationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutations",
        abstract: "Makes deliberate mistakes and counts the seeds until each is noticed.")

    @Option(help: "Only the mutations whose name contains this.") var only: String?
    @Option(help: "The first seed.") var from: UInt64 = 1
    @Flag(help: "Also those that no history has shown yet.") var all = false
    @Option(help: "How many seeds at most, instead of each mutation's own limit.") var limit: Int?

    func run() throws {
        var missed: [String] = []
        Output.line(MutationResult.head)
        for mutation in all ? Mutation.all : Mutation.noticed where only.map({ mutation.name.contains($0) }) ?? true {
            let result = mutation.run(from: from, limit: limit)
            Output.line(result.row)
            if !result.isCaught { missed.append(mutation.name) }
        }
        guard missed.isEmpty else {
            Output.line("\nNot noticed: \(missed.joined(separator: ", "))")
            throw ExitCode(1)
        }
    }
}
