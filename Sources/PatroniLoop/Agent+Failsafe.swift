// Failsafe mode in the agent: asks the others, answers them, and remembers what was promised.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts

/// What the agent remembers about failsafe mode. What follows from it is the core's business (``Failsafe``).
struct FailsafeMemory: Sendable {
    var map = FailsafeMap()
    /// The store's answer as to what stands in the `failsafe` key, for `GET /failsafe`; nil: nothing that makes sense.
    var published: [MemberName: String]? = [:]
    /// What we have promised to another.
    var promise: FailsafePromise?
    var lastLeader: FailsafeView.Sighting?
    let startedAt: Moment
    /// Until when all others have agreed that we go on.
    var agreedUntil: Moment?
    /// How far the others said they are when they agreed.
    var positions: [MemberName: LSN] = [:]

    init(startedAt: Moment) { self.startedAt = startedAt }

    /// Until when `failsafe_mode_is_active` is to be shown (API-080).
    var activeUntil: Moment? { [agreedUntil, promise?.until].compactMap { $0 }.max() }

    mutating func read(_ cluster: Cluster, at now: Moment) {
        map.read(cluster.failsafe)
        published = cluster.failsafe
        lastLeader = cluster.isUnlocked ? nil : cluster.leader.map { .init(name: $0.name, at: now) }
    }

    func view(of me: MemberName) -> FailsafeView {
        FailsafeView(circle: map.circle(of: me), promise: promise, lastLeader: lastLeader, startedAt: startedAt)
    }

    /// The key is ours as it should be: nobody has to agree to anything (HA-218).
    mutating func leadsNormally() {
        promise = nil
        agreedUntil = nil
        positions = [:]
    }
}

extension Agent {
    /// Asks all members whether we may go on. The lease that follows counts from before the first question was sent.
    func askFailsafe(_ circle: [MemberName: String], by deadline: Moment) async -> Learned {
        let (sent, era) = (now, leaseEra)
        let own = member()
        let notice = FailsafeNotice(
            name: me, connectionURL: own.connectionURL, apiURL: own.apiURL, slots: slotPositions(lastWrittenPosition))
        let answers = FailsafeAnswers(await parts.members.failsafe(notice, to: circle, by: deadline))
        for reply in answers.replies { report(reply, circle[reply.name] ?? "") }
        // Given up meanwhile: whatever they agreed to is about a lease that we have not got any more.
        guard era == leaseEra else { return .failsafe(answers, .none) }
        let prolonged = answers.prolonged(lease, askedAt: sent, answeredAt: now, settings)
        if prolonged != lease { lease = prolonged }
        if answers.areUnanimous, case .held(let until) = lease {
            failsafe.agreedUntil = until
            failsafe.positions = answers.positions
        }
        publishStatusBoard()
        return .failsafe(answers, lease)
    }

    private func report(_ reply: FailsafeReply, _ address: String) {
        let endpoint = MemberURL.failsafe(address)
        switch reply.answer {
        case .accepted: log.info("Got response from \(reply.name) \(endpoint): Accepted")
        case .refused(let text): log.info("Got response from \(reply.name) \(endpoint): \(text)")
        case .silent(let why): log.warning("Request failed to \(reply.name): POST \(endpoint) (\(why))")
        }
    }

    /// The primary asks whether it may go on without the store. Agreeing is a promise, so it is kept before it is told.
    package func takeFailsafe(_ notice: FailsafeNotice) -> FailsafeAnswer {
        let situation = Situation(observation(of: cluster, job: job), memory)
        // A request for the key that is under way may succeed, or may have done so already.
        if let refusal = situation.failsafeRefusal(to: notice.name, isTakingTheKey: keyRequest != nil) {
            return .refused(refusal)
        }
        failsafe.promise = FailsafePromise(
            leader: notice.name, connectionURL: notice.connectionURL, apiURL: notice.apiURL, slots: notice.slots,
            until: now + settings.ttl)
        publishStatusBoard()
        return .accepted(look.status.running?.position, for: settings.ttl)
    }

    /// Taking the key, or taking it anew, would break a promise that came in after the rules had looked.
    var promisedLeader: MemberName? {
        guard let promise = failsafe.promise, promise.isValid(at: now), promise.leader != me, !lease.isValid(at: now)
        else { return nil }
        return promise.leader
    }

    /// The leader names everybody who has to agree, or else may not take over (HA-212).
    func publishFailsafeMap(by deadline: Moment) async {
        guard settings.isFailsafeModeEnabled, lease.isValid(at: now), let cluster else { return }
        let map = failsafe.map.next(
            cluster.members, me: me, apiURL: configuration.local.restAPI.apiURL, at: now, ttl: settings.ttl)
        if map == failsafe.map.confirmed { return }
        let outcome = await parts.store.writeFailsafe(map, by: deadline)
        failsafe.map.wrote(map, outcome)
        switch outcome {
        case .written:
            failsafe.published = map
            publishStatusBoard()
        case .unknown(let failure): log.warning("the failsafe key could not be written: \(failure)")
        case .conflict: break
        }
    }

    /// The cluster by which slots are arranged: without the store, the last view of it with what failsafe mode tells
    /// (HA-040, HA-042, HA-217).
    var clusterForSlots: Cluster? {
        let promise = failsafe.promise.flatMap { $0.isValid(at: now) && $0.leader != me ? $0 : nil }
        if let cluster { return cluster.isUnlocked ? promise?.applied(to: cluster) ?? cluster : cluster }
        guard settings.isFailsafeModeEnabled, var last = lastClusterWithLeader else { return nil }
        if let promise { return promise.applied(to: last) }
        guard let agreed = failsafe.agreedUntil, now < agreed else { return nil }
        for index in last.members.indices where last.members[index].tags.upstream != nil {
            last.members[index].position = failsafe.positions[last.members[index].name] ?? last.members[index].position
        }
        return last
    }
}
