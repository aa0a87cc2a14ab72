// What others are told at the end of a turn: the member key, the leader's report, the health checks (HA-022, HA-036).

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    func publish() async {
        publishStatusBoard()
        checkpointIfPromoted()
        // Without an answer from the store there was no turn worth telling of (HA-043).
        if cluster != nil, !isStoreKnownToBeSilent { await publishToStore() }
        arrangeSlots()
        nudgeReceiver()
    }

    /// This turn has just waited in vain for the store.
    private var isStoreKnownToBeSilent: Bool {
        switch lastReason {
        case .continuingInFailsafe, .failsafeNotAccepted: true
        default: false
        }
    }

    private func publishToStore() async {
        let member = member()
        // A primary whose lease runs out must not lose time here.
        let deadline = min(now + min(settings.retryTimeout, .seconds(3)), storeDeadline())
        async let published = parts.store.publishMember(member.json, by: deadline)
        if lease.isValid(at: now), let position = leaderPosition {
            let status = leaderStatus(position)
            if case .unknown(let failure) = await parts.store.writeStatus(status, by: deadline) {
                log.warning("the leader's position could not be written: \(failure)")
            }
            await publishFailsafeMap(by: deadline)
        }
        if case .unknown(let failure) = await published {
            log.warning("this member's key could not be written: \(failure)")
        }
    }

    /// Where the leader is, with every slot's position, and our own under our own slot's name for those who keep one
    /// for us (HA-288, HA-389).
    func leaderStatus(_ position: LSN) -> ClusterStatus {
        guard settings.useSlots, let cluster else { return ClusterStatus(position: position) }
        let slots = slotPositions(position)
        let retained = retainedSlots.update(
            existing: slots.keys, cluster: cluster, me: me, ttl: settings.memberSlotsTTL, at: now)
        for name in retained.expired {
            log.info("the slot \(name) is not retained any more, its member has been away too long")
        }
        return ClusterStatus(position: position, slots: slots, retainedSlots: retained.kept)
    }

    /// Where our slots are, and we ourselves.
    func slotPositions(_ position: LSN?) -> [String: LSN] {
        var slots = look.slots
        slots[me.slotName] = position
        return slots
    }

    /// What this member says of itself (DCS-012 to DCS-029).
    func member() -> Member {
        let local = configuration.local
        var member = Member(name: me)
        member.connectionURL = "postgres://\(local.postgres.connectAddress)/\(local.postgres.database)"
        member.apiURL = local.restAPI.apiURL
        member.proxyURL = local.postgres.proxyAddress.map { "postgres://\($0)/\(local.postgres.database)" }
        member.state = state
        member.role = role
        member.version = PatroniVersion.text
        member.awaitsCheckpoint = look.awaitsCheckpoint && role == .primary
        member.tags = asksForRelease ? local.tags.withoutSynchronous : local.tags
        member.isPaused = settings.isPaused
        member.pendingRestart = !look.pendingRestart.isEmpty
        member.pendingRestartReason = look.pendingRestart.isEmpty ? nil : look.pendingRestart
        member.scheduledRestart = scheduledRestart?.publishedJSON
        if let running = told(look.status).running, !isJobBlockingPositions {
            member.position = running.position
            member.timeline = running.timeline
            if let standby = running.standby {
                member.replayedPosition = standby.replayed
                member.receivedPosition = standby.received
                member.replicationState = standby.replicationState
            }
        }
        return member
    }

    /// Where a timeline of ours has the recorded number and is another one, others must not take it for the cluster's and
    /// wait for us: they hear of the last one that we share.
    func told(_ status: ServerStatus) -> ServerStatus {
        guard case .running(var server) = status, cluster?.leader?.name != me,
            let twin = memory.twin(of: cluster, me: me, ownBeginning: look.beginning),
            server.timeline == twin.timeline.next
        else { return status }
        server.timeline = twin.timeline
        return .running(server)
    }

    /// The key is refreshed during long jobs, but positions of a server that is stopped or copied tell nothing (HA-400,
    /// DCS-022).
    private var isJobBlockingPositions: Bool {
        switch job?.job {
        case nil, .promote, .follow, .checkDivergence: false
        default: true
        }
    }

    var state: MemberState {
        switch job?.job {
        case .bootstrap: .initializing
        case .clone, .reinitialize, .reinitializeFromLeader, .bootstrapStandbyLeader: .creatingReplica
        case .restart, .copySlots: .restarting
        case .demote: .stopping
        case .start: .starting
        case nil, .promote, .checkDivergence, .rewind, .follow: stateOfServer
        }
    }

    private var stateOfServer: MemberState {
        switch look.status {
        case .running, .unresponsive: return .running
        case .starting: return .starting
        case .stopped:
            // HA-048
            if case .failed = memory.bootstrap { return .initdbFailed }
            if memory.startFailure != nil { return .startFailed }
            return memory.crashedAt == nil ? .stopped : .crashed
        }
    }

    var role: MemberRole {
        if job?.job == .promote, job?.isPastReturn == true { return .promoted }
        if case .empty = look.directory, look.status == .stopped { return .uninitialized }
        return memory.role
    }

    /// Slots are arranged beside the turns: the next one must not wait for a busy server (HA-035).
    private func arrangeSlots() {
        guard let cluster = clusterForSlots, look.status.running != nil, !settings.isPaused || lease.isValid(at: now),
            !isSlotWorkUnderway,
            settings.useSlots, job == nil || job?.job == .promote
        else { return }
        let wishes = SlotWishes(
            cluster: cluster, me: me, tags: configuration.local.tags, settings: settings,
            isLeader: cluster.leader?.name == me,
            mayCleanHorizons: !cluster.isUnlocked && (cluster.leader?.name != me || look.status.isPrimary))
        isSlotWorkUnderway = true
        Task {
            await parts.server.arrangeSlots(wishes, by: now + .seconds(5))
            self.slotWorkEnded()
        }
    }

    private func slotWorkEnded() { isSlotWorkUnderway = false }

    private var isUpstreamThere: Bool {
        guard let leader = cluster?.leaderMember else { return false }
        if leader.name == me { return memory.role == .standbyLeader }
        return leader.role == .primary || leader.role == .standbyLeader
    }

    /// How often a receiver is reminded before it is left to its own patience.
    static let nudges = 12

    /// A WAL receiver that was refused sleeps for five seconds; we know sooner that the leader is there (STACK, traps).
    private func nudgeReceiver() {
        guard let standby = look.status.running?.standby, job == nil else { return }
        if standby.replicationState == "streaming" {
            nudgesLeft = 0
        } else if nudgesLeft > 0, isUpstreamThere {
            nudgesLeft -= 1
            Task {
                await parts.server.nudge()
                await parts.time.sleep(until: now + .milliseconds(300))
                wakeUps.wake()
            }
        }
    }
}
