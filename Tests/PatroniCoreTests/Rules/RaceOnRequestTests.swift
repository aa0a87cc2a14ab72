// The leader race after an operator asked for a change: every rule, by example.
// Facts: HA-115 to HA-119, HA-121.

import Testing

@testable import PatroniCore

@Suite("Leader race on request") struct RaceOnRequestTests {
    static let beta = Observation.standby.unlocked
    static let alpha = Observation.primary.server(.standby(at: 120)).unlocked
    static let later = WallTime.noon + .seconds(3600)

    static let rows: [Row] = [
        Row(
            "we are the candidate: no comparison", beta.asked(.switchover(to: "beta")),
            world: { $0.peers = [.standby("gamma", at: 500)] }, fires: "leader-race/we-are-the-candidate",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "somebody has led a newer timeline since the switchover was asked for",
            beta.cluster { $0.history = RacedViewTests.history(1) }.asked(.switchover(to: "beta")),
            fires: "leader-race/candidate-is-behind",
            then: .settles(.olderTimeline(own: Timeline(1), recorded: Timeline(2)))),
        Row(
            "a manual failover may go back to an older one",
            beta.cluster { $0.history = RacedViewTests.history(1) }.asked(.failover(to: "beta")),
            fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
        Row(
            "paused: the candidate is promoted too, and the request stays until it is through",
            beta.paused.asked(.switchover(to: "beta")), fires: "leader-race/we-are-the-candidate",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "paused: a candidate for later waits", beta.paused.asked(.switchover(to: "beta", at: later)),
            fires: "leader-race/paused-standby", then: .settles(.notHealthiestWhilePaused)),
        Row(
            "a candidate tagged nofailover is not promoted", beta.tagged("nofailover").asked(.failover(to: "beta")),
            fires: "leader-race/not-allowed", then: .settles(.notAllowedToLead)),
        Row(
            "another member is the candidate, and able: it shall have it", beta.asked(.switchover(to: "gamma")),
            fires: "leader-race/yield-to-the-candidate", then: .settles(.yieldingTo("gamma"))),
        Row(
            "the same is asked even of one that seems too far behind to win",
            beta.server(.standby(at: 1)).cluster { $0.status.position = LSN(9_000_000) }.asked(
                .switchover(to: "gamma")),
            fires: "leader-race/yield-to-the-candidate", then: .settles(.yieldingTo("gamma"))),
        Row(
            "the candidate does not answer: an ordinary race", beta.asked(.switchover(to: "gamma")),
            world: { $0.peers = [.silent("gamma")] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "the candidate answers but does not come for a whole ttl", beta.asked(.switchover(to: "gamma")),
            memory: { $0.unlockedSince = .start - .seconds(30) }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "a switchover forgives the lag",
            beta.cluster { $0.status.position = LSN(9_000_000) }.asked(.switchover()), fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "one that is planned for later does not",
            beta.cluster { $0.status.position = LSN(9_000_000) }.asked(.switchover(at: later)),
            fires: "leader-race/too-far-behind", then: .settles(.tooFarBehind(ByteCount(8_999_900)))),
        Row(
            "the leader dies before the planned switchover: an ordinary race",
            beta.asked(.switchover(to: "gamma", at: later)), fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "the leader that let go is ahead, and does not count", beta.asked(.switchover()),
            world: { $0.peers = [.standby("alpha", at: 120)] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "it still looks like a primary, and does not count either", beta.asked(.switchover()),
            world: { $0.peers = [.primary("alpha", at: 120)] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
        Row(
            "who let go waits for others", alpha.asked(.switchover()), fires: "leader-race/former-leader-waits",
            then: .settles(.yieldingTo("beta"))),
        Row(
            "the candidate of a switchover failed, another member can", alpha.asked(.switchover(to: "beta")),
            world: { $0.peers = [.silent("beta"), .standby("gamma")] }, fires: "leader-race/former-leader-waits",
            then: .settles(.yieldingTo("gamma"))),
        Row(
            "nobody else can: it takes the key back", alpha.asked(.switchover()),
            world: { $0.peers = [.silent("beta"), .silent("gamma")] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey, .clearFailoverRequest], then: .begins(.promote)),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }
}
