// The ordinary life of a cluster: it is created, grows, fails over, is paused, and ends.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniLoop

@Suite struct LifeTests {
    @Test func `the first member creates the cluster and the second follows it`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        try await rig.running(alpha) {
            try await rig.eventually("alpha leads") { try await rig.leader == "alpha" }
            try await rig.running(beta) {
                try await rig.settled(alpha, beta)
                let cluster = try await rig.cluster()
                #expect(cluster.initialize.identifier == ModelServer.identifier)
                #expect(cluster.configuration?.values["ttl"] == 20)
                for name: MemberName in ["alpha", "beta"] {
                    try await rig.eventually("\(name) keeps a copy of the configuration") {
                        (try? FileReading.text(rig.data(name) + "/patroni.dynamic.json"))?.contains("loop_wait") == true
                    }
                }
                #expect(await beta.server.did == ["clone from alpha", "start"])
            }
        }
        #expect(alpha.callbacks.heard.first == "on_start primary")
        #expect(beta.callbacks.heard.first == "on_start replica")
    }

    @Test func `a crashed primary is started again and keeps its key and timeline`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await alpha.server.crash()
            try await rig.eventually("alpha runs again") { await alpha.server.kind == .primary }
            #expect(try await rig.leader == "alpha")
            #expect(await alpha.server.timeline == 1)
        }
    }

    @Test func `a primary whose promotion nobody saw the end of gets its checkpoint`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.server.place(.primary, control: .inProduction, timeline: 2, checkpointed: 1)
        try await rig.running(alpha) {
            try await rig.eventually("alpha has written a checkpoint") {
                await alpha.server.did.contains("checkpoint")
            }
            try await rig.eventually("the others know") {
                try await rig.cluster().member("alpha").map { $0.role == .primary && !$0.awaitsCheckpoint } == true
            }
        }
    }

    @Test func `a primary that can't be started gives its key away`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await alpha.server.trouble { $0.startFails = true }
            await alpha.server.crash()
            try await rig.eventually("beta leads") { await beta.server.kind == .primary }
            #expect(try await rig.leader == "beta")
        }
    }

    @Test func `who wins the key is not promoted when somebody has led since the others were asked`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            beta.store.line = .isOvertaken(
                TimelineHistory(rows: [.init(timeline: Timeline(1), switchpoint: LSN(100), reason: "promotion")]))
            await alpha.server.trouble { $0.startFails = true }
            await alpha.server.crash()
            try await rig.eventually("beta has asked for the key") {
                if case .healthy = beta.store.line { true } else { false }
            }
            await rig.time.sleep(until: rig.time.now + .seconds(10))
            #expect(await !beta.server.did.contains("promote"))
            #expect(try await rig.leader != "beta")
        }
    }

    @Test func `a promotion that is not through in time is ended with its server before the key goes`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await beta.server.trouble { $0.promotionHangs = true }
            await alpha.server.trouble { $0.startFails = true }
            await alpha.server.crash()
            try await rig.eventually("beta was told to promote, and stopped") {
                let did = await beta.server.did
                guard let told = did.firstIndex(of: "promote") else { return false }
                return did[told...].contains("stop immediate")
            }
            await rig.time.sleep(until: rig.time.now + .seconds(2))
            #expect(try await rig.leader != "beta")
            #expect(await beta.server.kind != .primary)
        }
    }

    @Test func `a restart in maintenance mode makes a primary only of who led last`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        try await rig.configure(["pause": true])
        await alpha.server.place(.primary, control: .inProduction)
        // A copy of a primary that nobody has started yet: its files say what the files of the primary said.
        await beta.server.place(.stopped, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.eventually("alpha leads, beta knows") {
                let members = try await rig.cluster().members
                return try await rig.leader == "alpha" && members.count == 2
            }
            #expect(await beta.agent.restart(RestartRequest()) == .restarted)
            #expect(await beta.server.kind == .standby)
            await alpha.server.crash()
            try await rig.eventually("the key is free") { try await rig.leader == nil }
            #expect(await alpha.agent.restart(RestartRequest()) == .restarted)
            #expect(await alpha.server.kind == .primary)
        }
    }

    @Test func `a switchover gives the key away only when the candidate has everything`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await beta.server.trouble { $0.isCutOff = true }
            await rig.ask(FailoverRequest(leader: "alpha", candidate: "beta"))
            try await rig.eventually("alpha has written its last record") {
                await alpha.server.shutdownCheckpoint(by: rig.time.now) != nil
            }
            await rig.time.sleep(until: rig.time.now + .seconds(2))
            #expect(try await rig.leader == "alpha")
            await beta.server.trouble { $0.isCutOff = false }
            try await rig.eventually("alpha follows beta") {
                let isPrimary = await beta.server.kind == .primary
                let isFollowing = await alpha.server.follows("beta")
                return isPrimary && isFollowing
            }
            #expect(await beta.server.position >= 110)
            #expect(try await rig.leader == "beta")
        }
        #expect(
            alpha.callbacks.heard.prefix(3) == ["on_start primary", "on_stop primary", "on_role_change replica"])
        #expect(beta.callbacks.heard.contains("on_role_change primary"))
    }

    @Test func `in maintenance mode nothing is restarted, afterwards it is`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            try await rig.configure(["pause": true])
            try await rig.eventually("all know of the pause") {
                try await rig.cluster().members.allSatisfy(\.isPaused)
            }
            await alpha.server.crash()
            try await rig.eventually("the key is free") { try await rig.leader == nil }
            await rig.time.sleep(until: rig.time.now + .seconds(4))
            #expect(await alpha.server.kind == .stopped)
            #expect(await beta.server.kind == .standby)
            try await rig.configure(["pause": nil])
            try await rig.eventually("somebody leads") {
                guard let name = try await rig.leader else { return false }
                return await rig.world[name]?.kind == .primary
            }
        }
    }

    @Test func `the end of the agent stops the server and frees the key`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        let ends = try await rig.running(alpha) {
            try await rig.eventually("alpha leads") { try await rig.leader == "alpha" }
        }
        #expect(ends == [.asked])
        #expect(try await rig.leader == nil)
        #expect(await alpha.server.kind == .stopped)
        #expect(alpha.callbacks.heard.last == "on_stop primary")
        #expect(await alpha.agent.restart(RestartRequest()) == .notDone(Agent.tooLate))
        #expect(await alpha.agent.reinitialize(force: true, fromLeader: false) == Agent.tooLate)
    }

    @Test func `a replica that nobody knows is left running, the agent ends (HA-031)`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha")
        await alpha.server.place(.standby, control: .inArchiveRecovery)
        let ends = try await rig.running(alpha) { await rig.time.sleep(until: rig.time.now + .seconds(10)) }
        guard case .halted(let why)? = ends.first else { return #expect(Bool(false), "\(ends)") }
        #expect(why == "No initialize key in DCS and PostgreSQL is running as replica, aborting start")
        #expect(await alpha.server.kind == .standby)
    }

    @Test func `a primary that runs when the agent comes takes the key, or stops when it is another's`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        await beta.server.place(.primary, control: .inProduction)
        try await rig.running(alpha) {
            try await rig.eventually("alpha leads") { try await rig.leader == "alpha" }
            #expect(await alpha.server.did.isEmpty)
            try await rig.running(beta) {
                try await rig.eventually("beta follows") { await beta.server.follows("alpha") }
                #expect(await beta.server.did.first == "stop immediate")
            }
        }
    }

    @Test func `operators' requests are carried out or refused`() async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            #expect(await alpha.agent.restart(RestartRequest()) == .restarted)
            #expect(await alpha.server.did.prefix(2) == ["stop fast", "start"])
            #expect(
                await alpha.agent.restart(RestartRequest(role: .replica))
                    == .notDone("restart conditions are not satisfied"))
            #expect(
                await alpha.agent.reinitialize(force: false, fromLeader: false)
                    == "I am the leader, can not reinitialize")
            try await rig.settled(alpha, beta)
            #expect(await beta.agent.reinitialize(force: false, fromLeader: false) == nil)
            try await rig.eventually("beta was copied anew") {
                await beta.server.did.filter { $0 == "clone from alpha" }.count == 2
            }
            try await rig.settled(alpha, beta)
        }
        #expect(try await rig.leader == nil)
        #expect(alpha.callbacks.heard.prefix(2) == ["on_start primary", "on_restart primary"])
    }
}
