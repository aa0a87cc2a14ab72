// `GET /why`: what last changed at this member, and why. Patroni has no such page.

import PatroniCore
import PatroniPorts

/// The last changes as a page for programs and one for people.
public struct WhyPage: Sendable {
    public var snapshot: StatusSnapshot
    public var log: FlightLog
    public var now: WallTime

    /// How many single changes are told besides the stories.
    static let recent = 20

    public init(snapshot: StatusSnapshot, log: FlightLog, now: WallTime) {
        self.snapshot = snapshot
        self.log = log
        self.now = now
    }

    public var json: JSONObject {
        let stories = log.stories
        var out: JSONObject = [
            "member": .string(snapshot.name.text), "scope": .string(snapshot.scope), "at": .string(now.iso8601()),
            "role": .string(snapshot.role.rawValue), "state": .string(snapshot.state.rawValue),
        ]
        out["leader"] =
            snapshot.cluster.flatMap { $0.isUnlocked ? nil : $0.leader }.map { .string($0.name.text) } ?? .null
        out["nobody_leads"] = log.currentStandoff.map { .object($0.json) } ?? .null
        out["last_change"] = stories.last.map { .object($0.json) } ?? .null
        out["last_leader_change"] = stories.last(where: \.isLeaderChange).map { .object($0.json) } ?? .null
        out["recent"] = .array(recentLines.map { .object($0.json) })
        return out
    }

    /// The end of each of the last changes.
    private var recentLines: [Story.Line] {
        log.entries.suffix(Self.recent).compactMap { $0.lines(after: $0.turn).last }
    }

    public func text(zone: (WallTime) -> Int) -> String {
        let stories = log.stories
        var out = ""
        if let standoff = log.currentStandoff { out += standoff.text + "\n\n" }
        guard let last = stories.last else {
            return out + "Nothing has changed at \(snapshot.name) since its agent started.\n"
        }
        out += last.text(zone: zone)
        if let leader = stories.last(where: \.isLeaderChange), leader != last { out += "\n" + leader.text(zone: zone) }
        return out
    }
}
