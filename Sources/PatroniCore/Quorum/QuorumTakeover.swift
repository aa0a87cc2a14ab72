// What a new primary takes over of quorum commit, before it accepts a single write.

/// The winner of a race has every acknowledged commit. From its first one on, and should it die before, the same must
/// be true of whoever wins the next race (HA-190, HA-201).
public struct QuorumTakeover: Sendable, Hashable {
    /// To be written before the promotion, on condition that it is still the `old` one: the old leader may have changed
    /// it since the votes were counted.
    public var sync: SyncState
    /// Commits wait for this many of ``names``.
    public var count: Int
    public var names: [MemberName]

    /// The remaining voters lose one holder at most, the winner itself, so as many votes as before are enough. The old
    /// leader is waited for but does not vote: what it wrote last and nobody acknowledged may stand on a timeline of the
    /// same number, and would look further than it is. It votes again once it streams from the new primary.
    public init(_ old: SyncState, me: MemberName) {
        let voters = old.standbys.filter { !$0.matches(me) }
        let isElectable = old.quorum < voters.count
        sync = SyncState(
            leader: me, quorum: isElectable ? old.quorum : 0, standbys: isElectable ? voters.sorted() : [])
        let former = old.leader.flatMap { $0.matches(me) ? nil : $0 }
        names = (voters + (former.map { [$0] } ?? [])).sorted()
        // Of the voters and the old leader, all but `quorum` have every commit; of those the winner itself is one.
        count = old.isEmpty ? 0 : max(0, names.count - old.quorum)
    }
}
