// The logs move: primaries write, standbys receive and confirm, commits are acknowledged.

import PatroniCore

extension ModelFleet {
    /// Moves everything on to a moment before which nothing turns. Much is read through spans: a server that an array
    /// hands out is a copy, and a lot of it.
    mutating func flow(to target: Int64) {
        let passed = target - now
        guard passed > 0 else { return }
        now = target
        for index in order {
            if servers[index].phase == .primary {
                write(index, passed)
            } else if servers[index].phase.hasReceiver {
                receive(index, passed)
            }
        }
        for index in order where servers[index].phase.hasSenders {
            confirm(index)
            if servers[index].phase == .primary { acknowledge(index) }
        }
    }

    private static func bytes(_ rate: UInt64, _ passed: Int64) -> UInt64 {
        UInt64(Double(rate) * Double(passed) / 1e9)
    }

    /// The application writes, but waits for its commits.
    private mutating func write(_ index: Int, _ passed: Int64) {
        guard servers[index].isWorking, servers[index].files != nil else { return }
        let own = servers[index].end
        var end = LSN(own.rawValue + Self.bytes(settings.writeRate, passed))
        if let limit = acknowledgeable(index), limit.rawValue < .max - settings.window {
            end = max(own, min(end, LSN(limit.rawValue + settings.window)))
        }
        append(to: index, upTo: end)
    }

    mutating func append(to index: Int, upTo end: LSN) {
        servers[index].append(upTo: end, at: now)
        if end.rawValue > servers[index].keptFrom.rawValue + settings.keptLog { recycle(index) }
    }

    /// How far commits could be acknowledged if the connections stay as they are; nil when nothing can be.
    private func acknowledgeable(_ index: Int) -> LSN? {
        if servers[index].rule.isNobody { return LSN(.max) }
        let found = servers[index].rule.acknowledged(servers[index].senders) { sender in
            isFlowing(sender, from: index) ? LSN(.max) : sender.flushed
        }
        return max(found ?? .zero, acknowledged(on: index))
    }

    private func acknowledged(on index: Int) -> LSN {
        guard let branch = servers.span[index].files?.log.branch else { return .zero }
        return max(ledger[branch.writer.number].acknowledged, branch.start)
    }

    private mutating func receive(_ index: Int, _ passed: Int64) {
        if !servers[index].isWorking { return collect(index) }
        defer { replay(index) }
        guard case .connected(let number, _) = servers[index].receiver.state, hears(index),
            let source = servers[index].upstream?.index
        else { return }
        servers[index].receiver.state = .connected(number: number, lastHeard: now)
        guard let place = servers[source].senders.firstIndex(where: { $0.number == number })
        else { return }
        var target = servers.span[source].track.position(at: now - link(source, index).latency)
        if !link(index, source).isOpen {
            // Without acknowledgements the connection fills up.
            target = min(target, LSN(servers[source].senders[place].flushed.rawValue + settings.window))
        }
        let own = servers[index].end
        guard target > own else {
            servers[source].senders[place].isStreaming = true
            return
        }
        var end = target
        if !servers[source].senders[place].isStreaming {
            let reach = LSN(own.rawValue + Self.bytes(settings.bandwidth, passed))
            if reach < target { end = reach } else { servers[source].senders[place].isStreaming = true }
        }
        take(index, from: source, upTo: end)
    }

    /// A server that stands still has a kernel that receives for it, as much as a connection holds.
    private mutating func collect(_ index: Int) {
        guard let number = servers[index].receiver.connection, let source = servers[index].upstream?.index,
            !servers[source].isFrozen, link(source, index).isOpen,
            servers[source].senders.contains(where: { $0.number == number }), let log = servers[source].files?.log
        else { return }
        let own = servers[index].end
        let target = min(
            servers[source].track.position(at: now - link(source, index).latency),
            LSN(own.rawValue + settings.window))
        if target > own { servers[index].receiver.unread = log.upTo(target) }
    }

    /// It moves again and reads what has arrived.
    mutating func readCollected(_ index: Int) {
        guard servers[index].isWorking, let unread = servers[index].receiver.unread else { return }
        servers[index].receiver.unread = nil
        guard servers[index].phase.hasReceiver, let log = servers[index].files?.log, log.isBeginning(of: unread) else {
            return
        }
        servers[index].files?.log.take(unread, upTo: unread.end)
        servers[index].receiver.hasReceived = true
        append(to: index, upTo: servers[index].end)
        replay(index)
    }

    private mutating func take(_ index: Int, from source: Int, upTo end: LSN) {
        guard let log = servers.span[source].files?.log else { return }
        servers[index].take(log, upTo: end)
        append(to: index, upTo: servers[index].end)
    }

    private mutating func replay(_ index: Int) {
        if servers[index].replay(), servers[index].phase == .recovering { becomeConsistent(index) }
    }

    /// What the standbys say of themselves arrives.
    private mutating func confirm(_ index: Int) {
        guard !servers[index].isFrozen else { return }
        for place in servers[index].senders.indices {
            let sender = servers[index].senders[place]
            guard answers(sender, of: index) else { continue }
            let heard = servers.span[sender.standby].track.position(at: now - link(sender.standby, index).latency)
            let replayed = servers.span[sender.standby].files?.replayed ?? .zero
            servers[index].senders[place].hear(heard, replayed, at: now)
        }
    }

    /// Commits whose rule is met are acknowledged. Nothing is taken back.
    mutating func acknowledge(_ index: Int) {
        guard servers[index].isWorking, let branch = servers.span[index].files?.log.branch,
            let found = servers[index].rule.acknowledged(servers[index].senders, { $0.flushed })
        else { return }
        let position = min(found, branch.end)
        let writer = branch.writer.number
        // A promotion's own branch may not be reached yet by who confirms; nothing is committed where it begins.
        guard position > ledger[writer].acknowledged, position > branch.start else { return }
        ledger[writer].acknowledged = position
        if isPromising, servers[index].isSynchronous, !ledger[writer].isGivenUp {
            ledger[writer].promised = position
        }
    }

    /// Old segments go, except what slots keep (max_slot_wal_keep_size is off).
    mutating func recycle(_ index: Int) {
        let end = servers[index].end.rawValue
        guard end > settings.keptLog else { return }
        var horizon = LSN(end - settings.keptLog)
        for slot in servers[index].slots { horizon = min(horizon, position(of: slot, on: index)) }
        servers[index].keptFrom = max(servers[index].keptFrom, horizon)
    }

    func position(of slot: ModelSlot, on index: Int) -> LSN {
        guard let sender = servers[index].senders.last(where: { $0.standby == slot.owner }) else { return slot.restart }
        return max(slot.restart, sender.flushed)
    }
}
