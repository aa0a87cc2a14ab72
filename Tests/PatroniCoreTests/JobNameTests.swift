// How long tasks are called where operators read of them, and what an agent that may not go on leaves behind.

import Testing

@testable import PatroniCore

@Suite("Jobs") struct JobNameTests {
    static let names: [(Job, String)] = [
        (.bootstrap, "bootstrap"), (.bootstrapStandbyLeader, "bootstrap_standby_leader"),
        (.clone(from: .leader("a")), "bootstrap from leader 'a'"),
        (.clone(from: .replica("b")), "bootstrap from replica 'b'"),
        (.clone(from: .noLeader), "bootstrap (without leader)"),
        (.start(.primary), "starting primary after failure"), (.start(.standby(.nobody)), "restarting after failure"),
        (.promote, "promote"), (.restart(startTimeout: nil), "restart"),
        (.reinitialize(from: .noLeader), "reinitialize"), (.reinitializeFromLeader("a"), "reinitialize"),
        (.demote(.graceful(.switchover())), "switchover: demote"),
        (.demote(.graceful(.failover(to: "b"))), "manual failover: demote"),
        (.demote(.toStandbyCluster), "demoting to a standby cluster"), (.demote(.offline), "demoting self"),
        (.rewind(from: "a"), "running pg_rewind from a"),
        (.rewind(from: .remote), "running pg_rewind from remote_member"),
        (.follow(.nobody, restart: true), "changing primary_conninfo and restarting"),
    ]

    @Test(arguments: names) func `texts that are matched name jobs as Patroni does (HA-249, HA-363, HA-364)`(
        _ job: Job, _ name: String
    ) {
        #expect(job.name == name)
        #expect(Refusal.alreadyInProgress(job).text == "\(name) already in progress")
    }

    @Test func `only what could destroy something is stopped without a checkpoint (HA-140 to HA-144)`() {
        for mode in [Demotion.offline, .graceful(.switchover()), .toStandbyCluster] { #expect(mode.stopMode == .fast) }
        for mode in [Demotion.immediate, .immediateWithoutKey] { #expect(mode.stopMode == .immediate) }
    }

    @Test func `a replica without a cluster is left running, everything else is stopped (HA-031)`() {
        #expect(Reason.replicaWithoutCluster.leavesServerAlone)
        #expect(!Reason.foreignSystemIdentifier(own: .ours, cluster: .foreign).leavesServerAlone)
        #expect(!Reason.bootstrapFailed("x").leavesServerAlone)
        #expect(
            Shutdown.Ending.leftRunning(.neverJoined).text
                == "PostgreSQL is left running: this member never joined the cluster")
    }
}

@Suite("A server that hangs") struct HungServerStoryTests {
    /// Turn after turn without an answer: the key is kept and renewed until half a ttl has passed, and then the server is
    /// ended before the key goes.
    @Test func `a frozen primary keeps its word, and gives way after half a ttl`() {
        var memory = Memory()
        memory.look(at: .primary)
        for second in stride(from: 0, through: 14, by: 2) {
            let now = Observation.primary.server(.unresponsive("no answer")).with {
                $0.now = .start + .seconds(second)
                $0.lease = .held(until: .start + .seconds(second + 30))
            }
            let seen = Transcript.of(now, memory)
            #expect(seen.path.first == "keeping-the-leader-key/renew")
            #expect(seen.end == .settles(.serverDoesNotAnswer("no answer")), "second \(second)")
            memory = seen.turn.memory
        }
        let late = Observation.primary.server(.unresponsive("no answer")).with { $0.now = .start + .seconds(15) }
        #expect(Transcript.of(late, memory).end == .begins(.demote(.immediate)))
        // While it is being ended the key is not renewed any more, and it is released after the end only: by the job.
        let ending = late.busy(.demote(.immediate))
        #expect(Transcript.of(ending, memory).deeds == [])
    }

    @Test func `one answer in between begins the count anew`() {
        var memory = Memory()
        memory.look(at: .primary)
        for second in 0..<60 {
            let answers = second % 10 == 0
            let now = (answers ? Observation.primary : .primary.server(.unresponsive("no answer"))).with {
                $0.now = .start + .seconds(second)
                $0.lease = .held(until: .start + .seconds(second + 30))
            }
            let seen = Transcript.of(now, memory)
            #expect(seen.jobs == [], "second \(second)")
            memory = seen.turn.memory
        }
    }
}
