// The end of an agent, and the hand-over it shares with a switchover.
// Facts: HA-012 to HA-015, HA-031, HA-141, HA-172, HA-366, HA-367, HA-385.

import Testing

@testable import PatroniCore

@Suite("Shutdown") struct ShutdownTests {
    static let ending = Observation.primary.with { $0.isShuttingDown = true }
    static let checkpoint = ShutdownCheckpoint(location: LSN(200), lastPosition: LSN(190))

    static func stopping(_ now: Observation = ending) -> Shutdown {
        var shutdown = Shutdown(now)
        #expect(shutdown.next() == .orderStop(.fast))
        shutdown.learn(.stopOrdered)
        #expect(shutdown.next() == .watchServer(atMost: nil))
        return shutdown
    }

    @Test func `the job is ended first`() {
        var shutdown = Shutdown(Self.ending.busy(.promote))
        #expect(shutdown.next() == .cancelJob(.promote))
        shutdown.learn(.jobEnded)
        #expect(shutdown.next() == .orderStop(.fast))
    }

    @Test func `paused: PostgreSQL and the key stay`() {
        let shutdown = Shutdown(Self.ending.paused)
        #expect(shutdown.next() == .finished(.leftRunning(.paused)))
        #expect(
            Shutdown.Ending.leftRunning(.paused).text
                == "Leader key is not deleted and Postgresql is not stopped due paused state")
    }

    @Test func `paused: a failover on request does stop PostgreSQL`() {
        #expect(Shutdown(.primary.paused).next() == .orderStop(.fast))
    }

    @Test func `an agent that never joined leaves PostgreSQL alone`() {
        #expect(Shutdown(Self.ending, purpose: .neverJoined).next() == .finished(.leftRunning(.neverJoined)))
    }

    @Test func `the key goes as soon as a replica has the shutdown checkpoint`() {
        var shutdown = Self.stopping()
        shutdown.learn(.checkpointWritten(Self.checkpoint, at: .start))
        guard case .askPeers(let members) = shutdown.next() else { return #expect(Bool(false), "\(shutdown.next())") }
        #expect(members.map(\.name) == ["beta", "gamma"])
        shutdown.learn(.peers([.standby("beta", at: 200), .silent("gamma")], at: .start))
        #expect(shutdown.next() == .watchServer(atMost: .milliseconds(30)), "up to its beginning is not enough")
        shutdown.learn(.nothingYet)
        shutdown.learn(.peers([.standby("beta", at: 201)], at: .start))
        #expect(shutdown.next() == .releaseKey(position: LSN(190)))
        shutdown.learn(.keyReleased(.written(nil)))
        #expect(shutdown.next() == .watchServer(atMost: nil))
        shutdown.learn(.serverStopped(Self.checkpoint))
        #expect(shutdown.next() == .publishMember)
        shutdown.learn(.memberPublished)
        #expect(shutdown.next() == .finished(.stopped))
    }

    private static func becomingStandby(isArchiving: Bool) -> Shutdown {
        var shutdown = Shutdown(.primary.ofStandbyCluster, purpose: .becomingStandby(isArchiving: isArchiving))
        #expect(shutdown.next() == .orderStop(.fast))
        shutdown.learn(.stopOrdered)
        shutdown.learn(.checkpointWritten(checkpoint, at: .start))
        return shutdown
    }

    @Test func `becoming a standby cluster: with an archive the key is kept, whoever has everything`() {
        var shutdown = Self.becomingStandby(isArchiving: true)
        #expect(shutdown.next() == .watchServer(atMost: nil), "nobody is asked")
        shutdown.learn(.serverStopped(Self.checkpoint))
        #expect(shutdown.next() == .publishMember, "nothing is released")
    }

    @Test func `becoming a standby cluster: a replica with everything gets the key, from the checkpoint itself on`() {
        var shutdown = Self.becomingStandby(isArchiving: false)
        shutdown.learn(.peers([.standby("beta", at: 201)], at: .start))
        #expect(shutdown.next() == .releaseKey(position: LSN(200)))
        shutdown.learn(.keyReleased(.written(nil)))
        shutdown.learn(.serverStopped(Self.checkpoint))
        #expect(shutdown.next() == .publishMember)
    }

    @Test func `becoming a standby cluster: when nobody has everything, the key is kept`() {
        var shutdown = Self.becomingStandby(isArchiving: false)
        shutdown.learn(.peers([.standby("beta", at: 150)], at: .start))
        shutdown.learn(.serverStopped(Self.checkpoint))
        #expect(shutdown.next() == .publishMember)
    }

    @Test func `after a second without a successor the position is told, and asking goes on`() {
        var shutdown = Self.stopping()
        shutdown.learn(.checkpointWritten(Self.checkpoint, at: .start))
        shutdown.learn(.peers([.silent("beta")], at: .start + .seconds(1)))
        #expect(shutdown.next() == .writePosition(LSN(190)))
        shutdown.learn(.positionWritten)
        #expect(shutdown.next() == .watchServer(atMost: .milliseconds(500)))
        shutdown.learn(.nothingYet)
        shutdown.learn(.peers([.silent("beta")], at: .start + .seconds(2)))
        #expect(shutdown.next() == .watchServer(atMost: .milliseconds(500)), "told once")
    }

    @Test func `nobody has everything: the key goes when PostgreSQL has ended`() {
        var shutdown = Self.stopping()
        shutdown.learn(.checkpointWritten(Self.checkpoint, at: .start))
        shutdown.learn(.serverStopped(Self.checkpoint))
        #expect(shutdown.next() == .releaseKey(position: LSN(190)))
        shutdown.learn(.keyReleased(.unknown(.noAnswer)))
        #expect(shutdown.next() == .publishMember)
    }

    @Test func `PostgreSQL ends while the key is being released: it is not released twice`() {
        var shutdown = Self.stopping()
        shutdown.learn(.checkpointWritten(Self.checkpoint, at: .start))
        shutdown.learn(.peers([.standby("beta", at: 300)], at: .start))
        shutdown.learn(.serverStopped(Self.checkpoint))
        #expect(shutdown.next() == .releaseKey(position: LSN(190)))
        shutdown.learn(.keyReleased(.written(nil)))
        #expect(shutdown.next() == .publishMember)
    }

    @Test func `alone: the position is told, the key goes at the end`() {
        var shutdown = Self.stopping(Self.ending.cluster { $0.members = [.primary("alpha")] })
        shutdown.learn(.checkpointWritten(Self.checkpoint, at: .start))
        #expect(shutdown.next() == .writePosition(LSN(190)))
        shutdown.learn(.positionWritten)
        #expect(shutdown.next() == .watchServer(atMost: nil))
    }

    @Test func `PostgreSQL could not be stopped: the key stays`() {
        var shutdown = Self.stopping()
        shutdown.learn(.stopFailed("the postmaster did not end in 60 s"))
        #expect(shutdown.next() == .finished(.stopFailed("the postmaster did not end in 60 s")))
        let text = Shutdown.Ending.stopFailed("x").text
        #expect(text?.hasPrefix("PostgreSQL shutdown failed, leader key not removed.") == true)
    }

    @Test(arguments: [Observation.standby, .primary.noLease, .primary.ledBy("beta")])
    func `who does not hold the key asks nobody and releases nothing`(_ now: Observation) {
        var shutdown = Self.stopping(now.with { $0.isShuttingDown = true })
        shutdown.learn(.checkpointWritten(Self.checkpoint, at: .start))
        #expect(shutdown.next() == .watchServer(atMost: nil))
        shutdown.learn(.serverStopped(nil))
        #expect(shutdown.next() == .publishMember)
    }

    // Who counts as a successor

    static func answer(_ now: Observation, _ peers: [PeerStatus]) -> Handover.Answer {
        guard case .cluster(let cluster) = now.store else { return .nobodyToAsk }
        let handover = Handover(
            me: now.me, cluster: cluster, settings: now.settings, checkpoint: checkpoint, since: .start)
        return handover.answer(peers, at: .start)
    }

    @Test func `only the candidate counts when one is named`() {
        let now = Observation.primary.asked(.switchover(to: "gamma"))
        #expect(Self.answer(now, [.standby("beta", at: 300)]) == .askAgain(after: .milliseconds(30)))
        #expect(Self.answer(now, [.standby("gamma", at: 300)]) == .release(to: "gamma", position: LSN(190)))
    }

    @Test func `members that may not lead do not count`() {
        let tagged = Observation.primary.cluster { cluster in
            cluster.change("beta") { $0 = $0.tagged("nofailover") }
            cluster.change("gamma") { $0 = $0.tagged("failover_priority", 0) }
        }
        #expect(Self.answer(tagged, [.standby("beta", at: 300), .standby("gamma", at: 300)]) == .nobodyToAsk)
        let watchdog = PeerStatus.standby("beta", at: 300).with { $0.hasWatchdogFailed = true }
        #expect(Self.answer(.primary, [watchdog]) == .askAgain(after: .milliseconds(30)))
        #expect(Self.answer(.primary, [.primary("beta", at: 300)]) == .askAgain(after: .milliseconds(30)))
    }

    @Test func `with synchronous replication only its members count, except for a manual failover`() {
        let now = Observation.primary.settings { $0.synchronousMode = .on }.cluster {
            $0.sync = SyncState(leader: "alpha", standbys: ["beta"])
        }
        #expect(Self.answer(now, [.standby("gamma", at: 300)]) == .askAgain(after: .milliseconds(30)))
        #expect(
            Self.answer(now.asked(.failover(to: "gamma")), [.standby("gamma", at: 300)])
                == .release(to: "gamma", position: LSN(190)))
    }
}
