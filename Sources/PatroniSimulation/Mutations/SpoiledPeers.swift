// Other members whose silence is taken for consent.

import PatroniCore
import PatroniLoop
import PatroniPorts

/// Everything goes through to the members, but for the one mistake.
struct SpoiledPeers: Peers {
    let inner: SimulatedPeers
    let spoil: Spoil

    func failsafe(
        _ notice: FailsafeNotice, to circle: [MemberName: String], by deadline: Moment
    ) async -> [FailsafeReply] {
        if spoil == .forgetsItsPromise {
            let members = inner.world.store.cluster.members.filter { circle[$0.name] != nil }
            return await inner.status(of: members, by: deadline).map {
                FailsafeReply(name: $0.name, answer: $0.isReachable ? .accepted(nil, for: nil) : .silent("no answer"))
            }
        }
        let replies = await inner.failsafe(notice, to: circle, by: deadline)
        guard spoil == .silenceIsConsent else { return replies }
        return replies.map { reply in
            if case .silent = reply.answer { return FailsafeReply(name: reply.name, answer: .accepted(nil, for: nil)) }
            return reply
        }
    }

    func status(of members: [Member], by deadline: Moment) async -> [PeerStatus] {
        await inner.status(of: members, by: deadline)
    }
    func isAlive(_ member: Member, by deadline: Moment) async -> Bool { await inner.isAlive(member, by: deadline) }
}
