// A leader whose PostgreSQL serves nobody, though somebody else could and nothing else is wrong.

import PatroniCore

/// Nobody is in danger then, but nobody is served either: the leader has to give way.
struct Standstill {
    /// Since when the same member has led like that.
    private var since: (member: Int, at: Moment)?

    /// On top of the half of a ttl after which the rule gives way: a look that is waited for, a kill, and some turns.
    static let patience: Duration = .seconds(60)

    /// The leader that has had time enough.
    mutating func look(_ world: World) -> MemberName? {
        guard let member = world.members.first(where: { $0.reasonsOfServerToBeFrozen > 0 }) else {
            since = nil
            return nil
        }
        guard isStandstill(member, world), isElseWell(member, world), hasSuccessor(member, world) else {
            since = nil
            return nil
        }
        guard let since, since.member == member.index else {
            since = (member.index, world.now)
            return nil
        }
        let ttl = world.members[member.index].life?.session.ttl ?? .seconds(30)
        return world.now - since.at > ttl / 2 + Self.patience ? member.name : nil
    }

    private func isStandstill(_ member: SimulatedMember, _ world: World) -> Bool {
        let server = world.fleet[ServerID(member.index)]
        return server.isFrozen && server.phase == .primary && world.store.cluster.leader?.name == member.name
    }

    /// Everybody reaches everybody, and nothing else stands still.
    private func isElseWell(_ leader: SimulatedMember, _ world: World) -> Bool {
        guard !world.storeTrouble.isTroubled, world.network.isSound else { return false }
        return world.members.allSatisfy { member in
            guard let life = member.life, !life.isDead, !life.isFrozen, !life.isPaused, !life.isAskedToEnd,
                // Who restarts it by hand waits for it.
                life.operatorJobs == 0,
                !member.isDiskStalled
            else {
                return false
            }
            return member.index == leader.index || member.reasonsOfServerToBeFrozen == 0
        }
    }

    /// Somebody who may lead, and has what the leader had.
    private func hasSuccessor(_ leader: SimulatedMember, _ world: World) -> Bool {
        let sync = world.store.cluster.sync
        return world.members.contains { member in
            let server = world.fleet[ServerID(member.index)]
            return member.index != leader.index && member.tags.isEmpty && server.phase == .standby
                && (sync.isEmpty || sync.hasStandby(member.name))
                && server.files?.log.timeline == world.fleet[ServerID(leader.index)].files?.log.timeline
        }
    }
}
