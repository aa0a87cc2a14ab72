// Which standbys ought to be synchronous, out of those that stream.

/// One standby's stream as the primary sees it.
public struct StandbyStream: Sendable, Hashable {
    /// The member's name, as `application_name`.
    public var name: MemberName
    public var isStreaming: Bool
    /// `sync`, `quorum`, `potential` or `async`.
    public var syncState: String
    public var written: LSN?
    public var flushed: LSN?
    public var replayed: LSN?

    public init(
        name: MemberName, isStreaming: Bool, syncState: String, written: LSN?, flushed: LSN?, replayed: LSN?
    ) {
        self.name = name
        self.isStreaming = isStreaming
        self.syncState = syncState
        self.written = written
        self.flushed = flushed
        self.replayed = replayed
    }

    /// The position that `synchronous_commit` waits for (HA-178).
    func position(_ commitLevel: String) -> LSN? {
        guard isStreaming else { return nil }
        switch commitLevel {
        case "remote_apply": return replayed
        case "remote_write": return written
        default: return flushed
        }
    }
}

/// What the primary says about its synchronous replication.
public struct SynchronousStatus: Sendable, Hashable {
    /// `synchronous_standby_names` as it is in force.
    public var names: String
    /// `synchronous_commit`.
    public var commitLevel: String
    /// The end of the primary's log.
    public var position: LSN
    public var streams: [StandbyStream]
    /// PostgreSQL 10 and later know `ANY n (...)`; before, the first ones are waited for (HA-194).
    public var canWaitForAny: Bool

    public init(
        names: String, commitLevel: String, position: LSN, streams: [StandbyStream], canWaitForAny: Bool = true
    ) {
        self.names = names
        self.commitLevel = commitLevel
        self.position = position
        self.streams = streams
        self.canWaitForAny = canWaitForAny
    }
}

extension SynchronousReplication {
    struct Candidate {
        var name: MemberName
        var priority: Int
        var mayLead: Bool
        var syncState: String
        var position: LSN
    }

    /// The best ones, as many as are wanted, best first (HA-178 to HA-181). With quorum commit everybody: each one more
    /// can replace another.
    static func pick(_ now: View, stalled: Set<String> = []) -> [MemberName] {
        let candidates = candidates(now)
        // With one candidate there is nobody to compare it with but the primary itself (HA-180).
        let most = candidates.count > 1 ? candidates.map(\.position).max() : nil
        let front = most ?? now.status.position
        let able = candidates.filter { candidate in
            guard let most = now.settings.maximumLagOnSyncNode else { return true }
            return candidate.position.lag(behind: front) <= most
        }
        let confirming = able.filter { !stalled.contains($0.name.folded) }
        // Where commits have to wait for somebody, whoever is there is better than nobody.
        let chosen = confirming.isEmpty && now.settings.isSynchronousModeStrict ? able : confirming
        let (leading, others) = (chosen.filter(\.mayLead).map(\.name), chosen.filter { !$0.mayLead }.map(\.name))
        let wanted = now.settings.synchronousNodeCount
        guard now.settings.synchronousMode == .quorum else { return Array((leading + others).prefix(wanted)) }
        // One that can't lead may be ahead of all who can (HA-211).
        let voters = leading + awaited(now, except: leading + others)
        return voters + others.prefix(max(0, wanted - voters.count))
    }

    /// Who voted or was waited for, runs, and is on its way to a primary that has just begun (HA-191).
    private static func awaited(_ now: View, except present: [MemberName]) -> [MemberName] {
        guard let end = now.graceUntil, now.now < end else { return [] }
        let names = SynchronousNames(parsing: now.status.names)?.names ?? []
        return now.members.filter { member in
            (now.sync.standbys + names).contains { $0.matches(member.name) } && member.isRunning && member.tags.maySync
                && member.mayLead && !present.contains(member.name)
        }
        .map(\.name)
    }

    /// Running members that stream from here and don't mind, best first.
    private static func candidates(_ now: View) -> [Candidate] {
        let members = now.members.filter { $0.isRunning && $0.tags.maySync && !$0.name.matches(now.me) }
        let streams = now.status.streams.filter { $0.position(now.status.commitLevel) != nil }
        var candidates: [Candidate] = []
        for member in members where !cascades(member, members, streams) {
            let own = streams.filter { $0.name.matches(member.name) }.map {
                Candidate(
                    name: member.name, priority: member.tags.syncPriority, mayLead: member.mayLead,
                    syncState: $0.syncState, position: $0.position(now.status.commitLevel) ?? .zero)
            }
            // A stream whose standby is gone stays for a while beside the new one.
            if let best = own.min(by: isBetter) { candidates.append(best) }
        }
        return candidates.sorted(by: isBetter)
    }

    private static func isBetter(_ left: Candidate, _ right: Candidate) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        if left.syncState != right.syncState { return left.syncState > right.syncState }
        if left.position != right.position { return left.position > right.position }
        return left.name < right.name
    }

    /// It is about to move behind another standby, which streams already: not worth waiting for.
    private static func cascades(_ member: Member, _ members: [Member], _ streams: [StandbyStream]) -> Bool {
        if member.tags.upstream == nil { return false }
        var current = member
        for _ in members {
            guard let wanted = current.tags.upstream, let upstream = members.first(where: { $0.name.matches(wanted) })
            else { return current.name != member.name && streams.contains { $0.name.matches(current.name) } }
            current = upstream
        }
        return false
    }
}
