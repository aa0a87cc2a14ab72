// Failsafe mode: when a primary goes on without the store, and who must not take over meanwhile.

import Testing

@testable import PatroniCore

@Suite("Failsafe") struct FailsafeTests {
    static let silent = Observation.primary.failsafeOn.storeSilent
    static let beta = Observation.standby.failsafeOn.unlocked
    static let older = Reason.olderTimeline(own: Timeline(1), recorded: Timeline(2))

    static let rows: [Row] = [
        Row(
            "the store is silent and all members agree: the writes go on", silent.lease(12), fires: "failsafe/accepted",
            then: .settles(.continuingInFailsafe)),
        Row(
            "a renewal without an answer is the same", .primary.failsafeOn.lease(12),
            world: { $0.renewal = .unknown(.noAnswer) }, fires: "failsafe/accepted",
            then: .settles(.continuingInFailsafe)),
        Row(
            "so is a primary that takes back a key that has run out", .primary.failsafeOn.unlocked.lease(12),
            world: { $0.acquisition = .unknown(.noAnswer) }, fires: "failsafe/accepted", doing: [.acquireLeaderKey],
            then: .settles(.continuingInFailsafe)),
        Row(
            "all alone in the map: nobody has to agree", silent.with { $0.failsafe.circle = [:] }.lease(12),
            world: { $0.failsafe = [] }, fires: "failsafe/accepted", then: .settles(.continuingInFailsafe)),
        Row(
            "one does not answer: there is time to ask again", silent.lease(12),
            world: { $0.failsafe = [.accepted("beta"), .silent("gamma")] }, fires: "failsafe/not-yet",
            then: .settles(.failsafeNotAccepted(left: .seconds(12), ["gamma": "no answer in time"]))),
        Row(
            "one does not answer, and asking has used up the lease: stop", silent.lease(12),
            world: {
                $0.failsafe = [.accepted("beta"), .silent("gamma")]
                $0.takes = .seconds(8)
            }, fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "they agree, but too late: somebody may have led meanwhile", silent.lease(12),
            world: { $0.takes = .seconds(12) }, fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "one agrees for no longer than our safety margin: that is not enough", silent.lease(6),
            world: {
                $0.failsafe = [.accepted("beta", for: .seconds(3)), .accepted("gamma")]
                $0.takes = .seconds(2)
            }, fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "the lease is about to end: too late to ask", silent.lease(5), fires: "store-silent/lease-ends",
            then: .begins(.demote(.offline))),
        Row(
            "after a restart of the agent nobody knows whether somebody else leads", silent.noLease,
            fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "not in the map: nobody is bound by agreeing", silent.with { $0.failsafe.circle = nil }.lease(4),
            fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "the store says no: that is no silence (HA-220)", .primary.failsafeOn,
            world: { $0.renewal = .lostTo("beta") }, fires: "keeping-the-leader-key/demote",
            then: .begins(.demote(.immediateWithoutKey))),
        Row(
            "failsafe mode is off", silent.settings { $0.isFailsafeModeEnabled = false }.lease(4),
            fires: "store-silent/lease-ends", then: .begins(.demote(.offline))),
        Row(
            "a primary that does not answer just now keeps its lease too",
            silent.server(.unresponsive("timeout")).lease(12), memory: { $0.wasPrimary() },
            fires: "failsafe/accepted", then: .settles(.continuingInFailsafe)),

        // The standby's side
        Row(
            "the key has run out, but alpha goes on by our leave: follow it", beta.promised(to: "alpha"),
            fires: "following/streams", then: .settles(.following(leader: "alpha"))),
        Row(
            "alpha has not come again: race", beta.promised(to: "alpha", for: 0), fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "a lost answer has given us the key, but alpha goes on by our leave",
            .standby.failsafeOn.ledBy("beta")
                .promised(to: "alpha"), fires: "holding-the-lock/promised", then: .settles(.promisedToWait("alpha"))),
        Row(
            "not in the map: nobody asked us", beta.cluster { $0.failsafe = ["alpha": "http://alpha:8008/patroni"] },
            fires: "leader-race/not-in-failsafe-map", then: .settles(.notInFailsafeMap)),
        Row(
            "an operator may insist",
            beta.cluster { $0.failsafe = ["alpha": "http://alpha:8008/patroni"] }.asked(.failover(to: "beta")),
            fires: "leader-race/we-are-the-candidate", doing: [.acquireLeaderKey, .clearFailoverRequest],
            then: .begins(.promote)),
        Row(
            "an empty map is none", beta.cluster { $0.failsafe = [:] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "just started: alpha may be going on by a leave that we have forgotten",
            beta.with { $0.failsafe.startedAt = .start - .seconds(29) }, fires: "leader-race/may-have-promised",
            then: .settles(.mayHavePromised(["alpha"]))),
        Row(
            "just started, but the others say that they are no primaries",
            beta.with { $0.failsafe.startedAt = .start - .seconds(29) },
            world: { $0.peers = [.standby("alpha"), .standby("gamma")] }, fires: "leader-race/healthiest",
            doing: [.acquireLeaderKey], then: .begins(.promote)),
        Row(
            "a ttl after the start nothing is left of it", beta.with { $0.failsafe.startedAt = .start - .seconds(30) },
            fires: "leader-race/healthiest", doing: [.acquireLeaderKey], then: .begins(.promote)),

        // Older timelines
        Row(
            "a standby of an older timeline with the key lets it go", .standby.ledBy("beta").history(2),
            fires: "holding-the-lock/older-timeline", doing: [.releaseLeaderKey], then: .settles(older)),
        Row(
            "an operator may insist on it", .standby.ledBy("beta").history(2).asked(.failover(to: "beta")),
            fires: "holding-the-lock/promote", doing: [.clearFailoverRequest], then: .begins(.promote)),
        Row(
            "a crashed primary of an older timeline lets it go", .crashedPrimary.history(2),
            memory: { $0.wasPrimary() }, fires: "recovery/behind-history", doing: [.releaseLeaderKey],
            then: .begins(.start(.standby(.nobody)))),
        Row(
            "a promotion without a checkpoint yet shows in pg_control all the same",
            .crashedPrimary.history(2).control { $0.minimumRecoveryTimeline = Timeline(2) },
            memory: { $0.wasPrimary() }, fires: "recovery/restart-the-primary", then: .begins(.start(.primary))),
    ]

    @Test(arguments: rows) func row(_ row: Row) { row.check() }

    @Test func `the members' time to answer comes out of what is left of the lease`() {
        func patience(_ lease: Int) -> Duration? {
            for case .ask(.failsafe(_, by: let deadline)) in Transcript.of(Self.silent.lease(lease)).decisions {
                return deadline - .start
            }
            return nil
        }
        #expect(patience(30) == .milliseconds(12_500))
        #expect(patience(10) == .milliseconds(2500))
        #expect(patience(7) == .seconds(2))
        #expect(patience(6) == .seconds(1))
        #expect(patience(5) == nil)
    }

    @Test func `an agreement is good for a ttl from before the question, or for as long as the shortest promise`() {
        let lease = Lease.held(until: .start + .seconds(8))
        var settings = ClusterSettings()
        func after(_ replies: [FailsafeReply], answered: Duration = .seconds(2)) -> Lease {
            FailsafeAnswers(replies).prolonged(
                lease, askedAt: .start, answeredAt: .start + answered, settings)
        }
        #expect(after([.accepted("beta")]) == .held(until: .start + .seconds(30)))
        #expect(after([]) == .held(until: .start + .seconds(30)))
        #expect(after([.accepted("beta", for: .seconds(20))]) == .held(until: .start + .seconds(20)))
        #expect(after([.accepted("beta", for: .seconds(40))]) == .held(until: .start + .seconds(30)))
        #expect(after([.accepted("beta", for: .seconds(1))]) == lease)
        #expect(after([.accepted("beta"), .silent("gamma")]) == lease)
        #expect(after([.accepted("beta"), .refused("gamma")]) == lease)
        #expect(after([.accepted("beta")], answered: .seconds(8)) == lease)
        #expect(FailsafeAnswers([]).prolonged(.none, askedAt: .start, answeredAt: .start, settings) == .none)
        settings.loopWait = .seconds(2)
        settings.retryTimeout = .seconds(3)
        #expect(after([.accepted("beta")]) == .held(until: .start + .seconds(13)), "time for another round, no more")
    }

    @Test func `a member agrees unless it leads, may be about to, or knows of another leader`() {
        func refusal(
            _ now: Observation, _ asker: MemberName = "alpha", taking: Bool = false,
            memory change: (inout Memory) -> Void = { _ in }
        ) -> FailsafeRefusal? {
            var memory = Memory()
            change(&memory)
            return Situation(now, memory).failsafeRefusal(to: asker, isTakingTheKey: taking)
        }
        let blind = Observation.standby.failsafeOn.storeSilent
        #expect(refusal(blind) == nil)
        #expect(refusal(.standby.failsafeOn) == nil)
        #expect(refusal(Self.beta) == nil)
        #expect(refusal(.standby.server(.stopped).failsafeOn) == nil)
        #expect(refusal(blind, taking: true) == .leadsItself)
        #expect(refusal(blind, "beta") == .leadsItself)
        #expect(refusal(blind.server(.primary())) == .leadsItself)
        #expect(refusal(blind.server(.starting), memory: { $0.wasPrimary() }) == .leadsItself)
        #expect(refusal(blind.busy(.promote)) == .leadsItself)
        #expect(refusal(blind.lease(1)) == .leadsItself)
        #expect(refusal(.standby.failsafeOn.ledBy("beta")) == .leadsItself)
        #expect(refusal(blind.promised(to: "gamma")) == .otherLeader("gamma"))
        #expect(refusal(blind.promised(to: "gamma", for: 0)) == nil)
        #expect(refusal(blind.promised(to: "alpha")) == nil)
        let seen = blind.with { $0.failsafe.lastLeader = .init(name: "gamma", at: .start - .seconds(29)) }
        #expect(refusal(seen) == .otherLeader("gamma"))
        #expect(refusal(seen, "gamma") == nil)
        let longAgo = blind.with { $0.failsafe.lastLeader = .init(name: "gamma", at: .start - .seconds(30)) }
        #expect(refusal(longAgo) == nil)
        #expect(FailsafeRefusal.leadsItself.text == "Running as a leader")
    }

    @Test func `whom the store has forgotten leads with the address, role and slots that it told`() {
        var cluster = Cluster.healthy
        cluster.leader = nil
        cluster.members.removeAll { $0.name == "alpha" }
        cluster.change("gamma") { $0 = $0.tagged("replicatefrom", "beta") }
        let promise = FailsafePromise(
            leader: "alpha", connectionURL: "postgres://new:5432/postgres", apiURL: "http://new:8008/patroni",
            slots: ["gamma": LSN(150), "alpha": LSN(200)], until: .start)
        let seen = promise.applied(to: cluster)
        #expect(seen.leader?.name == "alpha")
        #expect(seen.leaderMember?.connectionURL == "postgres://new:5432/postgres")
        #expect(seen.leaderMember?.role == .primary)
        #expect(seen.members.map(\.name) == ["alpha", "beta", "gamma"])
        #expect(seen.status.slots?["alpha"] == LSN(200))
        #expect(seen.member("gamma")?.position == LSN(150))
        #expect(seen.member("beta")?.position == LSN(100))
    }
}

@Suite("Failsafe map") struct FailsafeMapTests {
    private let a = "http://alpha"
    private let b = "http://beta"
    private let g = "http://gamma"

