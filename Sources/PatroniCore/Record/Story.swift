// The last changes at a member as stories: from one settled state to the next.

/// What a member is, when nothing is under way.
public enum Standing: Sendable, Hashable, Codable {
    case leading
    case following(MemberName)
}

extension TurnRecord {
    /// Nil while something is under way, or while nobody knows who leads.
    public var standing: Standing? {
        guard case .settled = end?.decision, observation.job == nil, !beginsJob, let cluster, !cluster.isUnlocked,
            let leader = cluster.leader?.name, let running = observation.server.running
        else { return nil }
        if leader != observation.me { return running.isPrimary ? nil : .following(leader) }
        let mayLead = running.isPrimary || observation.settings.isStandbyCluster
        return mayLead && renewal == .held && !deeds.contains(.releaseLeaderKey) ? .leading : nil
    }

    private var renewal: LeaderKeyOutcome? {
        for case .leaderKey(_, let outcome, _)? in steps.reversed().map(\.learned) { return outcome }
        return nil
    }
}

/// How a member came from one settled state to the next, or why it has not arrived yet.
public struct Story: Sendable, Hashable {
    public struct Line: Sendable, Hashable {
        public var at: WallTime
        public var text: String
        public var took: Duration?
        /// `table/rule`, when a rule decided this.
        public var rule: String?
        /// The rule's sentence.
        public var because: String?

        public init(
            at: WallTime, text: String, took: Duration? = nil, rule: String? = nil, because: String? = nil
        ) {
            self.at = at
            self.text = text
            self.took = took
            self.rule = rule
            self.because = because
        }
    }

    public var member: MemberName
    public var before: Standing?
    /// Nil: it is not over.
    public var after: Standing?
    public var began: WallTime
    public var ended: WallTime
    public var lines: [Line]

    public init(
        member: MemberName, before: Standing?, after: Standing?, began: WallTime, ended: WallTime, lines: [Line]
    ) {
        self.member = member
        self.before = before
        self.after = after
        self.began = began
        self.ended = ended
        self.lines = lines
    }

    /// Another member leads than before.
    public var isLeaderChange: Bool { leader(after) != nil && leader(after) != leader(before) }
    /// This member became the leader.
    public var isTakeover: Bool { after == .leading && before != .leading }

    private func leader(_ standing: Standing?) -> MemberName? {
        switch standing {
        case .leading: member
        case .following(let other): other
        case nil: nil
        }
    }

    /// What it is about, in one sentence without its full stop.
    public var title: String {
        switch (before, after) {
        case (nil, .leading): "\(member) came up as the leader"
        case (.following(let old), .leading): "\(member) became the leader after \(old)"
        case (.leading, .leading): "\(member) is the leader again"
        case (nil, .following(let new)): "\(member) came up and follows \(new)"
        case (.leading, .following(let new)): "\(member) led before and follows \(new) now"
        case (.following(let old), .following(let new)) where old == new: "\(member) follows \(new) again"
        case (.following(let old), .following(let new)): "\(member) follows \(new) after \(old)"
        case (.leading, nil): "\(member) led before, and has not settled yet"
        case (.following(let old), nil): "\(member) followed \(old), and has not settled yet"
        case (nil, nil): "\(member) has not settled yet"
        }
    }
}

extension FlightLog {
    /// From state to state, oldest first; the last one may not be over. Small repairs in between are none.
    public var stories: [Story] {
        var stories: [Story] = []
        var standing: Standing?
        var run: [FlightEntry] = []
        var previous: TurnRecord?
        for entry in entries {
            run.append(entry)
            guard let turn = entry.turn, let now = turn.standing else { continue }
            if now != standing || run.contains(where: \.isWeighty) {
                stories.append(Self.story(run, after: previous, from: standing, to: now))
            }
            (standing, run, previous) = (now, [], turn)
        }
        if run.contains(where: { $0.turn != nil }) {
            stories.append(Self.story(run, after: previous, from: standing, to: nil))
        }
        return stories
    }

    private static func story(
        _ run: [FlightEntry], after previous: TurnRecord?, from before: Standing?, to after: Standing?
    ) -> Story {
        var lines: [Story.Line] = []
        // What an operator asked for before is part of how it came to this, even if a quiet turn saw it first.
        var previous = previous?.withoutRequest
        for entry in run {
            lines += entry.lines(after: previous)
            previous = entry.turn ?? previous
        }
        let ends = run.map(\.at)
        return Story(
            member: run.last?.member ?? "", before: before, after: after, began: lines.first?.at ?? ends[0],
            ended: ends.max() ?? ends[0], lines: lines)
    }
}

extension TurnRecord {
    fileprivate var withoutRequest: TurnRecord {
        guard case .cluster(var cluster) = observation.store else { return self }
        cluster.failover = nil
        var record = self
        record.observation.store = .cluster(cluster)
        return record
    }
}

extension FlightEntry {
    /// Something happened that an operator wants to know of, even if all is as before afterwards.
    fileprivate var isWeighty: Bool {
        guard case .ended(let job, _, took: _) = event else { return false }
        switch job {
        case .follow, .checkDivergence: return false
        default: return true
        }
    }
}
