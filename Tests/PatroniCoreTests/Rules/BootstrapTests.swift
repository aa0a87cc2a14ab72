// Our own attempt to create the cluster has ended: publish it, or make way for others.
// Facts: HA-026, HA-054, HA-055, HA-058.

import Testing

@testable import PatroniCore

@Suite("Finishing a bootstrap") struct BootstrapTests {
    /// alpha has just created the database; the store only knows that somebody is at it.
    static let created = Observation.primary.with { $0.lastClusterWithLeader = nil }.cluster {
        $0 = Cluster()
        $0.initialize = .inProgress
    }.noLease
    static let finished: @Sendable (inout Memory) -> Void = {
        $0.ended(.bootstrap, .succeeded, at: .start, settings: ClusterSettings())
    }
    static let failed: @Sendable (inout Memory) -> Void = {
        $0.ended(.bootstrap, .failed("initdb failed"), at: .start, settings: ClusterSettings())
    }

    static let rows: [Row] = [
        Row(
            "identity first, then the configuration, then the key, then everybody is told", created, memory: finished,
            fires: "finishing-bootstrap/done",
            doing: [.writeInitialize(.ours), .restoreConfiguration, .acquireLeaderKey, .announce(.primary)],
            then: .settles(.initializedCluster)),
        Row(
            "what was written already is not written again",
            created.cluster {
                $0.initialize = .done(.ours)
                $0.configuration = StoredConfiguration(values: ["ttl": 30], version: KeyVersion(3))
            }, memory: finished, fires: "finishing-bootstrap/lead", doing: [.acquireLeaderKey, .announce(.primary)],
            then: .settles(.initializedCluster)),
        Row(
            "whether the key is ours is not known yet", created, memory: finished,
            world: { $0.acquisition = .unknown(.noAnswer) }, fires: "finishing-bootstrap/unknown",
            doing: [.writeInitialize(.ours), .restoreConfiguration, .acquireLeaderKey],
            then: .settles(.raceUndecided(.noAnswer))),
        Row(
            "somebody else leads: our database must not be a second primary", created, memory: finished,
            world: { $0.acquisition = .lostTo("beta") }, fires: "finishing-bootstrap/lost",
            doing: [.writeInitialize(.ours), .restoreConfiguration, .acquireLeaderKey],
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "somebody else's data has become the cluster: ours is not published over it",
            created.cluster { $0.initialize = .done(.foreign) }, memory: finished,
            fires: "finishing-bootstrap/another-cluster",
            then: .halts(.foreignSystemIdentifier(own: .ours, cluster: .foreign))),
        Row(
            "a failed attempt lets others try, and ends the agent", created.server(.stopped), memory: failed,
            fires: "finishing-bootstrap/failed", doing: [.cancelInitialize],
            then: .halts(.bootstrapFailed("initdb failed"))),
        Row(
            "a failed attempt does not take away somebody else's identity",
            created.server(.stopped).cluster { $0.initialize = .done(.foreign) }, memory: failed,
            fires: "finishing-bootstrap/failed", then: .halts(.bootstrapFailed("initdb failed"))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `the next turn comes at once, as an ordinary leader`() {
        var memory = Memory()
        Self.finished(&memory)
        let seen = Transcript.of(Self.created, memory)
        #expect(seen.again == .zero)
        #expect(seen.turn.memory.bootstrap == .notOurs)
        #expect(seen.turn.memory.role == .primary)
    }
}
