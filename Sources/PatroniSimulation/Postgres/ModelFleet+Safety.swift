// What must never happen is asked here: lost commits, two writers, forks.

import PatroniCore

/// One commit of the application.
public struct ModelCommit: Sendable, Hashable {
    public var writer: LogWriter
    public var position: LSN
}

extension ModelFleet {
    /// Writes are let in, and would be acknowledged at some time if nothing changed.
    public func canCommit(on id: ServerID) -> Bool {
        let server = servers[id.index]
        guard server.phase == .primary, server.isWorking else { return false }
        return server.rule.acknowledged(server.senders) { isFlowing($0, from: id.index) ? LSN(.max) : .zero }
            == LSN(.max)
    }

    /// Connections are let in and may write; whether their commits are acknowledged is another question.
    public func acceptsWrites(on id: ServerID) -> Bool { servers[id.index].phase == .primary }

    /// The promised commits that `id` does not hold: what would be lost if it led now.
    public func lostCommits(on id: ServerID) -> [LostCommits] {
        servers[id.index].files.map { lostCommits(in: $0.log) } ?? []
    }

    func lostCommits(in log: ModelLog) -> [LostCommits] {
        var lost: [LostCommits] = []
        for (number, entry) in ledger.enumerated() where entry.promised > .zero {
            let writer = LogWriter(number)
            guard !log.holds(writer, upTo: entry.promised) else { continue }
            let held = log.branches.last { $0.writer == writer }?.end ?? .zero
            lost.append(LostCommits(writer: writer, from: held, to: entry.promised))
        }
        return lost
    }

    /// Nobody is promised what was acknowledged until now, as when the operator gives up members or the mode.
    public mutating func forgetPromises() {
        for number in ledger.indices { ledger[number].promised = .zero }
        for index in servers.indices { servers[index].isSynchronous = false }
    }

    /// An operator has made `id` the leader: what it does not have is given up, also what the former one still
    /// acknowledges until it hears of it.
    public mutating func giveUpWhatIsMissing(on id: ServerID) {
        guard let log = servers[id.index].files?.log else { return }
        for number in ledger.indices where LogWriter(number) != log.writer {
            let held = log.branches.last { $0.writer == LogWriter(number) }?.end ?? .zero
            ledger[number].promised = min(ledger[number].promised, held)
            ledger[number].isGivenUp = true
        }
    }

    /// It has taken the promise over: from now on what it acknowledges is promised. A leader that does not know yet that
    /// the operator wants it so promises nothing.
    public mutating func markSynchronous(_ id: ServerID) { servers[id.index].isSynchronous = isPromising }

    // MARK: single commits

    /// One commit, waiting or acknowledged; nil when the server doesn't accept it.
    public mutating func commit(on id: ServerID, bytes: UInt64 = 200, at moment: Moment) -> ModelCommit? {
        advance(to: moment)
        guard servers[id.index].phase == .primary, servers[id.index].isWorking, let log = servers[id.index].files?.log
        else { return nil }
        let position = LSN(log.end.rawValue + bytes)
        append(to: id.index, upTo: position)
        acknowledge(id.index)
        return ModelCommit(writer: log.writer, position: position)
    }

    public func isAcknowledged(_ commit: ModelCommit) -> Bool {
        ledger[commit.writer.number].acknowledged >= commit.position
    }

    public func holds(_ commit: ModelCommit, on id: ServerID) -> Bool {
        servers[id.index].files?.log.holds(commit.writer, upTo: commit.position) ?? false
    }
}
