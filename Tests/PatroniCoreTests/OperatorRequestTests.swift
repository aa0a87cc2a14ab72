// What an operator asks for, and the words of the answer.
// Facts: HA-154, HA-158 to HA-160, HA-411.

import Testing

@testable import PatroniCore

@Suite("Operators' requests") struct OperatorRequestTests {
    static func answer(
        _ request: OperatorRequest, _ now: Observation = .standby, _ role: MemberRole = .replica, pending: Bool = false
    ) -> OperatorAnswer {
        var memory = Memory()
        memory.announced(role)
        return request.answer(now, memory, isRestartPending: pending)
    }

    static func refusal(
        _ request: OperatorRequest, _ now: Observation = .standby, _ role: MemberRole = .replica, pending: Bool = false
    ) -> String? {
        if case .refused(let refusal) = answer(request, now, role, pending: pending) { refusal.text } else { nil }
    }

    static let restart = OperatorRequest.restart(RestartRequest())
    static let reinitialize = OperatorRequest.reinitialize(force: false, fromLeader: false)

    @Test func `a restart without conditions begins, in maintenance mode too`() {
        #expect(Self.answer(Self.restart) == .begin(.restart(startTimeout: nil), cancelling: nil))
        #expect(Self.answer(Self.restart, .standby.paused) == .begin(.restart(startTimeout: nil), cancelling: nil))
        let limited = OperatorRequest.restart(RestartRequest(timeout: .seconds(20)))
        #expect(Self.answer(limited) == .begin(.restart(startTimeout: .seconds(20)), cancelling: nil))
    }

    @Test func `a restart with conditions begins only when all hold`() {
        let text = "restart conditions are not satisfied"
        #expect(Self.refusal(.restart(RestartRequest(role: .primary))) == text)
        #expect(Self.refusal(.restart(RestartRequest(role: .replica))) == nil)
        #expect(Self.refusal(.restart(RestartRequest(olderThan: 150_018))) == text, "equal is not older")
        #expect(Self.refusal(.restart(RestartRequest(olderThan: 150_019))) == nil)
        #expect(Self.refusal(.restart(RestartRequest(onlyIfPending: true))) == text)
        #expect(Self.refusal(.restart(RestartRequest(onlyIfPending: true)), pending: true) == nil)
    }

    @Test func `the log says which condition failed`() {
        #expect(RestartCondition.role.text == "not proceeding with the restart: host role mismatch")
        #expect(RestartCondition.version.text == "not proceeding with the restart: postgres version mismatch")
        #expect(RestartCondition.pending.text == "not proceeding with the restart: pending restart flag is not set")
    }

    @Test func `one job at a time`() {
        let busy = Observation.standby.busy(.reinitialize(from: .leader("alpha")))
        #expect(Self.refusal(Self.restart, busy) == "reinitialize already in progress")
        #expect(
            Self.refusal(Self.reinitialize, .standby.busy(.restart(startTimeout: nil))) == "restart already in progress"
        )
    }

    @Test func `a replica is reinitialised from a replica marked for it, or from the leader`() {
        let from = { (source: CloneSource) in OperatorAnswer.begin(.reinitialize(from: source), cancelling: nil) }
        #expect(Self.answer(Self.reinitialize) == from(.leader("alpha")))
        let spared = Observation.standby.cluster { $0.change("gamma") { $0 = $0.tagged("clonefrom") } }
        #expect(Self.answer(Self.reinitialize, spared) == from(.replica("gamma")))
        #expect(
            Self.answer(.reinitialize(force: false, fromLeader: true), spared)
                == .begin(.reinitializeFromLeader("alpha"), cancelling: nil))
    }

    @Test func `force ends what is under way`() {
        let busy = Observation.standby.busy(.rewind(from: "alpha"))
        #expect(
            Self.answer(.reinitialize(force: true, fromLeader: false), busy)
                == .begin(.reinitialize(from: .leader("alpha")), cancelling: .rewind(from: "alpha")))
    }

    @Test func `a leader is never reinitialised, nor anybody without a leader`() {
        #expect(Self.refusal(Self.reinitialize, .primary) == "I am the leader, can not reinitialize")
        #expect(Self.refusal(Self.reinitialize, .standby.unlocked) == "Cluster has no leader, can not reinitialize")
        #expect(
            Self.refusal(.reinitialize(force: true, fromLeader: true), .primary)
                == "I am the leader, can not reinitialize")
        #expect(Self.refusal(Self.reinitialize, .standby.storeSilent)?.hasPrefix("DCS is not accessible") == true)
    }

    @Test func `data is not thrown away when there is nothing to copy from`() {
        let homeless = Observation.standby.cluster { $0.change("alpha") { $0.connectionURL = nil } }
        #expect(Self.refusal(Self.reinitialize, homeless)?.contains("alpha") == true)
    }

    @Test func `a scheduled restart waits, runs once, and is dropped when it is too late`() {
        let start = WallTime.noon + .seconds(-1000)
        func due(_ seconds: Int, _ now: Observation = .primary) -> ScheduledRestart.Due {
            ScheduledRestart(at: .noon + .seconds(seconds), request: RestartRequest(), postmasterStart: start).due(now)
        }
        #expect(due(1) == .later)
        #expect(due(0) == .now)
        #expect(due(-15) == .now)
        #expect(due(-16) == .stale)
        #expect(due(-5, .primary.paused) == .later)
        #expect(due(-5, .primary.busy(.promote)) == .later)
        var other = RunningServer(recovery: .primary(position: LSN(1)), timeline: nil, version: 150_018)
        other.postmasterStart = .noon
        #expect(due(5, .primary.server(.running(other))) == .alreadyRestarted)
    }
}
