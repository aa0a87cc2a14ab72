// A long task is under way: the key is kept, and dangerous tasks end with the leadership.
// Facts: HA-024, HA-150, HA-151, HA-161 to HA-163.

import Testing

@testable import PatroniCore

@Suite("A job in progress") struct JobInProgressTests {
    static let starting = Observation.crashedPrimary.server(.starting)

    static let rows: [Row] = [
        Row(
            "the key is kept during a job", .primary.busy(.restart(startTimeout: nil)),
            fires: "job-in-progress/keep-the-key", then: .settles(.keepingTheKey(during: .restart(startTimeout: nil)))),
        Row(
            "a standby's job goes on", .standby.busy(.follow(.member("alpha"), restart: true)),
            fires: "job-in-progress/wait", then: .settles(.jobInProgress(.follow(.member("alpha"), restart: true)))),
        Row(
            "a primary that starts in time is waited for", starting.busy(.start(.primary), for: .seconds(299)),
            memory: { $0.wasPrimary() }, fires: "job-in-progress/keep-the-key",
            then: .settles(.keepingTheKey(during: .start(.primary)))),
        Row(
            "a primary that takes too long to start gives way, when somebody can take over",
            starting.busy(.start(.primary), for: .seconds(301)), memory: { $0.wasPrimary() },
            fires: "job-in-progress/start-called-off", doing: [.cancelJob], then: .begins(.demote(.immediate))),
        Row(
            "the same when its postmaster was not seen yet: it is not simply started again",
            .crashedPrimary.busy(.start(.primary), for: .seconds(301)), memory: { $0.wasPrimary() },
            fires: "job-in-progress/primary-start-timeout", doing: [.cancelJob], then: .begins(.demote(.immediate))),
        Row(
            "when nobody can take over, it may take its time", starting.busy(.start(.primary), for: .seconds(301)),
            memory: { $0.wasPrimary() }, world: { $0.peers = [.silent("beta"), .silent("gamma")] },
            fires: "job-in-progress/keep-the-key", then: .settles(.keepingTheKey(during: .start(.primary)))),
        Row(
            "an operator's restart has the operator's limit",
            starting.busy(.restart(startTimeout: .seconds(60)), for: .seconds(100)),
            memory: {
                $0.wasPrimary()
                $0.startingSince = .start - .seconds(61)
            }, fires: "job-in-progress/primary-start-timeout", doing: [.cancelJob], then: .begins(.demote(.immediate))),
        Row(
            "stopping before a restart does not count as starting",
            starting.busy(.restart(startTimeout: .seconds(60)), for: .seconds(100)),
            memory: {
                $0.wasPrimary()
                $0.startingSince = .start - .seconds(5)
            }, fires: "job-in-progress/keep-the-key",
            then: .settles(.keepingTheKey(during: .restart(startTimeout: .seconds(60))))),
        Row(
            "paused: no time limit ends a start", starting.paused.busy(.start(.primary), for: .seconds(301)),
            memory: { $0.wasPrimary() }, fires: "job-in-progress/keep-the-key",
            then: .settles(.keepingTheKey(during: .start(.primary)))),
        Row(
            "somebody else leads: our promotion is called off", .standby.busy(.promote),
            fires: "job-in-progress/lost-the-key", doing: [.cancelJob], then: .settles(.lookingAgain)),
        Row(
            "even when PostgreSQL has been told of it", .standby.busy(.promote, isPastReturn: true),
            fires: "job-in-progress/lost-the-key", doing: [.cancelJob], then: .settles(.lookingAgain)),
        Row(
            "a promotion that has come through beside another leader is undone",
            .primary.ledBy("beta").busy(.promote, isPastReturn: true), fires: "job-in-progress/lost-the-key",
            doing: [.cancelJob], then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "the key is gone and no lease protects a promotion", .standby.unlocked.busy(.promote),
            fires: "job-in-progress/lost-the-key", doing: [.cancelJob], then: .settles(.lookingAgain)),
        Row(
            "with a good lease an old picture of the store stops no promotion",
            .standby.unlocked.lease(25).busy(.promote), fires: "job-in-progress/wait",
            then: .settles(.jobInProgress(.promote))),
        Row(
            "a primary is not restarted beside another leader",
            .crashedPrimary.ledBy("beta").busy(.restart(startTimeout: nil)), memory: { $0.wasPrimary() },
            fires: "job-in-progress/look-again", doing: [.cancelJob], then: .settles(.lookingAgain)),
        Row(
            "a standby's restart does not depend on who leads", .standby.unlocked.busy(.restart(startTimeout: nil)),
            fires: "job-in-progress/wait", then: .settles(.jobInProgress(.restart(startTimeout: nil)))),
        Row(
            "paused: an operator's restart of a second primary goes on",
            .primary.ledBy("beta").paused.busy(.restart(startTimeout: nil)), fires: "job-in-progress/wait",
            then: .settles(.jobInProgress(.restart(startTimeout: nil)))),
        Row(
            "a demotion is never called off", .primary.ledBy("beta").busy(.demote(.immediateWithoutKey)),
            fires: "job-in-progress/wait", then: .settles(.jobInProgress(.demote(.immediateWithoutKey)))),
        Row(
            "creating the cluster goes on, whoever leads", .primary.ledBy("beta").busy(.bootstrap),
            memory: { $0.began(.bootstrap, at: .start) }, fires: "job-in-progress/wait",
            then: .settles(.jobInProgress(.bootstrap))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
