// Quorum commit in terms of the members, their streams and the names PostgreSQL reads.

extension SynchronousReplication {
    /// The next single step towards `goal`; the order of persisting, applying and confirming is ``QuorumState``'s.
    mutating func quorumStep(_ now: View, _ goal: QuorumGoal) -> Step {
        let inForce = noteQuorum(now)
        guard now.sync.leader?.matches(now.me) == true else {
            return publish([], now, now.sync.leader.map(Cause.otherLeader) ?? .enabled)
        }
        let names = spelled(now, inForce)
        let state = QuorumState(
            voters: Set(now.sync.standbys.map(\.folded)), quorum: now.sync.quorum,
            count: inForce.hasAnybody ? 0 : inForce.count,
            names: inForce.hasAnybody ? [] : Set(inForce.names.map(\.folded)), confirmed: confirmed,
            active: Set(goal.members.map(\.folded)), wanted: goal.count)
        if !state.isSafe {
            // What the server was told last and has not read yet may keep even less.
            guard let ordered, ordered.means(inForce) else { return publish([], now, .mismatch) }
            return step(for: state.next(), now, goal, names)
        }
        // What else may become true by itself must not, before anything is built on what is true now.
        if mayLand { return .publish(now.sync.unversioned, because: .settling) }
        if let ordered, !ordered.means(inForce) { return .setNames(ordered) }
        let wanted = goal.names(state.active.compactMap { names[$0] }, state.goalCount)
        if ordered == nil, !now.sync.standbys.isEmpty, !wanted.means(inForce) { return .setNames(inForce) }
        if state.hasNamesAsWanted, ordered == nil || !wanted.means(inForce) { return .setNames(wanted) }
        return step(for: state.next(), now, goal, names)
    }

    private func step(
        for transition: QuorumState.Transition, _ now: View, _ goal: QuorumGoal, _ names: [String: MemberName]
    ) -> Step {
        func sync(_ voters: Set<String>, _ quorum: Int) -> SyncState {
            SyncState(leader: now.me, quorum: quorum, standbys: voters.compactMap { names[$0] }.sorted())
        }
        switch transition {
        case .publish(let voters, let quorum): return .publish(sync(voters, quorum), because: .quorum)
        case .reset(let voters, let quorum): return .publish(sync(voters, quorum), because: .mismatch)
        case .wait(let count, let active): return .setNames(goal.names(active.compactMap { names[$0] }, count))
        case .restart: return .wait
        case .done: return .steady
        }
    }

    /// Who has everything from before the present names came into force (HA-183). Whoever had it under other names
    /// proves it again: meanwhile commits may have been acknowledged without it.
    private mutating func noteQuorum(_ now: View) -> SynchronousNames {
        let inForce = read.names(now.status.names)
        if seen != inForce {
            seen = inForce
            mark = now.status.position
            confirmed = []
        }
        let words = inForce.method == .any ? ["quorum"] : ["sync", "potential"]
        for name in inForce.names {
            let hasCaughtUp = now.status.streams.contains {
                $0.name.matches(name) && words.contains($0.syncState)
                    && ($0.position(now.status.commitLevel) ?? .zero) >= mark
            }
            if hasCaughtUp { confirmed.insert(name.folded) }
        }
        return inForce
    }

    private func spelled(_ now: View, _ inForce: SynchronousNames) -> [String: MemberName] {
        let known = inForce.names + now.sync.standbys + now.members.map(\.name)
        return Dictionary(known.map { ($0.folded, $0) }, uniquingKeysWith: { $1 })
    }
}

/// What quorum commit is to arrive at.
struct QuorumGoal {
    var members: [MemberName]
    var count: Int
    var method: SynchronousNames.Method
    var isStrict: Bool

    init(_ now: SynchronousReplication.View, _ picked: [MemberName]) {
        members = picked
        isStrict = now.settings.isSynchronousModeStrict
        let isQuorum = now.settings.synchronousMode == .quorum
        // On the way back to priorities everybody who is left is waited for (HA-192).
        count = isQuorum ? now.settings.synchronousNodeCount : picked.count
        method = isQuorum && now.status.canWaitForAny ? .any : .first
    }

    /// With `synchronous_mode_strict` commits wait even when nobody is there (HA-188).
    func names(_ active: [MemberName], _ count: Int) -> SynchronousNames {
        if active.isEmpty || count == 0 { return isStrict ? .anybody(method) : .nobody }
        return SynchronousNames(method, count, active.sorted())
    }
}
