// Moving the leadership on request: reading the wish, checking whether it can come true, writing it down, waiting.

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

/// A checked body of `POST /switchover` or `POST /failover` (API-136 to API-146).
struct SwitchoverRequest: Sendable, Hashable {
    enum Action: String, Sendable {
        case switchover
        case failover

        var title: String { self == .switchover ? "Switchover" : "Failover" }
        /// "switched", "failed": the first word of the result.
        var done: String { self == .switchover ? "switched" : "failed" }
    }

    var action: Action
    var leader: MemberName?
    var candidate: MemberName?
    var scheduledAt: WallTime?

    /// Reads a body in the order of Patroni's checks, so that of several mistakes the same one is named.
    init(_ action: Action, body: JSONObject, isPaused: Bool, now: WallTime) throws(Rejection) {
        leader = try Self.name(body, "leader")
        candidate = try Self.name(body, "candidate")
        if candidate == nil { candidate = try Self.name(body, "member") }
        if action == .failover, candidate == nil {
            throw Rejection(400, "Failover could be performed only to a specific candidate")
        }
        if action == .switchover, leader == nil {
            throw Rejection(400, "Switchover could be performed only from a specific leader")
        }
        if let time = body["scheduled_at"], !time.isFalsy {
            if action == .failover { throw Rejection(400, "Failover can't be scheduled") }
            if isPaused { throw Rejection(400, "Can't schedule switchover in the paused state") }
            scheduledAt = try Schedule.parse(time, for: action.rawValue, now: now)
        }
        if isPaused, candidate == nil {
            throw Rejection(400, "Switchover is possible only to a specific candidate in a paused state")
        }
        // A failover that names the leader is a switchover (API-140).
        self.action = leader == nil ? action : .switchover
        if leader == candidate { throw Rejection(400, "Switchover target and source are the same") }
    }

    private static func name(_ body: JSONObject, _ key: String) throws(Rejection) -> MemberName? {
        guard let value = body[key], !value.isFalsy else { return nil }
        guard let text = value.string else { throw Rejection(400, "\(key) must be the name of a member") }
        return MemberName(text)
    }
}

/// Which members could take over, judged without asking them; or why none can (API-148 to API-152).
enum SwitchoverCandidates {
    static func find(
        _ request: SwitchoverRequest, _ cluster: Cluster, _ settings: ClusterSettings
    ) throws(Rejection) -> [Member] {
        if let leader = request.leader, cluster.leader?.name != leader {
            throw Rejection(412, "leader name does not match")
        }
        let needsSyncStandby = settings.isSynchronous && settings.synchronousMode != .quorum
        if let candidate = request.candidate {
            if request.action == .switchover, needsSyncStandby, !cluster.sync.hasStandby(candidate) {
                throw Rejection(412, "candidate name does not match with sync_standby")
            }
            guard let member = cluster.member(candidate) else { throw Rejection(412, "candidate does not exists") }
            return [member]
        }
        if needsSyncStandby {
            let members = cluster.members.filter { cluster.sync.hasStandby($0.name) }
            if !members.isEmpty { return members }
            throw Rejection(412, "\(request.action.rawValue) is not possible: can not find sync_standby")
        }
        let members = cluster.members.filter { $0.name != cluster.leader?.name && $0.apiURL != nil }
        if !members.isEmpty { return members }
        throw Rejection(
            412, "\(request.action.rawValue) is not possible: cluster does not have members except leader")
    }

    /// May this member take over, by its own account (API-153)?
    static func isGood(_ peer: PeerStatus) -> Bool {
        guard let answer = peer.answer else { return false }
        return answer.tags.mayLead && !answer.hasWatchdogFailed
    }
}

/// Carries a switchover out through the failover key and the loop.
struct SwitchoverCommand: Sendable {
    /// As it was before the request.
    let cluster: Cluster
    let settings: ClusterSettings
    let backend: any APIBackend
    let time: any TimeSource
    let log: Logger

    func run(_ action: SwitchoverRequest.Action, body: JSONObject) async -> ServerResponse {
        log.info(
            """
            received \(action.rawValue) request with leader=\(Self.shown(body["leader"])) \
            candidate=\(Self.shown(body["candidate"] ?? body["member"])) \
            scheduled_at=\(Self.shown(body["scheduled_at"]))
            """)
        do throws(Rejection) {
            let request = try SwitchoverRequest(
                action, body: body, isPaused: settings.isPaused, now: time.wallTime)
            if action == .failover, request.action == .switchover {
                log.warning("received failover request with leader specified - performing switchover instead")
            }
            if request.scheduledAt == nil { try await check(request) }
            return await carryOut(request)
        } catch {
            return .text(error.status, error.text)
        }
    }

    private func check(_ request: SwitchoverRequest) async throws(Rejection) {
        let members = try SwitchoverCandidates.find(request, cluster, settings)
        let peers = await backend.peerStatus(of: members)
        if !peers.contains(where: SwitchoverCandidates.isGood) {
            throw Rejection(
                412, "\(request.action.rawValue) is not possible: no good candidates have been found")
        }
    }

    private func carryOut(_ request: SwitchoverRequest) async -> ServerResponse {
        let wish = FailoverRequest(
            leader: request.leader, candidate: request.candidate, scheduledAt: request.scheduledAt)
        guard await backend.writeFailover(wish, ifVersion: nil).isWritten else {
            return .text(503, "failed to write failover key into DCS")
        }
        backend.wakeLoop()
        if request.scheduledAt != nil { return .text(202, "\(request.action.title) scheduled") }
        return await waitForResult(request)
    }

    /// Waits until somebody else leads, the wish is gone, or the time is up (API-155 to API-159).
    private func waitForResult(_ request: SwitchoverRequest) async -> ServerResponse {
        let patience = max(.seconds(10), settings.loopWait)
        let deadline = time.now + patience + patience
        while time.now < deadline {
            await time.sleep(until: min(deadline, time.now + .milliseconds(250)))
            guard let cluster = try? await backend.readCluster() else { continue }
            if let winner = cluster.leader?.name, !cluster.isUnlocked, winner != self.cluster.leader?.name {
                return .text(200, Self.result(request, winner: winner))
            }
            if cluster.failover == nil { return .text(503, "\(request.action.title) failed") }
        }
        return .text(503, "\(request.action.title) status unknown")
    }

    private static func result(_ request: SwitchoverRequest, winner: MemberName) -> String {
        if let candidate = request.candidate, candidate != winner {
            let word = request.action == .switchover ? "Switched" : "Failed"
            return "\(word) over to \"\(winner)\" instead of \"\(candidate)\""
        }
        return "Successfully \(request.action.done) over to \"\(winner)\""
    }

    /// As Patroni's log shows it.
    private static func shown(_ value: JSON?) -> String {
        switch value {
        case nil, .null?: "None"
        case .string(let text)?: text
        case let value?: value.text()
        }
    }
}
