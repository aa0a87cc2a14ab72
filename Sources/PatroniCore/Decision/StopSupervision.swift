// A stop that takes long: what is it waiting for, and what ends the wait?

/// Judges the stop of a server from outside, by its processes and `pg_control` alone: a stopping server answers no
/// queries.
///
/// PostgreSQL stops in this order: clients go, standbys' senders fall quiet, the last checkpoint is written, the senders
/// deliver it, the postmaster ends. A sender whose standby can't be reached does neither of its two parts before
/// `wal_sender_timeout` (60 s), and meanwhile a primary serves nobody, keeps its key and lets nobody take over. Such a
/// sender is ended alone: the stop stays clean, and standbys that can be reached still get everything.
public struct StopSupervision: Sendable, Hashable, Codable {
    /// What one look at the processes shows.
    public struct Look: Sendable, Hashable, Codable {
        /// Nil when `pg_control` can't be read just now.
        public var control: ControlState?
        public var clients: Int
        public var senders: [Sender]
        /// Processes that somebody has stopped (SIGSTOP): they obey nobody.
        public var isFrozen: Bool

        public init(control: ControlState?, clients: Int = 0, senders: [Sender] = [], isFrozen: Bool = false) {
            self.control = control
            self.clients = clients
            self.senders = senders
            self.isFrozen = isFrozen
        }
    }

    /// A process that streams to a standby.
    public struct Sender: Sendable, Hashable, Codable {
        public var pid: Int32
        /// How far it has sent, as its title says.
        public var position: LSN?

        public init(pid: Int32, position: LSN?) {
            self.pid = pid
            self.position = position
        }
    }

    public enum Step: Sendable, Hashable, Codable {
        case wait
        /// End these processes, no others.
        case endSenders([Int32])
        /// Stop without a checkpoint; crash recovery follows.
        case stopImmediately(Cause)
        case kill(Cause)
    }

    /// Why a stop gets harder; `text` is for the log.
    public enum Cause: String, Sendable, Hashable, Codable {
        case limit = "primary_stop_timeout has passed"
        case clients = "clients' sessions don't end"
        case tooLong = "the stop has taken longer than a start may"
        case frozen = "its processes have been stopped by somebody (SIGSTOP)"
        case disobeyed = "it did not obey an immediate stop"
    }

    /// How long a sender may stand still, an immediate stop may take, and a frozen server is waited for.
    public static let patience: Duration = .seconds(5)
    /// A sender that is told to end first tries to say so to its standby, and lets itself be told again.
    public static let reminder: Duration = .seconds(1)

    /// When the stop was ordered.
    public var since: Moment
    /// `primary_stop_timeout`, where it applies (HA-147).
    public var limit: Duration?
    /// How long clients that ignore a fast stop are waited for: `ttl`.
    public var clientLimit: Duration
    /// How long anything may take: as long as a start may.
    public var ceiling: Duration
    private var immediateSince: Moment?
    private var senders: [Int32: Progress] = [:]
    private var isShutDown = false
    private var quietSince: Moment

    private struct Progress: Sendable, Hashable, Codable {
        var position: LSN?
        var since: Moment
        var told: Moment?
    }

    /// - Parameter isPrimary: a standby's stop is never cut short by `primary_stop_timeout`.
    public init(_ mode: StopMode, since: Moment, settings: ClusterSettings, isPrimary: Bool) {
        self.since = since
        limit = isPrimary ? settings.stopLimit : nil
        clientLimit = settings.ttl
        ceiling = max(settings.primaryStartTimeout, .seconds(60))
        immediateSince = mode == .immediate ? since : nil
        quietSince = since
    }

    /// Judges one look. A step is carried out at once; asking again comes to the next one.
    public mutating func step(_ look: Look, at now: Moment) -> Step {
        note(look, now)
        if let immediateSince {
            if look.isFrozen { return .kill(.frozen) }
            if let limit, now - immediateSince >= limit { return .kill(.limit) }
            return now - immediateSince >= Self.patience && limit == nil ? .kill(.disobeyed) : .wait
        }
        if let cause = reasonForMore(look, now) {
            immediateSince = now
            return cause == .frozen ? .kill(cause) : .stopImmediately(cause)
        }
        // Its last checkpoint is being written; that takes as long as the disk takes.
        if look.clients > 0 || look.control == .shuttingDown { return .wait }
        let stuck = stuckSenders(look, now).filter { pid in
            senders[pid]?.told.map { now - $0 >= Self.reminder } ?? true
        }
        for pid in stuck { senders[pid]?.told = now }
        return stuck.isEmpty ? .wait : .endSenders(stuck)
    }

    private func reasonForMore(_ look: Look, _ now: Moment) -> Cause? {
        let taken = now - since
        if let limit, taken >= limit { return .limit }
        if look.isFrozen, taken >= Self.patience { return .frozen }
        if look.clients > 0, taken >= clientLimit { return .clients }
        return taken >= ceiling ? .tooLong : nil
    }

    private mutating func note(_ look: Look, _ now: Moment) {
        let isShutDown = look.control.map { !$0.isUnclean } ?? self.isShutDown
        if look.clients > 0 || look.control == .shuttingDown || isShutDown != self.isShutDown { quietSince = now }
        self.isShutDown = isShutDown
        let known = senders
        senders = [:]
        for sender in look.senders {
            let last = known[sender.pid]
            let hasMoved = last == nil || last?.position != sender.position
            senders[sender.pid] = Progress(
                position: sender.position, since: hasMoved ? now : last.map(\.since) ?? now, told: last?.told)
        }
    }

    /// Before the last checkpoint, one sender that does not fall quiet holds up all: the ones that lag behind others are
    /// the suspects, and all of them only when that did not help. After it, whoever stands still can't be helped.
    private func stuckSenders(_ look: Look, _ now: Moment) -> [Int32] {
        guard now - quietSince >= Self.patience else { return [] }
        let still = senders.filter { now - max($0.value.since, quietSince) >= Self.patience }
        if isShutDown { return still.keys.sorted() }
        if now - quietSince >= Self.patience * 3 { return still.keys.sorted() }
        let furthest = senders.values.compactMap(\.position).max() ?? .zero
        return still.filter { ($0.value.position ?? .zero) < furthest }.keys.sorted()
    }
}

extension ClusterSettings {
    /// `primary_stop_timeout` counts in synchronous mode only: nothing acknowledged can be lost there (HA-147).
    public var stopLimit: Duration? { isSynchronous ? primaryStopTimeout.flatMap { $0 > .zero ? $0 : nil } : nil }
}
