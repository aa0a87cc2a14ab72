// The store does not answer: who goes on, who stops, and when.
// Facts: HA-041, HA-042, HA-140, HA-416.

import Testing

@testable import PatroniCore

@Suite("Store silent") struct StoreSilentTests {
    static let rows: [Row] = [
        Row(
            "paused: a primary goes on without the store, lease or no lease", .primary.paused.storeSilent.noLease,
            fires: "store-silent/paused", then: .settles(.storeSilent(.noAnswer))),
        Row(
            "a demotion under way is not called off", .primary.storeSilent.noLease.busy(.demote(.offline)),
            fires: "store-silent/already-demoting", then: .settles(.jobInProgress(.demote(.offline)))),
        Row(
            "a primary with a lease goes on writing", .primary.storeSilent.lease(12), fires: "store-silent/lease-valid",
            then: .settles(.storeSilentLeaseValid(left: .seconds(12), .noAnswer))),
        Row(
            "a primary whose lease is about to end stops, in time to be down before it ends",
            .primary.storeSilent.lease(4),
            fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "a primary whose lease has ended stops", .primary.storeSilent.lease(-3), fires: "store-silent/lease-ends",
            then: .begins(.demote(.offline))),
        Row(
            "a primary that does not answer is stopped as well: it may still accept writes",
            .primary.server(.unresponsive("timeout")).storeSilent.lease(1), memory: { $0.wasPrimary() },
            fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "a promotion under way is called off when the lease ends", .standby.storeSilent.lease(1).busy(.promote),
            fires: "store-silent/free-the-hands", doing: [.cancelJob], then: .settles(.storeSilent(.noAnswer))),
        Row(
            "a restart of a primary is called off when the lease ends: it would come up writable",
            .crashedPrimary.storeSilent.lease(1).busy(.restart(startTimeout: nil)), memory: { $0.wasPrimary() },
            fires: "store-silent/free-the-hands", doing: [.cancelJob], then: .settles(.storeSilent(.noAnswer))),
        Row(
            "a restart of a standby goes on", .stoppedStandby.storeSilent.busy(.restart(startTimeout: nil)),
            fires: "store-silent/wait", then: .settles(.storeSilent(.noAnswer))),
        Row(
            "creating the cluster goes on: nobody else has its data", .primary.storeSilent.noLease.busy(.bootstrap),
            memory: { $0.began(.bootstrap, at: .start) }, fires: "store-silent/wait",
            then: .settles(.storeSilent(.noAnswer))),
        Row(
            "a demoted primary comes back readable", .crashedPrimary.storeSilent.noLease, memory: { $0.wasDemoted() },
            fires: "store-silent/demoted", then: .begins(.start(.standby(.nobody)))),
        Row(
            "a demoted primary that failed to start is not started again and again",
            .crashedPrimary.storeSilent.noLease,
            memory: {
                $0.wasDemoted()
                $0.startFailure = .init(why: "no space left on device", at: .start)
            }, fires: "store-silent/wait", then: .settles(.storeSilent(.noAnswer))),
        Row(
            "a standby stays what it is", .standby.storeSilent, fires: "store-silent/wait",
            then: .settles(.storeSilent(.noAnswer))),
        Row(
            "a stopped primary stays stopped: nobody knows who leads", .crashedPrimary.storeSilent.lease(15),
            memory: { $0.wasPrimary() }, fires: "store-silent/wait", then: .settles(.storeSilent(.noAnswer))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