    @Test func `everybody is asked whom the store might list`() {
        var map = FailsafeMap()
        #expect(map.circle(of: "alpha") == nil)
        map.read(["alpha": a, "beta": b])
        #expect(map.circle(of: "alpha") == ["beta": b])
        #expect(map.circle(of: "gamma") == nil)
        map.wrote(["alpha": a, "beta": b, "gamma": g], .unknown(.noAnswer))
        #expect(map.circle(of: "alpha") == ["beta": b, "gamma": g])
        map.read(["alpha": a, "beta": b])
        #expect(map.circle(of: "alpha") == ["beta": b, "gamma": g], "it may land yet")
        map.wrote(["alpha": a], .written(nil))
        #expect(map.circle(of: "alpha") == [:])
        map.read(nil)
        #expect(map.circle(of: "alpha") == nil)
    }

    @Test func `a map without ourselves that may have landed lets us ask nobody`() {
        var map = FailsafeMap()
        map.wrote(["alpha": a, "beta": b], .unknown(.noAnswer))
        #expect(map.circle(of: "alpha") == nil, "as long as the store may have no map, anybody may race")
    }

    @Test func `a member whose key has gone keeps its place for a ttl`() {
        var map = FailsafeMap()
        let members = [Member.primary("alpha"), .replica("beta")]
        func next(_ members: [Member], _ seconds: Int) -> Set<MemberName> {
            let next = map.next(members, me: "alpha", apiURL: a, at: .start + .seconds(seconds), ttl: .seconds(30))
            map.wrote(next, .written(nil))
            return Set(next.keys)
        }
        #expect(next(members, 0) == ["alpha", "beta"])
        #expect(next([], 10) == ["alpha", "beta"])
        #expect(next(members, 20) == ["alpha", "beta"])
        #expect(next([], 49) == ["alpha", "beta"])
        #expect(next([], 50) == ["alpha"])
    }
}
