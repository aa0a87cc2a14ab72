// Which turns are worth remembering, and the last of them in memory.

/// What a turn came to, without what changes all the time. Two turns with the same gist tell the same.
struct TurnGist: Sendable, Hashable {
    private let rules: [String]
    private let reason: Reason?
    private let role: MemberRole
    private let leader: MemberName?
    private let isPaused: Bool

    init(_ turn: TurnRecord, role: MemberRole) {
        rules = turn.steps.map(\.verdict.rule)
        reason = turn.end?.decision.reason?.gist
        self.role = role
        leader = turn.cluster?.leader?.name
        isPaused = turn.observation.settings.isPaused
    }
}

/// The last changes at one member.
public struct FlightLog: Sendable {
    /// How many changes are kept in memory.
    public static let capacity = 96
    /// A member that does the same over and over again (no answer from the store to each attempt) says so this often.
    static let repetition: Duration = .seconds(10)

    public private(set) var entries: [FlightEntry] = []
    private var last: (gist: TurnGist, at: Moment)?
    /// When the leader key was last seen in somebody's hands.
    public private(set) var leaderLastSeen: Moment?
    private var standoff: Standoff?
    private var asked: (gist: [MemberName: String], at: Moment)?
    /// While nobody leads and nothing changes, the others are asked this often what stands against them.
    private static let patience: Duration = .seconds(30)

    /// With what an earlier run of the agent has written down.
    public init(_ entries: [FlightEntry] = []) { self.entries = entries.suffix(Self.capacity) }

    /// Takes in a turn that has ended, with the role that the member has then. Gives back what is to be written: nothing
    /// when all is as it was.
    public mutating func note(_ turn: TurnRecord, role: MemberRole) -> FlightEntry? {
        let gist = TurnGist(turn, role: role)
        let (previous, seen) = (last, leaderLastSeen)
        last = (gist, turn.began)
        if turn.cluster?.isUnlocked == false { leaderLastSeen = turn.began }
        let isRepeated = previous?.gist == gist
        if isRepeated, turn.deeds.isEmpty { return nil }
        // The time of the repetition that was written, so that a fast loop of them is not silent for ever.
        if isRepeated, let previous, turn.began - previous.at < Self.repetition, !turn.beginsJob {
            last = previous
            return nil
        }
        var turn = turn
        turn.leaderLastSeen = seen
        return note(turn: turn)
    }

    private mutating func note(turn: TurnRecord) -> FlightEntry {
        let ended = turn.wallTime(of: turn.began + turn.took)
        return note(FlightEntry(at: ended, member: turn.observation.me, event: .turn(turn)))
    }

    /// Takes in anything else.
    @discardableResult
    public mutating func note(_ entry: FlightEntry) -> FlightEntry {
        entries.append(entry)
        if entries.count > Self.capacity { entries.removeFirst(entries.count - Self.capacity) }
        return entry
    }

    /// What stands against everybody, told when it is not what was told last. Nil: somebody leads, or nothing is new.
    public mutating func news(_ standoff: Standoff?) -> Standoff? {
        defer { self.standoff = standoff }
        guard let standoff, standoff.gist != self.standoff?.gist else { return nil }
        return standoff
    }

    /// The rules decided without asking anybody: is it time to ask, to know what stands against the others?
    public mutating func needsAnswers(_ standoff: Standoff, at now: Moment) -> Bool {
        if let asked, asked.gist == standoff.gist, now - asked.at < Self.patience { return false }
        asked = (standoff.gist, now)
        return true
    }

    /// What stands against everybody now; nil while somebody leads.
    public var currentStandoff: Standoff? { standoff }
}

extension TurnRecord {
    var beginsJob: Bool {
        deeds.contains { if case .begin = $0 { true } else { false } }
    }
}
