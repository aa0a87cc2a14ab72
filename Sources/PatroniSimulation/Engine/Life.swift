// One run of one member's agent, from its start to its crash or end.

import PatroniAPI
import PatroniAgent
import PatroniCore
import PatroniDCS

/// Lives are numbered through a history; a restarted agent is another life of the same member.
///
/// All of an agent's progress comes through its ports and timers: every wait is a ``Ticket``. A frozen life's tickets are
/// honoured when it thaws. A dead life's are all given up at once and it ends as a ghost: whatever it still does has no
/// effect, and its clock runs ahead of it, so that nothing of it stays behind in memory.
final class Life {
    let number: Int
    let member: Int
    private(set) var agent: Agent?
    var isDead = false
    var isFrozen = false
    /// What came in while it was frozen.
    private var held: [() -> Void] = []
    private var tickets: [Int: any GivenUp] = [:]
    private var lastTicket = 0
    /// A dead agent's own idea of the time.
    var ghostNow = Moment(nanoseconds: 0)
    var ghostSteps = 0
    let changes: AsyncStream<StoreChange>
    let news: AsyncStream<StoreChange>.Continuation
    let exits: AsyncStream<Void>
    let exited: AsyncStream<Void>.Continuation
    /// The watch was interrupted: the next thing it hears is that it has missed something.
    var hasMissed = false
    /// When the latest of the news that are on their way arrives.
    var newsArrives = Moment(nanoseconds: 0)
    var session = StoreSession()
    /// Until when the agent believes to lead, on its own clock.
    var lease = Lease.none
    /// What it last knew of maintenance mode.
    var isPaused = false
    /// The operator stops it.
    var isAskedToEnd = false
    /// Operators' requests under way here.
    var operatorJobs = 0

    init(number: Int, member: Int) {
        self.number = number
        self.member = member
        (changes, news) = AsyncStream.makeStream()
        (exits, exited) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func use(_ agent: Agent) { self.agent = agent }
    func forget() { agent = nil }

    // MARK: tickets

    func newNumber() -> Int {
        lastTicket += 1
        return lastTicket
    }

    func issue(_ number: Int, _ ticket: any GivenUp) { tickets[number] = ticket }

    /// Nil when it has been answered or given up before.
    func redeem(_ number: Int) -> (any GivenUp)? { tickets.removeValue(forKey: number) }

    /// Runs now, or at the thaw.
    func deliver(_ action: @escaping () -> Void) {
        if isFrozen { held.append(action) } else { action() }
    }

    func thaw() {
        isFrozen = false
        let waiting = held
        held = []
        for action in waiting { action() }
    }

    /// Every wait ends without an answer.
    func die(at now: Moment) {
        isDead = true
        isFrozen = false
        held = []
        ghostNow = now
        news.finish()
        exited.finish()
        let open = tickets.sorted { $0.key < $1.key }
        tickets = [:]
        for (_, ticket) in open { ticket.giveUp() }
    }
}

/// A wait that can end without an answer.
protocol GivenUp {
    func giveUp()
}

/// One wait of an agent.
struct Ticket<Value: Sendable>: GivenUp {
    let continuation: UnsafeContinuation<Value, Never>
    /// What a dead agent is told.
    let otherwise: Value

    func giveUp() { continuation.resume(returning: otherwise) }
}

/// The part of a store's client that lives in the agent's process.
struct StoreSession {
    var number: Int?
    /// When the session was last renewed, counted from before the request, on the store's clock.
    var renewedAt: Moment?
    var isBusy = false
    /// The first reading begins the watch.
    var isWatching = false
    var ttl: Duration = .seconds(30)
    var loopWait: Duration = .seconds(10)
    /// The leader key as last read.
    var knownLeader: Leader?
    /// This member's key as it was last written or read; nil: not known.
    var knownMember: JSONObject?
    var knownMemberSession: Int?
    var knownStatus: ClusterStatus?
}
