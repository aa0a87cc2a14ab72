// The command line of patroni-simulator.

import ArgumentParser
import PatroniCore
import PatroniPlatform

public struct SimulatorCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "patroni-simulator",
        abstract: "Runs whole clusters of real agents in virtual time and watches for what must never happen.",
        subcommands: [RunCommand.self, ReplayCommand.self, MutationsCommand.self])

    public init() {}

    /// The program.
    public static func start() { main() }
}

extension Mode: ExpressibleByArgument {}

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Tells the story of one history.")

    @Argument(help: "The seed.") var seed: UInt64
    @Option(help: "What the histories are about.") var mode = Mode.mixed

    func run() throws {
        let plan = HistoryPlan(seed: seed, mode: mode)
        Output.line("\(plan.members.count) members, \(plan.mode.rawValue), \(plan.dynamic.text())")
        let begin = Moment(nanoseconds: 1_000_000_000_000)
        let result = History.run(plan, blueprints: Blueprints()) { at, actor, text in
            Output.line(Story.line(at - begin, actor, text))
        }
        if let violation = result.violation {
            Output.line("\nInvariant \(violation.invariant.rawValue) is violated: \(violation.explanation)")
            throw ExitCode(1)
        }
        Output.line("\nNothing is wrong. \(result.statistics.line(seconds: 0, processor: 0))")
    }
}

enum Story {
    static func line(_ at: Duration, _ actor: Actor, _ text: String) -> String {
        let millis = at.inNanoseconds / 1_000_000
        let fraction = String(1000 + millis % 1000).dropFirst()
        let time = "\(millis / 1000).\(fraction)"
        let who =
            switch actor {
            case .member(let index): SimulatedMember.name(index).text
            case .store: "store"
            case .fault: "FAULT"
            case .operatorCommand: "OPERATOR"
            case .world: "world"
            }
        return String(repeating: " ", count: max(0, 9 - time.count)) + time + " "
            + who + String(repeating: " ", count: max(1, 10 - who.count)) + text
    }
}

extension Statistics {
    func line(seconds: Double, processor: Double) -> String {
        let hours = simulated.inSeconds / 3600
        let rate = processor > 0 ? hours / (processor / 60) : 0
        return
            "\(histories) histories, \((hours * 10).rounded() / 10) cluster-hours, \(turns) turns, \(events) events, "
            + "\(jobs) jobs, \(faults) faults, \(commands) commands, \(promotions) promotions, \(copies) copies, "
            + "\(fencings) fencings, \(halts) halts, \(mixings) mixings, longest healing \(longestHealing.inSeconds.rounded()) s; "
            + "\((seconds * 10).rounded() / 10) s, \((processor * 10).rounded() / 10) CPU seconds, "
            + "\(rate.rounded()) cluster-hours per CPU minute; trace \(String(hash, radix: 16))"
    }
}

extension Output {
    static func line(_ text: String) { write(text + "\n", to: 1) }
}
