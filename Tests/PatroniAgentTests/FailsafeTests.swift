// Failsafe mode with real agents: writes go on without the store, and a promise is kept.

import PatroniCore
import PatroniPorts
import Testing

@testable import PatroniLoop

@Suite struct FailsafeTests {
    private func inFailsafeMode(
        _ body: (Rig, RigMember, RigMember) async throws -> Void
    ) async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            try await rig.configure(["failsafe_mode": true])
            try await rig.eventually("both are in the map") {
                try await rig.cluster().failsafe?.keys.sorted() == ["alpha", "beta"]
            }
            try await rig.eventually("both know it") {
                let (first, second) = (alpha.status.current.failsafeMembers, beta.status.current.failsafeMembers)
                return first?.count == 2 && second?.count == 2
            }
            try await body(rig, alpha, beta)
        }
    }

    @Test func `while all agree, the writes go on without the store, and afterwards all is as before`() async throws {
        try await inFailsafeMode { rig, alpha, beta in
            alpha.store.line = .silent
            beta.store.line = .silent
            try await rig.eventually("alpha goes on in failsafe mode") {
                await alpha.agent.lastReason == .continuingInFailsafe
            }
            try await rig.eventually("both say so") {
                [alpha, beta].allSatisfy { $0.status.current.isFailsafeActive(at: rig.time.now) }
            }
            let end = rig.time.now + .seconds(60)
            while rig.time.now < end {
                guard await alpha.server.kind == .primary, await beta.server.kind == .standby else {
                    Issue.record("the primary did not go on")
                    break
                }
                await rig.time.sleep(until: rig.time.now + .milliseconds(500))
            }
            #expect(try await rig.leader == nil, "the store has forgotten the leader long ago")
            alpha.store.line = .healthy
            beta.store.line = .healthy
            try await rig.eventually("alpha leads again") { try await rig.leader == "alpha" }
            #expect(await alpha.server.primaryUntil == nil)
            try await rig.eventually("and says so") { !alpha.status.current.isFailsafeActive(at: rig.time.now) }
        }
    }

    @Test func `when only the primary has lost the store, the others leave its key alone`() async throws {
        try await inFailsafeMode { rig, alpha, beta in
            alpha.store.line = .silent
            try await rig.eventually("the key has run out") { try await rig.leader == nil }
            let end = rig.time.now + .seconds(40)
            while rig.time.now < end {
                guard await alpha.server.kind == .primary, await beta.server.kind == .standby else {
                    Issue.record("two primaries, or none")
                    break
                }
                await rig.time.sleep(until: rig.time.now + .milliseconds(500))
            }
            #expect(await beta.agent.lastReason == .following(leader: "alpha"))
            rig.world.cutOff("beta")
            try await rig.eventually("beta takes over") { await beta.server.kind == .primary }
            let stopped = try #require(await alpha.server.primaryUntil)
            let promoted = try #require(await beta.server.primarySince)
            #expect(stopped < promoted)
        }
    }

    @Test func `answers about the key that are lost are a silent store too`() async throws {
        try await inFailsafeMode { rig, alpha, _ in
            alpha.store.line = .losesLeaderAnswers
            try await rig.eventually("alpha goes on in failsafe mode") {
                await alpha.agent.lastReason == .continuingInFailsafe
            }
            await rig.time.sleep(until: rig.time.now + .seconds(30))
            #expect(await alpha.server.primaryUntil == nil)
        }
    }

    @Test func `one member can't be reached: the primary stops before its lease ends`() async throws {
        try await inFailsafeMode { rig, alpha, beta in
            rig.world.cutOff("beta")
            guard case .held(let until) = await alpha.agent.lease else { throw RigFailure(text: "no lease") }
            alpha.store.line = .silent
            beta.store.line = .silent
            try await rig.eventually("alpha stops") { await alpha.server.primaryUntil != nil }
            let stopped = try #require(await alpha.server.primaryUntil)
            // One more renewal may have come through in between.
            #expect(stopped < until + .seconds(4))
        }
    }

    @Test func `who is asking for the key itself does not agree, and who has agreed does not ask for it`() async throws
    {
        let rig = try await Rig()
        let beta = try await rig.member("beta")
        let notice = FailsafeNotice(
            name: "alpha", connectionURL: "postgres://a:1/postgres", apiURL: "http://a:1/patroni")
        beta.store.line = .slow(.seconds(2))
        async let request = beta.agent.perform(.acquireLeaderKey, because: .healthiest)
        await rig.time.sleep(until: rig.time.now + .milliseconds(500))
        #expect(await beta.agent.takeFailsafe(notice) == .refused(.leadsItself))
        guard case .leaderKey(_, .held, _) = await request else { throw RigFailure(text: "the key was free") }
        #expect(await beta.agent.takeFailsafe(notice) == .refused(.leadsItself))
        beta.store.line = .healthy
        await beta.agent.releaseKey(position: nil)
        await beta.agent.set { $0.failsafe.lastLeader = nil }

        guard case .accepted(_, for: let time) = await beta.agent.takeFailsafe(notice) else {
            throw RigFailure(text: "there was no reason to refuse")
        }
        #expect(time == .seconds(20))
        #expect(
            await beta.agent.perform(.acquireLeaderKey, because: .healthiest)
                == .leaderKey(.acquireLeaderKey, .lostTo("alpha"), .none))
        #expect(try await rig.leader == nil, "nothing was asked of the store")
        let other = FailsafeNotice(name: "gamma", connectionURL: nil, apiURL: nil)
        #expect(await beta.agent.takeFailsafe(other) == .refused(.otherLeader("alpha")))
        await beta.store.close()
    }
}
