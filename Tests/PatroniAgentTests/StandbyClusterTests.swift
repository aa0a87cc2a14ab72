// A cluster that replicates from another one, in one process: it is created, loses its leader, changes its kind.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniLoop

@Suite struct StandbyClusterTests {
    private static let elsewhere = #", "standby_cluster": {"host": "elsewhere"}"#

    @Test func `the first member copies the remote and leads as a standby, the second follows it`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha", dcs: Self.elsewhere)
        let beta = try await rig.member("beta", dcs: Self.elsewhere)
        try await rig.running(alpha) {
            try await rig.eventually("alpha leads") {
                try await rig.cluster().leaderMember?.role == .standbyLeader
            }
            try await rig.running(beta) {
                try await rig.eventually("beta follows alpha") { await beta.server.follows("alpha") }
                #expect(await alpha.server.followsRemote)
                #expect(await beta.server.did == ["clone from alpha", "start"])
                #expect(alpha.status.current.role == .standbyLeader)
                try await rig.eventually("the leader tells how far it is") {
                    try await rig.cluster().status.position == LSN(100)
                }
            }
        }
        #expect(await alpha.server.did.prefix(2) == ["clone from elsewhere", "start"])
        #expect(alpha.callbacks.heard.first == "on_start standby_leader")
        #expect(beta.callbacks.heard.first == "on_start replica")
        #expect(!alpha.callbacks.heard.contains("on_role_change primary"))
    }

    @Test func `another member takes over from a standby leader that ends, and is not promoted`() async throws {
        let rig = try await Rig()
        let alpha = try await rig.member("alpha", dcs: Self.elsewhere)
        let beta = try await rig.member("beta", dcs: Self.elsewhere)
        var task: Task<AgentEnd, Never>?
        try await rig.running(alpha) {
            try await rig.eventually("alpha leads") { try await rig.leader == "alpha" }
            task = Task { await beta.agent.run() }
            try await rig.eventually("beta follows alpha") { await beta.server.follows("alpha") }
        }
        try await rig.eventually("beta follows the remote") {
            let leads = try await rig.cluster().leaderMember?.role == .standbyLeader
            let follows = await beta.server.followsRemote
            return leads && follows
        }
        #expect(try await rig.leader == "beta")
        #expect(await !beta.server.did.contains("promote"))
        await beta.agent.requestShutdown()
        _ = await task?.value
        await beta.store.close()
        #expect(beta.callbacks.heard.prefix(2) == ["on_start replica", "on_role_change standby_leader"])
    }

    @Test(arguments: [true, false])
    func `a cluster becomes a standby of another one and stands on its own again`(archives: Bool) async throws {
        let rig = try await Rig()
        let (alpha, beta) = (try await rig.member("alpha"), try await rig.member("beta"))
        await alpha.server.place(.primary, control: .inProduction)
        try await rig.running(alpha, beta) {
            try await rig.settled(alpha, beta)
            await alpha.server.trouble { $0.archives = archives }
            try await rig.configure(["standby_cluster": ["host": "elsewhere"]])
            try await rig.eventually("a standby leads") {
                guard let leader = try await rig.cluster().leaderMember, leader.role == .standbyLeader else {
                    return false
                }
                return await rig.world[leader.name]?.followsRemote == true
            }
            if archives {
                #expect(try await rig.leader == "alpha")
                #expect(await alpha.server.did.contains("archive"))
                #expect(
                    alpha.callbacks.heard == [
                        "on_start primary", "on_stop primary", "on_role_change standby_leader",
                    ])
            }
            for member in [alpha, beta] { #expect(await !member.server.did.contains("promote")) }
            try await rig.configure(["standby_cluster": nil])
            try await rig.eventually("a primary leads") {
                guard let name = try await rig.leader else { return false }
                return await rig.world[name]?.kind == .primary
            }
        }
    }
}
