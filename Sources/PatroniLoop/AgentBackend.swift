// The agent as the REST API sees it.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts

/// Forwards to the agent; what can be answered without it, is.
package struct AgentBackend: APIBackend {
    let agent: Agent
    let parts: Agent.Parts

    package init(agent: Agent, parts: Agent.Parts) {
        self.agent = agent
        self.parts = parts
    }

    private var deadline: Moment { parts.time.now + parts.status.current.settings.retryTimeout }

    package func freshStatus() async -> StatusSnapshot { await agent.freshSnapshot() }

    package func flightLog() async -> FlightLog { await agent.flight }

    package func readCluster() async throws(StoreFailure) -> Cluster { try await parts.store.readCluster(by: deadline) }

    package func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?) async -> WriteOutcome {
        await parts.store.writeConfiguration(values, ifVersion: ifVersion, by: deadline)
    }

    package func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?) async -> WriteOutcome {
        await parts.store.writeFailover(request, ifVersion: ifVersion, by: deadline)
    }

    package func wakeLoop() { agent.wakeUps.wake() }

    package func reload() { Task { await agent.requestReload() } }

    package func peerStatus(of members: [Member]) async -> [PeerStatus] {
        await parts.members.status(of: members, by: parts.time.now + .seconds(2))
    }

    package func restart(_ request: RestartRequest) async -> RestartOutcome { await agent.restart(request) }
    package func scheduleRestart(_ request: RestartRequest, at time: WallTime) async -> Bool {
        await agent.schedule(request, at: time)
    }

    package func deleteScheduledRestart() async -> Bool { await agent.unschedule() }

    package func reinitialize(force: Bool, fromLeader: Bool) async -> String? {
        await agent.reinitialize(force: force, fromLeader: fromLeader)
    }

    package func failsafe(_ notice: FailsafeNotice) async -> FailsafeAnswer { await agent.takeFailsafe(notice) }
}
