// The agent as the REST API sees it.

import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniPlatform

/// Forwards to the agent; what can be answered without it, is.
struct AgentBackend: APIBackend {
    let agent: Agent
    let parts: Agent.Parts

    private var deadline: Moment { parts.time.now + parts.status.current.settings.retryTimeout }

    func freshStatus() async -> StatusSnapshot { await agent.freshSnapshot() }

    func flightLog() async -> FlightLog { await agent.flight }

    func readCluster() async throws(StoreFailure) -> Cluster { try await parts.store.readCluster(by: deadline) }

    func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?) async -> WriteOutcome {
        await parts.store.writeConfiguration(values, ifVersion: ifVersion, by: deadline)
    }

    func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?) async -> WriteOutcome {
        await parts.store.writeFailover(request, ifVersion: ifVersion, by: deadline)
    }

    func wakeLoop() { agent.wakeUps.wake() }

    func reload() { Task { await agent.requestReload() } }

    func peerStatus(of members: [Member]) async -> [PeerStatus] {
        await parts.members.status(of: members, by: parts.time.now + .seconds(2))
    }

    func restart(_ request: RestartRequest) async -> RestartOutcome { await agent.restart(request) }
    func scheduleRestart(_ request: RestartRequest, at time: WallTime) async -> Bool {
        await agent.schedule(request, at: time)
    }

    func deleteScheduledRestart() async -> Bool { await agent.unschedule() }

    func reinitialize(force: Bool, fromLeader: Bool) async -> String? {
        await agent.reinitialize(force: force, fromLeader: fromLeader)
    }

    func failsafe(_ notice: FailsafeNotice) async -> FailsafeAnswer { await agent.takeFailsafe(notice) }
}
