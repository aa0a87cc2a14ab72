// What may happen in the middle of a turn, and what must not hold it up.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniLoop

@Suite struct TurnTests {
    @Test func `a server whose look hangs neither holds up the turn nor costs the key`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.server.place(.primary, control: .inProduction)
        for _ in 1...3 { _ = await alpha.agent.turn() }
        #expect(try await rig.leader == "alpha")
        await alpha.server.trouble { $0.looksHang = true }
        for _ in 1...2 {
            let began = rig.time.now
            _ = await alpha.agent.turn()
            #expect(rig.time.now - began < .seconds(4))
            guard case .unresponsive = await alpha.agent.look.status else { throw RigFailure(text: "it answered") }
        }
        #expect(await alpha.agent.lease.isValid(at: rig.time.now + .seconds(14)))
        await alpha.server.trouble { $0.looksHang = false }
        await rig.time.sleep(until: rig.time.now + .milliseconds(500))
        _ = await alpha.agent.turn()
        #expect(await alpha.agent.look.status.isPrimary)
        await alpha.store.close()
    }

    @Test func `a server that doesn't answer may accept writes when it was a primary by its files`() throws {
        let ours = try #require(SystemIdentifier("7000000000000000001"))
        let silent = ServerStatus.unresponsive("no answer in 2 s")
        func look(_ state: ControlState, _ status: ServerStatus) -> ServerLook {
            ServerLook(directory: .holds(ControlData(systemIdentifier: ours, state: state)), status: status)
        }
        #expect(look(.inProduction, silent).mayBeWritable)
        #expect(!look(.inArchiveRecovery, silent).mayBeWritable)
        #expect(!look(.inProduction, .stopped).mayBeWritable)
        #expect(!ServerLook(directory: .empty, status: silent).mayBeWritable)
    }

    @Test func `the rules learn of the end of a job at the next turn`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.server.place(.stopped, control: .shutDown)
        await alpha.agent.begin(.start(.standby(.nobody)))
        try await rig.eventually("the job ends") { await alpha.agent.jobTask == nil }
        #expect(await alpha.agent.job != nil)
        // Nobody may wait for what has ended already.
        #expect(await alpha.agent.outcomeOfJob() == nil)
        _ = await alpha.agent.turn()
        #expect(await alpha.agent.endedJobs.isEmpty)
        #expect(await alpha.agent.job?.job != .start(.standby(.nobody)))
        await alpha.store.close()
    }

    @Test func `a job that was called off and does not end is left behind`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.server.place(.stopped, control: .shutDown)
        await alpha.server.trouble {
            $0.startTakes = .seconds(8)
            $0.ignoresCancellation = true
        }
        await alpha.agent.begin(.start(.primary))
        let began = rig.time.now
        async let outcome = alpha.agent.outcomeOfJob()
        await rig.time.sleep(until: rig.time.now + .milliseconds(200))
        await alpha.agent.cancelJob()
        #expect(rig.time.now - began < .seconds(6))
        #expect(await outcome == .cancelled)
        await alpha.agent.begin(.checkDivergence(from: "beta"))
        try await rig.eventually("the late one ends") { await alpha.server.kind == .primary }
        // Its end is not taken for the end of the next one.
        #expect(await alpha.agent.job?.job == .checkDivergence(from: "beta"))
        await alpha.store.close()
    }

    @Test func `requests wait for the end of a turn`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            for _ in 1...5 {
                beta.store.line = .slow(.milliseconds(300))
                async let first = beta.agent.restart(RestartRequest())
                async let second = beta.agent.restart(RestartRequest())
                let outcomes = [await first, await second]
                #expect(outcomes.contains(.restarted))
                beta.store.line = .healthy
            }
            try await rig.settled(alpha, beta)
        }
    }

    @Test func `a restart is not refused because the member compares itself with the leader`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await beta.server.trouble { $0.comparingTakes = .seconds(2) }
            await beta.server.crash()
            try await rig.eventually("beta compares") { await beta.server.did.last == "compare" }
            #expect(await beta.agent.restart(RestartRequest()) == .restarted)
            #expect(await beta.server.follows("alpha"))
        }
    }

    @Test func `a scheduled restart that waits for a job does not hurry the loop`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.server.place(.stopped, control: .shutDown)
        await alpha.server.trouble { $0.startTakes = .seconds(2) }
        #expect(await alpha.agent.schedule(RestartRequest(), at: rig.time.wallTime))
        #expect(await !alpha.agent.schedule(RestartRequest(), at: rig.time.wallTime))
        await alpha.agent.begin(.start(.primary))
        #expect(await alpha.agent.attendToSchedule() == nil)
        #expect(await alpha.agent.scheduledRestart != nil)
        #expect(await alpha.agent.unschedule())
        await alpha.agent.cancelJob()
        await alpha.store.close()
    }

    @Test func `no wake-up is lost, and none comes from an earlier alarm`() async throws {
        let wakeUps = WakeUps()
        let time = SystemTime()
        let far = time.now + .seconds(60)
        for _ in 1...300 {
            async let waking: Void = wakeUps.wake()
            await wakeUps.wait(until: far, time: time)
            await waking
        }
        wakeUps.wake()
        wakeUps.wake()
        await wakeUps.wait(until: far, time: time)
        let began = time.now
        for _ in 1...20 {
            wakeUps.wake()
            await wakeUps.wait(until: time.now + .milliseconds(1), time: time)
        }
        await time.sleep(until: time.now + .milliseconds(20))
        let last = time.now
        await wakeUps.wait(until: last + .milliseconds(100), time: time)
        #expect(time.now - last >= .milliseconds(99))
        #expect(time.now - began < .seconds(30))
    }
}
