// Connections between standbys and whom they stream from: how they come about, and how they are lost.

import PatroniCore

extension ModelFleet {
    /// Does anything arrive at the standby `index` from its upstream?
    func hears(_ index: Int) -> Bool {
        guard let number = servers[index].receiver.connection, let source = servers[index].upstream?.index else {
            return false
        }
        return !servers[index].isFrozen && !servers[source].isFrozen && link(source, index).isOpen
            && servers[source].senders.contains { $0.number == number }
    }

    /// Does the standby's answer arrive at the upstream?
    func answers(_ sender: ModelSender, of index: Int) -> Bool {
        let standby = sender.standby
        return servers[standby].receiver.connection == sender.number && servers[standby].phase.hasReceiver
            && !servers[standby].isFrozen && !servers[index].isFrozen && link(standby, index).isOpen
    }

    /// Log goes there and the confirmation comes back.
    func isFlowing(_ sender: ModelSender, from index: Int) -> Bool {
        answers(sender, of: index) && link(index, sender.standby).isOpen && servers[sender.standby].isWorking
    }

    func roundTrip(_ one: Int, _ other: Int) -> Int64 { link(one, other).latency + link(other, one).latency }

    /// Would an attempt of the standby succeed now?
    func canConnect(_ index: Int) -> Bool {
        guard let source = servers[index].upstream?.index, source != index, servers[index].phase.hasReceiver,
            servers[source].phase.isOpen, !servers[source].isFrozen, !servers[index].isFrozen,
            areLinked(index, source), let mine = servers[index].files, let theirs = servers[source].files,
            mine.identifier == theirs.identifier, mine.log.end >= servers[source].keptFrom,
            mine.log.looksLikeBeginning(of: theirs.log)
        else { return false }
        if !mine.log.isBeginning(of: theirs.log) { return !isKnown(mixingOf: index, with: source) }
        return !settings.needsSlots || servers[source].slots.contains { $0.owner == index }
    }

    private func isKnown(mixingOf index: Int, with source: Int) -> Bool {
        mixings.contains { $0.standby.index == index && $0.upstream.index == source }
    }

    mutating func connect(_ index: Int) {
        guard canConnect(index), let source = servers[index].upstream?.index, let mine = servers[index].files,
            let theirs = servers[source].files
        else { return }
        guard mine.log.isBeginning(of: theirs.log) else {
            mixings.append(
                ModelMixing(standby: ServerID(index), upstream: ServerID(source), at: Moment(nanoseconds: now)))
            return
        }
        connections += 1
        servers[index].receiver.state = .connected(number: connections, lastHeard: now)
        servers[index].files?.knownTimeline = max(mine.knownTimeline, theirs.knownTimeline)
        servers[source].senders.append(
            ModelSender(
                standby: index, number: connections, flushed: mine.log.end, replayed: mine.replayed, lastReply: now,
                isStreaming: mine.log.end >= theirs.log.end))
    }

    /// The standby lets go of its connection; it tries again at `firstTry`.
    mutating func disconnect(_ index: Int, firstTry: Int64) {
        servers[index].receiver.state = .idle(firstTry: firstTry)
        tidyConnections()
    }

    mutating func dropSender(_ number: Int, of index: Int) {
        guard let place = servers[index].senders.firstIndex(where: { $0.number == number }) else { return }
        let sender = servers[index].senders.remove(at: place)
        for slot in servers[index].slots.indices where servers[index].slots[slot].owner == sender.standby {
            servers[index].slots[slot].restart = max(servers[index].slots[slot].restart, sender.flushed)
        }
    }

    /// What one end has closed the other notices at once, if the network lets it; else its own time limit has to.
    mutating func tidyConnections() {
        for index in servers.indices where !servers[index].isFrozen {
            if let number = servers[index].receiver.connection, let source = servers[index].upstream?.index,
                !servers[source].senders.contains(where: { $0.number == number }), areLinked(index, source)
            {
                servers[index].receiver.state = .idle(firstTry: now)
            }
            for sender in servers[index].senders
            where servers[sender.standby].receiver.connection != sender.number && areLinked(index, sender.standby) {
                dropSender(sender.number, of: index)
            }
        }
    }

    /// Everybody who is connected has the last record: only then does a primary that stops end.
    func isReceivedByAll(_ index: Int) -> Bool {
        let end = servers[index].end
        return servers[index].senders.allSatisfy { $0.flushed >= end }
    }

    // MARK: what the agent changes

    /// Another primary_conninfo and a reload.
    public mutating func follow(_ upstream: ServerID?, on id: ServerID, at moment: Moment) {
        advance(to: moment)
        guard servers[id.index].upstream != upstream else { return }
        disconnect(id.index, firstTry: now)
        servers[id.index].upstream = upstream
        topologyChanged()
    }

    /// A sleeping receiver tries at once.
    public mutating func nudge(_ id: ServerID, at moment: Moment) {
        advance(to: moment)
        if case .idle = servers[id.index].receiver.state { servers[id.index].receiver.state = .idle(firstTry: now) }
    }

    /// Brings the physical slots of the members in order; what is not wanted is dropped.
    public mutating func setSlots(_ wanted: [(name: String, member: MemberName)], on id: ServerID, at moment: Moment) {
        advance(to: moment)
        guard servers[id.index].phase.isOpen, servers[id.index].isWorking else { return }
        let index = id.index
        servers[index].slots.removeAll { slot in !wanted.contains { $0.name == slot.name } }
        for (name, member) in wanted where !servers[index].slots.contains(where: { $0.name == name }) {
            let owner = servers.firstIndex { $0.name == member }
            servers[index].slots.append(
                ModelSlot(name: name, owner: owner, restart: servers[index].files?.checkpoint ?? .zero))
        }
    }
}
