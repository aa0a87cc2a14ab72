// What changed, kept for whoever asks why; and what stands against everybody while nobody leads.

import Logging
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    /// Notes a turn that has ended, if it changed something.
    func record(_ notes: TurnRecord, _ turn: Turn, _ reason: Reason) {
        var notes = notes
        notes.took = now - notes.began
        if let entry = flight.note(notes, role: turn.memory.role) { parts.recorder.write(entry) }
        explain(turn, reason)
    }

    /// Notes anything else.
    func record(_ event: FlightEntry.Event) {
        parts.recorder.write(flight.note(FlightEntry(at: parts.time.wallTime, member: me, event: event)))
    }

    // MARK: nobody leads

    /// Says once, and again when it changes, what stands against each member while nobody leads.
    private func explain(_ turn: Turn, _ reason: Reason) {
        if case .cluster(let seen) = turn.observation.store, !seen.isUnlocked { return tell(nil) }
        let situation = Situation(turn.observation, turn.memory, turn.facts)
        guard let standoff = Standoff(situation, end: reason) else { return tell(nil) }
        if turn.facts.peers != nil { return tell(standoff) }
        // The rules needed nobody's answer to decide; whoever reads the log does.
        guard !isExplaining, flight.needsAnswers(standoff, at: now) else { return }
        isExplaining = true
        Task {
            let peers = await parts.members.status(of: situation.others, by: now + .seconds(2))
            isExplaining = false
            if cluster?.isUnlocked == true { tell(Standoff(situation, end: reason, peers: peers)) }
        }
    }

    private func tell(_ standoff: Standoff?) {
        guard let news = flight.news(standoff) else { return }
        log.info("\(news.text)")
        record(.nobodyLeads(news))
    }
}
