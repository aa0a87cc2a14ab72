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
        for index in since.indices {
            guard world.fleet.acceptsWrites(on: ServerID(index)), isExposed(world.members[index], world) else {
                since[index] = nil
                continue
            }
            let began = since[index] ?? world.now
            since[index] = began
            if world.now - began > Self.patience { found.append(index) }
        }
        return found
    }

    /// Its server accepts writes: may it?
    private func isExposed(_ member: SimulatedMember, _ world: World) -> Bool {
        guard let life = member.life, !life.isDead, !life.isFrozen, !life.isPaused, !member.isDiskStalled
        else { return false }
        return !life.lease.isValid(at: member.clock.local(world.now))
    }
}
