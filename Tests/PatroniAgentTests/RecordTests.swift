// What an agent writes down, and what can be done with it.

import PatroniCore
import PatroniPlatform
import Synchronization
import Testing

@testable import PatroniAgent
@testable import PatroniLoop

/// Keeps what is written.
final class HeardRecord: FlightRecording {
    let entries = Mutex<[FlightEntry]>([])
    func write(_ entry: FlightEntry) { entries.withLock { $0.append(entry) } }
    var earlier: [FlightEntry] { [] }
    var all: [FlightEntry] { entries.withLock { $0 } }
    var file: [UInt8] { Array(all.map { ((try? $0.line()) ?? "") + "\n" }.joined().utf8) }
}

@Suite struct FlightRecordTests {
    @Test func `a life is written down, quiet turns are not, and it replays to the same decisions`() async throws {
        let rig = try await Rig()
        let (first, second) = (HeardRecord(), HeardRecord())
        let alpha = try await rig.member("alpha", recorder: first)
        let beta = try await rig.member("beta", recorder: second)
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            let before = first.all.count
            await rig.time.sleep(until: rig.time.now + .seconds(20))
            #expect(first.all.count - before <= 2, "quiet turns were written down")
            await rig.ask(FailoverRequest(leader: "alpha", candidate: "beta"))
            try await rig.eventually("beta leads") { try await rig.cluster().member("beta")?.role == .primary }
            try await rig.eventually("alpha follows") {
                try await rig.cluster().member("alpha")?.replicationState == "streaming"
            }
        }
        for record in [first, second] {
            let replay = Replay(record.file)
            #expect(replay.status == 0, "\(replay.verdict)")
            #expect(replay.turns > 3)
        }
        #expect(first.all.first?.event == .started(version: PatroniVersion.text))
        let log = await beta.agent.flight
        let takeover = log.stories.last { $0.isTakeover }
        let story = try #require(takeover)
        #expect(story.title == "beta became the leader after alpha")
        let text = story.text(zone: { _ in 0 })
        for part in [
            "an operator asked for a switchover from alpha to beta", "the leader key: it is ours", "promote: done",
        ] {
            #expect(text.contains(part), "\(part) is missing in:\n\(text)")
        }
        let change = await alpha.agent.flight.stories.last { $0.isLeaderChange }
        let former = try #require(change)
        #expect(former.title == "alpha led before and follows beta now")
        #expect(former.lines.contains { $0.text == "gave the leader key away" })
    }

    @Test func `while nobody may lead, every member says why, once`() async throws {
        let rig = try await Rig()
        let record = HeardRecord()
        let alpha = try await rig.member("alpha")
        let beta = try await rig.member("beta", recorder: record)
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            try await rig.configure(["pause": true])
            try await rig.eventually("beta has seen that it is paused") { await beta.agent.settings.isPaused }
            alpha.store.line = .silent
            try await rig.eventually("beta explains itself", within: .seconds(60)) {
                await beta.agent.flight.currentStandoff?["beta"] == .paused
            }
            #expect(await beta.agent.flight.currentStandoff?["alpha"] == .primaryWithoutKey)
            await rig.time.sleep(until: rig.time.now + .seconds(10))
        }
        let told = record.all.compactMap { entry -> Standoff? in
            if case .nobodyLeads(let standoff) = entry.event { standoff } else { nil }
        }
        #expect((1...2).contains(told.count), "\(told)")
    }
}

@Suite struct ReplayTests {
    private let line: String

    init() throws {
        let now = Observation(
            now: Moment(nanoseconds: 0), wallTime: WallTime(secondsSince1970: 1_795_262_400), me: "beta",
            store: .silent(StoreFailure(.unreachable, "no answer")), directory: .empty, server: .stopped)
        var turn = Turn(now, Memory())
        let record = TurnRecord(
            observation: now, memory: Memory(), steps: [.init(verdict: turn.next(), began: now.now)])
        line = try FlightEntry(at: now.wallTime, member: "beta", event: .turn(record)).line()
    }

    private func replay(_ text: String) -> Replay { Replay(Array(text.utf8)) }

    @Test func `a good record`() {
        let found = replay(line + "\n" + line + "\n")
        #expect(found.status == 0)
        #expect(found.turns == 2)
        #expect(found.verdict == "2 turns, 2 decisions: this version decides the same\n")
    }

    @Test func `a torn last line is no damage`() {
        let found = replay(line + "\n" + line.dropLast(9))
        #expect(found.status == 0)
        #expect(found.isTorn)
    }

    @Test func `damage is told with its line, the rest is replayed`() {
        let found = replay(line + "\n" + line.replacing("beta", with: "betb") + "\n" + line + "\n")
        #expect(found.status == 2)
        #expect(found.turns == 2)
        #expect(found.verdict.hasPrefix("line 2: its checksum is wrong"))
    }

    @Test(arguments: ["", "no record", "{}\n", "\u{0}\u{FFFD}\n\n"])
    func `what is no record at all can't be read`(_ text: String) {
        #expect(replay(text).status == 2)
    }

    @Test func `another decision is told with both rules`() throws {
        guard var turn = try FlightEntry(line: line).turn else { return }
        turn.memory.role = .primary
        turn.observation.server = .unresponsive("gone")
        let other = try FlightEntry(at: turn.observation.wallTime, member: "beta", event: .turn(turn)).line()
        let found = replay(line + "\n" + other + "\n")
        #expect(found.status == 1)
        #expect(found.verdict.contains("line 2: step 1 was decided by store-silent/wait"))
        #expect(found.verdict.contains("and would be by store-silent/lease-ends (began: demoting self) now"))
        #expect(found.json["same"] == false)
    }

    @Test func `the story is told line by line`() {
        var told = ""
        replay(line + "\n").tell(quiet: false, zone: { _ in 0 }) { told += $0 }
        #expect(told.contains("line 1, 2026-11-21, beta\n  12:00:00.000  the store gives no answer: no answer\n"))
        #expect(told.contains("rule store-silent/wait: Without the store a standby stays what it is."))
    }
}
