// `GET /why`: what last changed at this member, for programs and for people.

import PatroniAPI
import PatroniCore
import PatroniHTTP
import Testing

@Suite("Why") struct WhyTests {
    /// A standby of a cluster that p0 leads, at the end of a turn that settled.
    private static func turn(_ leader: MemberName, at second: Int) throws -> TurnRecord {
        let identifier = try #require(SystemIdentifier("7000000000000000001"))
        var cluster = threeMembers()
        cluster.initialize = .done(identifier)
        cluster.leader = Leader(name: leader)
        let standby = RunningServer(
            recovery: .standby(StandbyProgress(received: LSN(5), replayed: LSN(5), replicationState: "streaming")),
            timeline: Timeline(1), version: 150_018)
        let now = Observation(
            now: Moment(nanoseconds: Int64(second) * 1_000_000_000),
            wallTime: WallTime(secondsSince1970: 1_795_262_400 + Int64(second)), me: "p1", store: .cluster(cluster),
            directory: .holds(ControlData(systemIdentifier: identifier, state: .inArchiveRecovery)),
            server: .running(standby))
        var turn = Turn(now, Memory())
        var record = TurnRecord(observation: now, memory: Memory(), steps: [])
        let first = turn.next()
        record.steps.append(.init(verdict: first, learned: .upstream(.asWanted), began: now.now))
        turn.learn(.upstream(.asWanted))
        record.steps.append(.init(verdict: turn.next(), began: now.now))
        return record
    }

    private static func log() throws -> FlightLog {
        var log = FlightLog()
        _ = log.note(try turn("p0", at: 0), role: .replica)
        _ = log.note(try turn("p2", at: 60), role: .replica)
        return log
    }

    @Test func `programs get JSON`() async throws {
        let log = try Self.log()
        try await withAPI(.replica()) { api in
            api.backend.change { $0.flight = log }
            let answer = try await api.send(.get, "/why")
            #expect(answer.status == 200)
            let page = try JSON.parse(answer.body)
            #expect(page["last_change"]?["summary"] == "p1 follows p2 after p0")
            #expect(page["last_leader_change"]?["after"] == ["role": "follower", "leader": "p2"])
            #expect(page["nobody_leads"] == .null)
            #expect(page["recent"]?.array?.count == 2)
            let step = page["last_change"]?["steps"]?.array?.last
            #expect(step?["rule"] == "following/streams")
            #expect(step?["because"] == "A standby that streams the leader's timeline can't have diverged from it.")
        }
    }

    @Test(arguments: [("/why?text", nil), ("/why?text=1", nil), ("/why", "text/plain")] as [(String, String?)])
    func `people get lines`(_ path: String, _ accept: String?) async throws {
        let log = try Self.log()
        try await withAPI(.replica()) { api in
            api.backend.change { $0.flight = log }
            let answer = try await api.send(.get, path, headers: accept.map { [("Accept", $0)] } ?? [])
            #expect(answer.status == 200)
            #expect(answer.text.hasPrefix("p1 follows p2 after p0 ("))
            #expect(answer.text.contains("p2 holds the leader key\n"))
        }
    }

    @Test func `while nobody leads, everybody's obstacle is on the page`() throws {
        var log = FlightLog()
        let standoff = Standoff(
            me: "p1", formerLeader: "p0",
            candidates: [
                .init("p0", .unreachable), .init("p1", .behind("p2", ByteCount(8))), .init("p2", nil),
            ])
        _ = log.news(standoff)
        let page = WhyPage(snapshot: .replica(), log: log, now: WallTime(secondsSince1970: 0))
        #expect(
            page.json["nobody_leads"]?["members"] == [
                ["name": "p0", "obstacle": "unreachable", "text": "p0 does not answer"],
                ["name": "p1", "obstacle": "behind", "text": "p1 is 8 bytes behind p2"],
                ["name": "p2", "obstacle": .null, "text": "p2 is free to take the leader key"],
            ])
        #expect(page.text(zone: { _ in 0 }).hasPrefix("nobody leads (it was p0): p0 does not answer; "))
    }

    @Test func `nothing has happened yet`() {
        let page = WhyPage(snapshot: .replica(), log: FlightLog(), now: WallTime(secondsSince1970: 0))
        #expect(page.json["last_change"] == .null)
        #expect(page.text(zone: { _ in 0 }) == "Nothing has changed at p1 since its agent started.\n")
    }
}
