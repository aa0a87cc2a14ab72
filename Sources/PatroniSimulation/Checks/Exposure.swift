// A primary beside another one, though nothing keeps its agent from stopping it.

import PatroniCore

/// Without a fencer two servers may accept writes for a while when an agent, a server or a disk stands still. When
/// nothing does, an agent stops a primary that must not lead.
struct Exposure {
    /// Since when each member's server has accepted writes without a lease and without an excuse.
    private var since: [Moment?]

    /// More than any agent needs that is awake: the limits of a hard stop and of the turn before it.
    static let patience: Duration = .seconds(20)

    init(members: Int) { since = Array(repeating: nil, count: members) }

    /// The members that have had time enough to stop.
    mutating func look(_ world: World) -> [Int] {
        var found: [Int] = []
        for member in world.members {
            guard isExposed(member, world) else {
                since[member.index] = nil
                continue
            }
            let began = since[member.index] ?? world.now
            since[member.index] = began
            if world.now - began > Self.patience { found.append(member.index) }
        }
        return found
    }

    private func isExposed(_ member: SimulatedMember, _ world: World) -> Bool {
        let id = ServerID(member.index)
        guard world.fleet.acceptsWrites(on: id), let life = member.life, !life.isDead, !life.isFrozen, !life.isPaused,
            !member.isDiskStalled, !world.fleet[id].isFrozen
        else { return false }
        return !life.lease.isValid(at: member.clock.local(world.now))
    }
}
