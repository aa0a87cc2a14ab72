// The leader key is renewed before anything else, and losing it stops a primary.
// Facts: HA-044, HA-123, HA-149, HA-162, HA-348.

import Testing

@testable import PatroniCore

@Suite("Keeping the leader key") struct KeepingTheLeaderKeyTests {
    static let rows: [Row] = [
        Row(
            "a key that we have just given away is not renewed, though an old picture shows it as ours",
            .crashedPrimary.noLease, memory: { $0.wasDemoted(secondsAgo: 1) },
            fires: "keeping-the-leader-key/just-let-go", then: .settles(.waitingForSuccessor)),
        Row(
            "when it is still ours two seconds later, nobody else wanted it", .crashedPrimary.noLease,
            memory: { $0.wasDemoted(secondsAgo: 2) }, fires: "keeping-the-leader-key/renew",
            then: .begins(.start(.standby(.nobody)))),
        Row(
            "a leader renews its key before anything else", .primary, fires: "keeping-the-leader-key/renew",
            then: .settles(.leading)),
        Row(
            "a renewal without an answer changes nothing while the lease is good", .primary.lease(15),
            world: { $0.renewal = .unknown(.noAnswer) }, fires: "keeping-the-leader-key/silent-but-valid",
            then: .settles(.storeSilentLeaseValid(left: .seconds(15), .noAnswer))),
        Row(
            "a renewal without an answer stops a primary when its lease is about to end", .primary.lease(5),
            world: { $0.renewal = .unknown(.noAnswer) }, fires: "keeping-the-leader-key/demote",
            then: .begins(.demote(.offline))),
        Row(
            "a renewal without an answer stops a primary that never had a lease, after a restart of the agent",
            .primary.noLease, world: { $0.renewal = .unknown(.noAnswer) }, fires: "keeping-the-leader-key/demote",
            then: .begins(.demote(.offline))),
        Row(
            "somebody else has the key: stop at once, whatever the lease says", .primary.lease(20),
            world: { $0.renewal = .lostTo("beta") }, fires: "keeping-the-leader-key/demote",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "the key is gone, nobody has it: look at the store again, the race decides", .primary,
            world: { $0.renewal = .lostTo(nil) }, fires: "keeping-the-leader-key/gone", then: .settles(.leaderKeyGone)),
        Row(
            "the same of a primary that doesn't answer: it is stopped", .primary.server(.unresponsive("timeout")),
            memory: { $0.wasPrimary() }, world: { $0.renewal = .lostTo(nil) }, fires: "keeping-the-leader-key/demote",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "a primary that does not answer is stopped too", .primary.server(.unresponsive("timeout")),
            memory: { $0.wasPrimary() }, world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/demote",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "paused: a primary goes on without its key", .primary.paused, world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/paused", then: .settles(.continuingWhilePaused)),
        Row(
            "paused: a primary that is starting goes on too", .primary.paused.server(.starting),
            memory: { $0.wasPrimary() }, world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/paused",
            then: .settles(.continuingWhilePaused)),
        Row(
            "paused: no answer and no lease, and a primary goes on", .primary.paused.lease(-1),
            world: { $0.renewal = .unknown(.noAnswer) }, fires: "keeping-the-leader-key/paused",
            then: .settles(.continuingWhilePaused)),
        Row(
            "a promotion that PostgreSQL has not heard of is called off",
            .primary.server(.standby()).busy(.promote), world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/cancel-promotion", doing: [.cancelJob],
            then: .settles(.notPromotingFailedUpdate)),
        Row(
            "paused: so is the promotion of an operator's candidate",
            .primary.server(.standby()).paused.busy(.promote), world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/cancel-promotion", doing: [.cancelJob],
            then: .settles(.notPromotingFailedUpdate)),
        Row(
            "a promotion PostgreSQL has been told of is ended, and looked at again",
            .primary.server(.standby()).busy(.promote, isPastReturn: true), world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/cancel-job", doing: [.cancelJob], then: .settles(.notPromotingFailedUpdate)),
        Row(
            "a primary in the middle of a restart must not come up again",
            .crashedPrimary.busy(.restart(startTimeout: nil)), memory: { $0.wasPrimary() },
            world: { $0.renewal = .lostTo("beta") }, fires: "keeping-the-leader-key/cancel-job", doing: [.cancelJob],
            then: .settles(.notPromotingFailedUpdate)),
        Row(
            "a running primary is stopped, its job comes to an end first",
            .primary.busy(.restart(startTimeout: nil)), world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/cancel-job", doing: [.cancelJob],
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "a primary that is still starting must not come up", .primary.server(.starting),
            memory: { $0.wasPrimary() }, world: { $0.renewal = .lostTo("beta") },
            fires: "keeping-the-leader-key/lost-while-starting", then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "a standby that lost the key is not promoted", .primary.server(.standby()),
            world: { $0.renewal = .lostTo("beta") }, fires: "keeping-the-leader-key/do-not-promote",
            then: .settles(.notPromotingFailedUpdate)),
        Row(
            "a stopped primary that lost the key is not started", .crashedPrimary, memory: { $0.wasPrimary() },
            world: { $0.renewal = .lostTo("beta") }, fires: "keeping-the-leader-key/do-not-promote",
            then: .settles(.notPromotingFailedUpdate)),
        Row(
            "a demotion keeps the key until it hands it over",
            .primary.busy(.demote(.graceful(.switchover()))), fires: "keeping-the-leader-key/renew",
            then: .settles(.keepingTheKey(during: .demote(.graceful(.switchover()))))),
        Row(
            "a demotion that has begun to give the key away is not undone by a renewal",
            .primary.busy(.demote(.graceful(.switchover())), isPastReturn: true), fires: "job-in-progress/wait",
            then: .settles(.jobInProgress(.demote(.graceful(.switchover()))))),
        Row(
            "a demotion under way is not called off because the key is lost",
            .primary.busy(.demote(.graceful(.switchover()))), world: { $0.renewal = .lostTo("beta") },
            fires: "job-in-progress/wait", then: .settles(.jobInProgress(.demote(.graceful(.switchover()))))),
        Row(
            "an immediate demotion does not renew", .primary.busy(.demote(.immediate)), fires: "job-in-progress/wait",
            then: .settles(.jobInProgress(.demote(.immediate)))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `nothing happens before the renewal`() {
        for row in EveryRule.rows where row.now.holdsKey && row.now.isUndisturbed {
            let first = row.transcript().path.first
            #expect(first?.hasPrefix("keeping-the-leader-key/") == true, "\(row.sentence): \(first ?? "")")
        }
    }

    @Test func `a promotion that was called off starts no back-off`() {
        var world = World()
        world.renewal = .lostTo("beta")
        let seen = Transcript.of(.primary.server(.standby()).busy(.promote), Memory(), world)
        #expect(seen.turn.memory.noRaceUntil == nil)
        #expect(seen.again == .zero)
    }
}

extension Observation {
    fileprivate var holdsKey: Bool {
        if case .cluster(let cluster) = store { cluster.leader?.name == me } else { false }
    }
    /// No demotion under way that gives the key up.
    fileprivate var isUndisturbed: Bool {
        if case .demote? = job?.job { false } else { true }
    }
}
