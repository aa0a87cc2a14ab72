// The model PostgreSQL: streaming, promotion, divergence, stops.

import PatroniCore
import PatroniPostgres
import Testing

@testable import PatroniSimulation

@Suite struct ModelFleetTests {
    @Test func `standbys receive what the primary writes, as late as the network is slow`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.setLink(from: rig.a, to: rig.b, isOpen: true, latency: .milliseconds(500), at: rig.now)
        rig.pass(.seconds(10))
        let (a, b, c) = (rig.fleet[rig.a].end, rig.fleet[rig.b].end, rig.fleet[rig.c].end)
        #expect(b.lag(behind: a).bytes >= 2000 && b.lag(behind: a).bytes <= 2100)
        #expect(c.lag(behind: a).bytes < 10)
        #expect(rig.fleet.status(of: rig.b).running?.standby?.replicationState == "streaming")
        #expect(rig.fleet.status(of: rig.b).running?.standby?.upstream == rig.fleet[rig.a].endpoint)
    }

    @Test func `however time is cut into pieces, the same comes out`() throws {
        var (whole, pieces) = (try ModelRig.cluster(), try ModelRig.cluster())
        whole.pass(.seconds(60))
        for _ in 0..<600 { pieces.pass(.milliseconds(100)) }
        for id in [whole.a, whole.b, whole.c] {
            #expect(whole.fleet[id].end.lag(behind: pieces.fleet[id].end).bytes < 700)
            #expect(pieces.fleet[id].end.lag(behind: whole.fleet[id].end).bytes < 700)
        }
    }

    @Test func `a cut link stops the stream and its end resumes it`() throws {
        var rig = try ModelRig.cluster()
        rig.cut(rig.a, rig.b)
        let before = rig.fleet[rig.b].end
        rig.pass(.seconds(30))
        #expect(rig.fleet[rig.b].end == before)
        // Neither end knows yet.
        #expect(rig.words(of: rig.a).count == 2)
        #expect(rig.fleet.status(of: rig.b).running?.standby?.replicationState == "streaming")
        rig.pass(.seconds(40))
        #expect(rig.words(of: rig.a).count == 1)
        #expect(rig.fleet.status(of: rig.b).running?.standby?.replicationState == nil)
        rig.cut(rig.a, rig.b, isOpen: true)
        rig.pass(.seconds(6))
        #expect(rig.fleet[rig.b].end > before)
        #expect(rig.words(of: rig.a).count == 2)
    }

    @Test func `a crash loses nothing that was flushed`() throws {
        var rig = try ModelRig.cluster()
        let commit = try rig.commit(on: rig.a)
        rig.fleet.kill(rig.a, at: rig.now)
        #expect(rig.fleet.status(of: rig.a) == .stopped)
        guard case .holds(let control) = rig.fleet.directory(of: rig.a) else { throw ModelFailure("no data") }
        #expect(control.state == .inProduction)
        try rig.start(rig.a, as: .primary)
        #expect(rig.fleet.holds(commit, on: rig.a))
        #expect(rig.fleet.status(of: rig.a).running?.timeline == Timeline(1))
        rig.pass(.seconds(6))
        #expect(rig.words(of: rig.a).count == 2)
    }

    @Test func `a promoted standby is on the next timeline, and others follow it there`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.kill(rig.a, at: rig.now)
        try rig.promote(rig.b)
        #expect(rig.fleet.status(of: rig.b).running?.isPrimary == true)
        #expect(rig.fleet.status(of: rig.b).running?.timeline == Timeline(2))
        rig.fleet.follow(rig.b, on: rig.c, at: rig.now)
        rig.pass(.seconds(2))
        #expect(rig.fleet.status(of: rig.c).running?.timeline == Timeline(2))
        #expect(rig.fleet.history(of: Timeline(2), on: rig.c)?.rows.count == 1)
        #expect(rig.fleet.promotions.map(\.missed) == [nil])
    }

    @Test func `an old primary with more than the new one diverges, does not stream, and is rewound`() throws {
        var rig = try ModelRig.cluster()
        rig.cut(rig.a, rig.b)
        rig.pass(.seconds(5))
        rig.fleet.kill(rig.a, at: rig.now)
        rig.cut(rig.a, rig.b, isOpen: true)
        try rig.promote(rig.b)
        let found = rig.divergence(of: rig.a, from: rig.b)
        #expect(found == .diverged)
        let isWritten = rig.fleet.checkpoint(rig.b, at: rig.now)
        #expect(isWritten)
        try rig.start(rig.a, as: .standby(of: rig.b))
        rig.pass(.seconds(20))
        #expect(rig.fleet.status(of: rig.a).running?.standby?.replicationState == nil)
        rig.fleet.stop(rig.a, .fast, takes: .milliseconds(100), at: rig.now)
        rig.pass(.seconds(1))
        let outcome = rig.fleet.rewind(rig.a, from: rig.b, at: rig.now)
        #expect(outcome == .rewound)
        try rig.start(rig.a, as: .standby(of: rig.b))
        rig.pass(.seconds(2))
        #expect(rig.fleet.status(of: rig.a).running?.standby?.replicationState == "streaming")
        #expect(rig.fleet.mixings.isEmpty)
    }

    @Test func `a primary that stops hands its shutdown checkpoint to who streams`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.stop(rig.a, .fast, takes: .seconds(1), at: rig.now)
        rig.pass(.milliseconds(500))
        #expect(rig.fleet.status(of: rig.a) == .starting)
        #expect(rig.fleet.shutdownCheckpoint(of: rig.a) == nil)
        rig.pass(.seconds(1))
        #expect(rig.fleet.status(of: rig.a) == .stopped)
        let checkpoint = try #require(rig.fleet.shutdownCheckpoint(of: rig.a))
        #expect(rig.fleet[rig.b].end > checkpoint.location)
        try rig.promote(rig.b)
        let found = rig.divergence(of: rig.a, from: rig.b)
        #expect(found == Divergence.none)
        try rig.start(rig.a, as: .standby(of: rig.b))
        #expect(rig.fleet.status(of: rig.a).running?.standby?.replicationState == "streaming")
    }

    @Test func `a standby that can't be reached holds up the stop until its time limit`() throws {
        var rig = try ModelRig.cluster()
        rig.cut(rig.a, rig.b)
        rig.fleet.stop(rig.a, .fast, takes: .seconds(1), at: rig.now)
        rig.pass(.seconds(30))
        #expect(rig.fleet.status(of: rig.a) == .starting)
        #expect(rig.fleet.shutdownCheckpoint(of: rig.a) != nil)
        rig.pass(.seconds(35))
        #expect(rig.fleet.status(of: rig.a) == .stopped)
    }

    @Test func `a standby behind what is still there never streams, unless a slot kept it`() throws {
        for hasSlot in [false, true] {
            var rig = try ModelRig.cluster { $0.keptLog = 10_000 }
            if hasSlot { rig.fleet.setSlots([("b", "b")], on: rig.a, at: rig.now) }
            rig.cut(rig.a, rig.b)
            rig.pass(.seconds(100))
            rig.cut(rig.a, rig.b, isOpen: true)
            rig.pass(.seconds(20))
            let state = rig.fleet.status(of: rig.b).running?.standby?.replicationState
            #expect(state == (hasSlot ? "streaming" : nil))
        }
    }

    @Test func `cascades stream through their upstream, also when it is promoted`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.follow(rig.b, on: rig.c, at: rig.now)
        rig.pass(.seconds(3))
        #expect(rig.words(of: rig.b) == ["c": "async"])
        #expect(rig.fleet[rig.c].end.lag(behind: rig.fleet[rig.a].end).bytes < 100)
        rig.fleet.kill(rig.a, at: rig.now)
        try rig.promote(rig.b)
        rig.pass(.seconds(1))
        #expect(rig.fleet.status(of: rig.c).running?.timeline == Timeline(2))
        #expect(rig.fleet.status(of: rig.c).running?.standby?.replicationState == "streaming")
    }

    @Test func `a server that stands still answers nothing and obeys later`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.setFrozen(true, rig.a, at: rig.now)
        let end = rig.fleet[rig.a].end
        rig.pass(.seconds(5))
        #expect(rig.fleet[rig.a].end == end)
        guard case .unresponsive = rig.fleet.status(of: rig.a) else { throw ModelFailure("it answered") }
        rig.fleet.stop(rig.a, .fast, takes: .seconds(1), at: rig.now)
        rig.pass(.seconds(5))
        #expect(rig.fleet[rig.a].phase == .primary)
        rig.fleet.setFrozen(false, rig.a, at: rig.now)
        rig.pass(.seconds(2))
        #expect(rig.fleet.status(of: rig.a) == .stopped)
    }

    @Test func `what arrived while a standby stood still is there when it moves, unless it died`() throws {
        for isKilled in [false, true] {
            var rig = try ModelRig.cluster()
            rig.fleet.setFrozen(true, rig.b, at: rig.now)
            let commit = try rig.commit(on: rig.a)
            rig.pass(.seconds(1))
            rig.fleet.kill(rig.a, at: rig.now)
            #expect(!rig.fleet.holds(commit, on: rig.b))
            if isKilled { rig.fleet.kill(rig.b, at: rig.now) }
            rig.fleet.setFrozen(false, rig.b, at: rig.now)
            #expect(rig.fleet.holds(commit, on: rig.b) == !isKilled)
        }
    }

    @Test func `two promotions from the same log are told apart, and one is a fork`() throws {
        var rig = try ModelRig.cluster()
        rig.fleet.stop(rig.a, .fast, takes: .seconds(1), at: rig.now)
        rig.pass(.seconds(2))
        try rig.promote(rig.b)
        try rig.promote(rig.c)
        let promotions = rig.fleet.promotions
        #expect(promotions.map(\.timeline) == [Timeline(2), Timeline(2)])
        #expect(promotions[1].missed == promotions[0].writer)
        // PostgreSQL sees nothing wrong with it.
        try rig.start(rig.a, as: .standby(of: rig.b))
        rig.pass(.seconds(6))
        rig.fleet.follow(rig.c, on: rig.a, at: rig.now)
        for _ in 0..<6 { rig.pass(.seconds(5)) }
        #expect(rig.fleet.mixings.map(\.standby) == [rig.a])
    }
}
