// The lease: never believed longer than the store keeps it, and a primary is gone before it ends.

import PatroniCore
import PatroniPorts
import Testing

@testable import PatroniLoop

@Suite struct LeaseTests {
    private func until(_ member: RigMember) async -> Moment? {
        if case .held(let until) = await member.agent.lease { until } else { nil }
    }

    @Test func `it counts from before the request, however long the answer takes`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        alpha.store.line = .slow(.seconds(3))
        let sent = rig.time.now
        _ = await alpha.agent.perform(.acquireLeaderKey, because: .healthiest)
        let first = try #require(await until(alpha))
        #expect(first >= sent + .seconds(20) && first < sent + .seconds(22))
        await alpha.store.close()
    }

    @Test func `a lost answer neither prolongs nor ends it`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        _ = await alpha.agent.perform(.acquireLeaderKey, because: .healthiest)
        let first = await until(alpha)
        alpha.store.line = .losesLeaderAnswers
        guard case .leaderKey(_, .unknown, let lease) = await alpha.agent.perform(.renewLeaderKey, because: .leading)
        else { throw RigFailure(text: "the answer was not lost") }
        #expect(await until(alpha) == first)
        #expect(lease.isValid(at: rig.time.now))
        await alpha.store.close()
    }

    @Test func `a lost answer may have shortened it when ttl was lowered`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.agent.set { $0.settings.ttl = .seconds(300) }
        _ = await alpha.agent.perform(.acquireLeaderKey, because: .healthiest)
        await alpha.agent.set { $0.settings.ttl = .seconds(20) }
        alpha.store.line = .losesLeaderAnswers
        let sent = rig.time.now
        _ = await alpha.agent.perform(.renewLeaderKey, because: .leading)
        let end = try #require(await until(alpha))
        #expect(end < sent + .seconds(25))
        await alpha.store.close()
    }

    @Test func `a renewal that is under way can't bring back a key that is given away`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        _ = await alpha.agent.perform(.acquireLeaderKey, because: .healthiest)
        alpha.store.line = .slow(.seconds(2))
        async let renewal = alpha.agent.perform(.renewLeaderKey, because: .leading)
        await rig.time.sleep(until: rig.time.now + .milliseconds(500))
        alpha.store.line = .healthy
        #expect(await alpha.agent.releaseKey(position: nil).isWritten)
        #expect(await renewal == .leaderKey(.renewLeaderKey, .lostTo(nil), .none))
        #expect(await alpha.agent.lease == .none)
        #expect(try await rig.leader == nil)
        #expect(alpha.status.current.leaderUntil == nil)
        await alpha.store.close()
    }

    @Test(arguments: [false, true])
    func `a primary that lost the store has stopped before another is promoted`(_ stopHangs: Bool) async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            if stopHangs { await alpha.server.trouble { $0.fastStopHangs = true } }
            alpha.store.line = .silent
            try await rig.eventually("beta leads") { await beta.server.kind == .primary }
            let stopped = try #require(await alpha.server.primaryUntil)
            let promoted = try #require(await beta.server.primarySince)
            #expect(stopped < promoted)
            #expect(await alpha.server.did.contains("stop immediate") == stopHangs)
        }
    }

    @Test func `a primary whose renewals get no answer stops before its lease ends`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        try await rig.running(alpha) {
            try await rig.eventually("alpha leads") {
                try await rig.cluster().member("alpha")?.role == .primary
            }
            let held = try #require(await until(alpha))
            await alpha.server.trouble { $0.fastStopHangs = true }
            alpha.store.line = .losesLeaderAnswers
            try await rig.eventually("alpha stops") { await alpha.server.primaryUntil != nil }
            let stopped = try #require(await alpha.server.primaryUntil)
            // One more renewal may have come through in between.
            #expect(stopped < held + .seconds(4))
        }
    }

    @Test func `the end of the agent does not outlast the lease`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await alpha.server.trouble { $0.fastStopHangs = true }
            await alpha.agent.requestShutdown()
            try await rig.eventually("alpha stops") { await alpha.server.did.contains("stop fast") }
            alpha.store.line = .silent
            try await rig.eventually("beta leads") { await beta.server.kind == .primary }
            let stopped = try #require(await alpha.server.primaryUntil)
            let promoted = try #require(await beta.server.primarySince)
            #expect(stopped < promoted)
        }
    }

    @Test func `a checkpoint before a switchover does not outlast the lease`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await alpha.server.trouble { $0.checkpointHangs = true }
            await rig.ask(FailoverRequest(leader: "alpha", candidate: "beta"))
            try await rig.eventually("the switchover begins") { await alpha.agent.job?.job.isDemotion == true }
            alpha.store.line = .silent
            try await rig.eventually("beta leads") { await beta.server.kind == .primary }
            let stopped = try #require(await alpha.server.primaryUntil)
            let promoted = try #require(await beta.server.primarySince)
            #expect(stopped < promoted)
        }
    }
}

extension Agent {
    /// Puts the agent into a state that takes long to get into.
    func set(_ change: @Sendable (isolated Agent) -> Void) { change(self) }
}
