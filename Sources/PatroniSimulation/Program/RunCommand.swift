// patroni-simulator run: many histories, as many at a time as there are cores to spare.

import ArgumentParser
import PatroniCore
import PatroniPlatform
import Synchronization

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Runs many histories.")

    @Option(help: "How many histories.") var histories = 1000
    @Option(help: "The first seed.") var from: UInt64 = 1
    @Option(help: "How many at a time.") var jobs = 1
    @Option(help: "What the histories are about.") var mode = Mode.mixed
    @Flag(help: "Only the seeds that once broke a promise.") var onceFailed = false

    private static let reportEvery = 10_000

    func run() throws {
        let time = SystemTime()
        let began = time.now
        let range = from..<(from + UInt64(max(0, histories)))
        let batch = Batch(onceFailed ? OnceFailed.histories : range.map { HistoryName(seed: $0, mode: mode) })
        for number in 0..<max(1, jobs) {
            // Tasks of histories are deep, and this is no place to save memory.
            let code = OwnThread.start(name: "history \(number)", stackBytes: 16 << 20) { batch.work() }
            guard code == 0 else { throw ValidationError("the system has no thread for a history") }
        }
        func report(_ total: Statistics) {
            let line = total.line(seconds: (time.now - began).inSeconds, processor: SystemTime.processorTime.inSeconds)
            Output.line(line)
        }
        // A long run that is ended early has told at least this much.
        var reported = Self.reportEvery
        while !batch.isDone {
            OwnThread.pause(.milliseconds(20))
            let sofar = batch.outcome.0
            if sofar.histories >= reported, sofar.histories < histories {
                reported += Self.reportEvery
                report(sofar)
            }
        }
        let (total, violations) = batch.outcome
        report(total)
        if violations > 0 { throw ExitCode(1) }
    }
}

/// Histories that several threads share. A history itself stays on one thread.
final class Batch: Sendable {
    private struct State {
        var next = 0
        var running = 0
        var total = Statistics()
        var violations = 0
    }

    private let histories: [HistoryName]
    private let state = Mutex(State())

    init(_ histories: [HistoryName]) { self.histories = histories }

    var isDone: Bool { state.withLock { $0.next >= histories.count && $0.running == 0 } }
    var outcome: (Statistics, Int) { state.withLock { ($0.total, $0.violations) } }

    func work() {
        let blueprints = Blueprints()
        while let name = take() {
            let result = History.run(HistoryPlan(seed: name.seed, mode: name.mode), blueprints: blueprints)
            state.withLock { state in
                state.running -= 1
                state.total.add(result.statistics)
                if result.violation != nil { state.violations += 1 }
            }
            if let violation = result.violation { Output.line(violation.text(name)) }
        }
    }

    private func take() -> HistoryName? {
        state.withLock { state in
            guard state.next < histories.count else { return nil }
            defer { state.next += 1 }
            state.running += 1
            return histories[state.next]
        }
    }
}

extension Violation {
    func text(_ name: HistoryName) -> String {
        """
        seed \(seed): invariant \(invariant.rawValue) after \((at.inSeconds * 1000).rounded() / 1000) s: \(explanation)
            \(name.replay)
        """
    }
}
