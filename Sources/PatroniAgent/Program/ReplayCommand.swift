// `patroni replay FILE`: what a flight record says, and whether today's rules would decide the same.

import ArgumentParser
import PatroniCore
import PatroniPlatform

/// Exit status 0: all decisions are the same; 1: one is not; 2: something can't be read.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patroni replay",
        abstract: "Print a flight record as a story, and check that today's rules decide the same.",
        discussion: "Exit status: 0 the same, 1 something is decided otherwise, 2 something can't be read.")

    @Argument(help: "The record: data_dir with .flight.jsonl behind it, unless flight_record.path says otherwise.")
    var file: String

    @Flag(help: "Print only the verdict.")
    var quiet = false

    @Flag(help: "Print one JSON document instead.")
    var json = false

    func run() throws {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileReading.bytes(file, limit: 1 << 30)
        } catch {
            Output.complain("patroni replay: \(error)")
            throw ExitCode(2)
        }
        let replay = Replay(bytes)
        if json {
            Output.write(replay.json.text(.spaced) + "\n", to: 1)
        } else {
            replay.tell(quiet: quiet, zone: LocalTimeZone.offset) { Output.write($0, to: 1) }
        }
        if replay.status != 0 { throw ExitCode(replay.status) }
    }
}

/// A record that is read line by line and fed to the rules.
struct Replay {
    /// Line number, from 1, and what is wrong with it.
    private(set) var damages: [(line: Int, problem: String)] = []
    private(set) var differences: [(line: Int, text: String)] = []
    private(set) var turns = 0
    private(set) var decisions = 0
    private(set) var isTorn = false
    private(set) var entries: [(line: Int, entry: FlightEntry)] = []

    init(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            let isLast = index == lines.count - 1
            do throws(RecordError) {
                take(try FlightEntry(line: String(decoding: line, as: UTF8.self)), index + 1)
            } catch {
                // Without its line end it was cut off while it was being written; that is no damage.
                if isLast { isTorn = true } else { damages.append((index + 1, error.description)) }
            }
        }
        if entries.isEmpty, damages.isEmpty, !isTorn { damages.append((1, "the file is empty")) }
        if entries.isEmpty, isTorn { damages.append((1, "it is no flight record")) }
    }

    var status: Int32 { differences.isEmpty ? damages.isEmpty ? 0 : 2 : 1 }

    private mutating func take(_ entry: FlightEntry, _ line: Int) {
        entries.append((line, entry))
        switch entry.event {
        case .turn(let turn):
            turns += 1
            decisions += turn.steps.count
            if let found = turn.replay() {
                differences.append(
                    (
                        line,
                        "step \(found.step) was decided by \(found.then.told(entry.member)), "
                            + "and would be by \(found.now.told(entry.member)) now"
                    ))
            }
        case .letGo(let record):
            decisions += record.steps.count
            if let step = record.replay() {
                differences.append((line, "step \(step) of letting the leadership go would be another one now"))
            }
        case .started, .requested, .ended, .nobodyLeads: break
        }
    }

    var verdict: String {
        var lines = damages.map { "line \($0.line): \($0.problem)\n" }
        if isTorn { lines.append("the last line is torn: the agent ended while it wrote it\n") }
        if let first = differences.first { lines.append("line \(first.line): \(first.text)\n") }
        let summary = "\(turns) turns, \(decisions) decisions"
        switch (differences.count, damages.count) {
        case (0, 0): lines.append("\(summary): this version decides the same\n")
        case (0, let count): lines.append("\(summary): this version decides the same; \(count) lines can't be read\n")
        case (let count, _): lines.append("\(summary): this version decides \(count) turns otherwise\n")
        }
        return lines.joined()
    }

    func tell(quiet: Bool, zone: (WallTime) -> Int, _ out: (String) -> Void) {
        if !quiet {
            var previous: TurnRecord?
            for (line, entry) in entries {
                let day = entry.at.iso8601(offset: zone(entry.at)).prefix(10)
                out("line \(line), \(day), \(entry.member)\n")
                for told in entry.lines(after: previous) { out(told.text(zone: zone)) }
                previous = entry.turn ?? previous
            }
        }
        out(verdict)
    }

    var json: JSON {
        var previous: TurnRecord?
        let told = entries.map { line, entry -> JSON in
            defer { previous = entry.turn ?? previous }
            return [
                "line": .int(Int64(line)), "at": .string(entry.at.iso8601()), "member": .string(entry.member.text),
                "steps": .array(entry.lines(after: previous).map { .object($0.json) }),
            ]
        }
        func list(_ found: [(line: Int, text: String)]) -> JSON {
            .array(found.map { ["line": .int(Int64($0.line)), "text": .string($0.text)] })
        }
        return [
            "turns": .int(Int64(turns)), "decisions": .int(Int64(decisions)), "same": .bool(differences.isEmpty),
            "differences": list(differences), "damages": list(damages.map { ($0.line, $0.problem) }),
            "torn": .bool(isTorn), "entries": .array(told),
        ]
    }
}

extension Verdict {
    fileprivate func told(_ me: MemberName) -> String {
        let what =
            switch decision {
            case .ask(.statusOfPeers): "ask the others"
            case .ask: "ask for a fact"
            case .act(let action, _): action.words
            case .settled(let reason, let again):
                "settled: \(reason.text(me))" + (again.map { ", again in \($0.words)" } ?? "")
            case .halt(let reason): "end: \(reason.text(me))"
            }
        return "\(rule) (\(what))"
    }
}
