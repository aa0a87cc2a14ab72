// All PostgreSQL servers of a simulated cluster, and the wires between them. A value: no clock, no task, no chance.

import PatroniCore

/// Time is handed in with every change; between two changes everything moves in straight lines, and only the moments
/// at which something turns (a retry, a time limit, the end of a start) are visited.
public struct ModelFleet: Sendable {
    /// One direction between two servers.
    struct Link: Sendable {
        var isOpen = true
        var latency: Int64 = 1_000_000
    }

    public internal(set) var servers: [ModelServer]
    public let settings: ModelSettings
    var links: [Link]
    public internal(set) var now: Int64 = 0
    /// By writer: how far its commits have been acknowledged.
    var ledger: [Ledger] = []
    /// Acknowledged commits are promised to survive from now on, as in synchronous mode.
    public var isPromising = false
    public internal(set) var promotions: [ModelPromotion] = []
    /// A standby asked for more of a log that looks like its own and is not. PostgreSQL would have mixed them.
    public internal(set) var mixings: [ModelMixing] = []
    var connections = 0
    var databases = 0
    /// Servers in such an order that an upstream stands before its standbys.
    var order: [Int]
    let retry: Int64
    let silence: Int64

    struct Ledger: Sendable {
        var acknowledged = LSN.zero
        var promised = LSN.zero
        /// An operator has let somebody else lead who did not have all of it.
        var isGivenUp = false
    }

    public init(_ members: [(name: MemberName, endpoint: Endpoint)], settings: ModelSettings = ModelSettings()) {
        servers = members.map { ModelServer(name: $0.name, endpoint: $0.endpoint) }
        links = Array(repeating: Link(), count: members.count * members.count)
        order = Array(members.indices)
        self.settings = settings
        retry = settings.retryInterval.inNanoseconds
        silence = settings.silenceLimit.inNanoseconds
    }

    public subscript(_ id: ServerID) -> ModelServer { servers[id.index] }

    public func server(named name: MemberName) -> ServerID? {
        servers.firstIndex { $0.name == name }.map { ServerID($0) }
    }

    func link(_ from: Int, _ to: Int) -> Link { links[from * servers.count + to] }

    func areLinked(_ one: Int, _ other: Int) -> Bool { link(one, other).isOpen && link(other, one).isOpen }

    // MARK: the network, as the simulator sets it

    /// One direction of the wire between two servers.
    public mutating func setLink(
        from: ServerID, to: ServerID, isOpen: Bool, latency: Duration, at moment: Moment
    ) {
        advance(to: moment)
        links[from.index * servers.count + to.index] = Link(isOpen: isOpen, latency: latency.inNanoseconds)
        tidyConnections()
    }

    // MARK: time

    /// Moves everything on to `moment`.
    public mutating func advance(to moment: Moment) {
        let target = moment.nanoseconds
        guard target > now else { return }
        var event = nextTurn()
        while let (at, index, turn) = event, at <= target {
            flow(to: at)
            carryOut(turn, index)
            event = nextTurn()
        }
        flow(to: target)
    }

    /// What turns by itself.
    enum Turn {
        case ready
        case promoted
        case checkpointed
        case gone
        case rule
        case connect
        case receiverGivesUp
        case senderGivesUp(Int)
        case look
    }

    /// The next moment at which something turns, if nothing else happens.
    private func nextTurn() -> (at: Int64, index: Int, turn: Turn)? {
        var best: (at: Int64, index: Int, turn: Turn)?
        func consider(_ at: Int64, _ index: Int, _ turn: Turn) {
            let at = max(at, now)
            if let found = best, found.at <= at { return }
            best = (at, index, turn)
        }
        for index in servers.indices where !servers[index].isFrozen {
            if let (at, turn) = phaseTurn(index) { consider(at, index, turn) }
            if let coming = servers[index].coming { consider(coming.at, index, .rule) }
            if servers[index].phase.hasReceiver { receiverTurn(index).map { consider($0.at, index, $0.turn) } }
            for sender in servers[index].senders where !answers(sender, of: index) {
                consider(sender.lastReply + silence, index, .senderGivesUp(sender.number))
            }
        }
        return best
    }

    private func phaseTurn(_ index: Int) -> (at: Int64, turn: Turn)? {
        guard !servers[index].isDiskStalled else { return nil }
        switch servers[index].phase {
        case .starting(_, let until): return (until, .ready)
        case .promoting(let until): return (until, .promoted)
        case .stopping(_, let until): return (until, .checkpointed)
        case .waitingForSenders:
            if isReceivedByAll(index) { return (now, .gone) }
            let end = servers[index].end
            let late = servers[index].senders.filter { $0.flushed < end && isFlowing($0, from: index) }
            guard let slowest = late.map({ roundTrip(index, $0.standby) }).max() else { return nil }
            return (now + max(slowest, 1_000_000), .look)
        case .stopped, .recovering, .standby, .primary: return nil
        }
    }

    private func receiverTurn(_ index: Int) -> (at: Int64, turn: Turn)? {
        switch servers[index].receiver.state {
        case .connected(_, let heard): return hears(index) ? nil : (heard + silence, .receiverGivesUp)
        case .idle(let first):
            guard canConnect(index) else { return nil }
            if first >= now { return (first, .connect) }
            let tries = (now - first + retry - 1) / retry
            return (first + tries * retry, .connect)
        }
    }

    private mutating func carryOut(_ turn: Turn, _ index: Int) {
        switch turn {
        case .ready: becomeReady(index)
        case .promoted: becomePrimary(index)
        case .checkpointed: afterCheckpoint(index)
        case .gone: end(index)
        case .rule:
            if let coming = servers[index].coming { servers[index].rule = coming.rule }
            servers[index].coming = nil
        case .connect: connect(index)
        case .receiverGivesUp:
            servers[index].receiver.state = .idle(firstTry: now)
            tidyConnections()
        case .senderGivesUp(let number):
            dropSender(number, of: index)
            tidyConnections()
        case .look: break
        }
    }

    /// When this server's own doings may turn next if nobody interferes; nil: nothing is under way.
    public func nextChange(of id: ServerID) -> Moment? {
        if servers[id.index].isFrozen { return nil }
        if servers[id.index].phase == .recovering { return Moment(nanoseconds: now + 100_000_000) }
        return phaseTurn(id.index).map { Moment(nanoseconds: max($0.at, now)) }
    }

    /// The order in which logs flow.
    mutating func topologyChanged() {
        var left = Array(servers.indices)
        var sorted: [Int] = []
        while !left.isEmpty {
            let free = left.filter { index in
                guard servers[index].phase.hasReceiver, let upstream = servers[index].upstream else { return true }
                return !left.contains(upstream.index)
            }
            // Standbys in a ring receive nothing from each other anyway.
            let next = free.isEmpty ? left : free
            sorted += next
            left.removeAll { next.contains($0) }
        }
        order = sorted
    }
}

/// A promotion that has happened.
public struct ModelPromotion: Sendable, Hashable {
    public var server: ServerID
    public var at: Moment
    public var timeline: Timeline
    public var position: LSN
    public var writer: LogWriter
    /// The last promotion of all, when the promoted server's log does not contain it.
    public var missed: LogWriter?
    /// Promised commits that the new primary does not have.
    public var lost: [LostCommits]
}

/// Acknowledged commits that a log does not hold.
public struct LostCommits: Sendable, Hashable {
    public var writer: LogWriter
    public var from: LSN
    public var to: LSN
}

public struct ModelMixing: Sendable, Hashable {
    public var standby: ServerID
    public var upstream: ServerID
    public var at: Moment
}
