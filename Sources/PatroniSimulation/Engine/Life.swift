// One run of one member's agent, from its start to its crash or end.

import PatroniCore
import PatroniLoop
import PatroniPorts

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
    private var tickets = TicketBox()
    /// A dead agent's own idea of the time.
    var ghostNow = Moment(nanoseconds: 0)
    var ghostSteps = 0
    /// What its store has told it and it has not listened to yet.
    private var news: [StoreChange] = []
    private var listener: UnsafeContinuation<StoreChange?, Never>?
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
        (exits, exited) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func use(_ agent: Agent) { self.agent = agent }
    func forget() { agent = nil }

    // MARK: tickets

    func newNumber() -> Int { tickets.newNumber() }

    func issue(_ number: Int, _ ticket: any GivenUp) { tickets.put(ticket, number) }

    /// Nil when it has been answered or given up before.
    func redeem(_ number: Int) -> (any GivenUp)? { tickets.take(number) }

    // MARK: news

    func tell(_ change: StoreChange) {
        if let listener = listener.take() { listener.resume(returning: change) } else { news.append(change) }
    }

    /// Nil at the end.
    func nextNews() async -> StoreChange? {
        if isDead { return nil }
        if !news.isEmpty { return news.removeFirst() }
        return await withUnsafeContinuation { listener = $0 }
    }

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
        listener.take()?.resume(returning: nil)
        exited.finish()
        for ticket in tickets.takeAll() { ticket.giveUp() }
    }
}

/// A wait that can end without an answer.
protocol GivenUp {
    func giveUp()
}

/// What is open, each in a place that the next one gets when it is closed. Numbers grow, so that who comes too late finds
/// nobody else in its place.
private struct TicketBox {
    private var places: [(number: Int, ticket: (any GivenUp)?)] = []
    private var free: [Int] = []
    private var issued = 0

    private static let placeBits = 16

    private static func place(_ number: Int) -> Int { number & (1 << placeBits - 1) }

    mutating func newNumber() -> Int {
        let place = free.popLast() ?? places.count
        issued += 1
        let number = issued << Self.placeBits | place
        if place < places.count { places[place].number = number } else { places.append((number, nil)) }
        return number
    }

    mutating func put(_ ticket: any GivenUp, _ number: Int) { places[Self.place(number)].ticket = ticket }

    mutating func take(_ number: Int) -> (any GivenUp)? {
        let place = Self.place(number)
        guard places[place].number == number, let ticket = places[place].ticket.take() else { return nil }
        free.append(place)
        return ticket
    }

    /// In the order in which they were issued.
    mutating func takeAll() -> [any GivenUp] {
        let open = places.sorted { $0.number < $1.number }
        for place in places.indices { _ = take(places[place].number) }
        return open.compactMap(\.ticket)
    }
}

/// Something that rings unless it is called off.
struct SimulatedAlarm: GivenUp {
    let ring: @Sendable () -> Void

    func giveUp() { ring() }
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
