// The way to the store and back, its news, and the end of sessions.

import PatroniCore
import PatroniPorts

extension World {
    /// One way: half of what a request within a machine room takes.
    private func hop(_ from: Node, _ to: Node) -> Duration {
        chance.duration(.microseconds(150)...(.microseconds(900))) + network.delay(from, to)
    }

    /// Comes back with true when the request arrives; with false, not before the deadline, when the agent will never
    /// know whether it has.
    func sendToStore(
        from member: Int, by deadline: Moment, detour: Duration = .zero, _ arrive: @escaping (Bool) -> Void
    ) {
        guard network.isOpen(.member(member), .store) else { return at(deadline) { arrive(false) } }
        if let percent = storeTrouble.lostRequests[member], chance.chance(percent) {
            trace.say(now, .member(member), "a request to the store is lost")
            return at(deadline) { arrive(false) }
        }
        let arrival = now + hop(.member(member), .store) + storeTrouble.delay + detour
        // It may still land when nobody waits for it any more.
        if arrival > deadline { at(deadline) { arrive(false) } }
        at(arrival) {
            guard self.storeTrouble.isOut else { return arrive(true) }
            self.at(deadline) { arrive(false) }
            // Servers that stand still find in their kernel's buffers what nobody waits for any more.
            if self.chance.chance(30) { self.storeTrouble.held.append { arrive(true) } }
        }
    }

    func sendFromStore(to member: Int, by deadline: Moment, _ arrive: @escaping (Bool) -> Void) {
        guard network.isOpen(.store, .member(member)), !storeTrouble.isOut else {
            return at(deadline) { arrive(false) }
        }
        if let percent = storeTrouble.lostAnswers[member], chance.chance(percent) {
            trace.say(now, .member(member), "an answer of the store is lost")
            return at(deadline) { arrive(false) }
        }
        let arrival = now + hop(.store, .member(member))
        // Nobody waits for what comes too late.
        at(min(arrival, max(now, deadline))) { arrive(arrival <= deadline) }
    }

    /// Every change of the store goes through here.
    func change<Value>(_ operation: (inout ModelStore) -> Value) -> Value {
        if !storeTrouble.isOut { store.expire(at: now) }
        let value = operation(&store)
        spreadNews()
        planExpiry()
        return value
    }

    private func spreadNews() {
        for news in store.takeChanges() {
            note(news)
            checks.storeChanged(self, news)
            guard let change = StoreChange(news) else { continue }
            for member in members {
                guard let life = member.life, !life.isDead, life.session.isWatching else { continue }
                guard network.isOpen(.store, .member(member.index)) else {
                    life.hasMissed = true
                    continue
                }
                // One stream: nothing overtakes anything.
                life.newsArrives = max(life.newsArrives, now + hop(.store, .member(member.index)))
                at(life.newsArrives) { self.hear(life, change) }
            }
        }
    }

    private func hear(_ life: Life, _ change: StoreChange) {
        guard !life.isDead else { return }
        life.deliver {
            if life.hasMissed {
                life.hasMissed = false
                life.tell(.missedSome)
            }
            life.tell(change)
        }
    }

    /// Watches that were interrupted come back.
    func resumeWatches() {
        for member in members {
            guard let life = member.life, !life.isDead, life.hasMissed, !storeTrouble.isOut,
                network.isOpen(.store, .member(member.index)), network.isOpen(.member(member.index), .store)
            else { continue }
            life.hasMissed = false
            after(chance.duration(.milliseconds(10)...(.seconds(1)))) {
                guard !life.isDead else { return }
                life.deliver { life.tell(.missedSome) }
            }
        }
    }

    /// Sessions end by themselves, not only when somebody asks. One alarm is enough; it looks again when it is too early.
    func planExpiry() {
        guard let next = store.nextExpiry, nextExpiry == nil || next < nextExpiry ?? next else { return }
        nextExpiry = next
        at(next) { self.expireSessions(planned: next) }
    }

    private func expireSessions(planned: Moment) {
        guard nextExpiry == planned else { return }
        nextExpiry = nil
        if storeTrouble.isOut { return }
        change { _ in }
    }

    private func note(_ news: ModelStore.StoreNews) {
        switch news {
        case .leader(let name):
            trace.note(now, .store, "leader", name.map { $0.text.utf8.count } ?? 0)
            trace.say(now, .store, name.map { "the leader key is \($0)'s" } ?? "the leader key is gone")
        case .configuration:
            trace.note(now, .store, "config")
            trace.say(now, .store, "config: \(store.cluster.configuration?.values.text() ?? "")")
        case .failover:
            trace.note(now, .store, "failover")
            trace.say(now, .store, "failover: \(store.cluster.failover?.json.text() ?? "{}")")
        case .sync:
            trace.note(now, .store, "sync", store.cluster.sync.standbys.count)
            trace.say(now, .store, "sync: \(store.cluster.sync.json.text())")
        case .initialize:
            trace.note(now, .store, "initialize")
            trace.say(now, .store, "initialize: \(store.cluster.initialize)")
        case .history:
            trace.note(now, .store, "history", store.cluster.history?.rows.count ?? 0)
            trace.say(now, .store, "history: \(store.cluster.history?.json.text() ?? "")")
        case .status: trace.note(now, .store, "status", Int(store.cluster.status.position?.number ?? 0))
        case .member: trace.note(now, .store, "member")
        }
    }
}

extension StoreChange {
    /// Nobody starts a turn for a status, so nobody is told of one here.
    init?(_ news: ModelStore.StoreNews) {
        switch news {
        case .leader(let name): self = .leader(name)
        case .configuration(let isFirst):
            if isFirst { return nil }
            self = .configuration
        case .failover: self = .failover
        case .sync: self = .sync
        case .initialize: self = .initialize
        case .member(let name): self = .member(name)
        case .status, .history: return nil
        }
    }
}
