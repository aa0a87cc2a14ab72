// A model cluster for tests: a clock to turn on, servers by letter.

import PatroniCore
import Testing

@testable import PatroniSimulation

struct ModelRig {
    var fleet: ModelFleet
    var now = Moment(nanoseconds: 1_000_000_000)
    let a = ServerID(0)
    let b = ServerID(1)
    let c = ServerID(2)

    init(_ change: (inout ModelSettings) -> Void = { _ in }) {
        var settings = ModelSettings()
        change(&settings)
        fleet = ModelFleet(
            ["a", "b", "c"].enumerated().map { number, name in
                (MemberName(name), Endpoint(host: "10.0.0.\(number + 1)", port: 5432))
            }, settings: settings)
    }

    mutating func pass(_ time: Duration) {
        now = now + time
        fleet.advance(to: now)
    }

    /// `a` leads, `b` and `c` stream from it.
    static func cluster(_ change: (inout ModelSettings) -> Void = { _ in }) throws -> ModelRig {
        var rig = ModelRig(change)
        try rig.fleet.createDatabase(on: rig.a, at: rig.now)
        try rig.start(rig.a, as: .primary)
        for standby in [rig.b, rig.c] {
            try rig.fleet.beginCopy(on: standby, at: rig.now)
            try rig.fleet.finishCopy(on: standby, from: rig.a, at: rig.now)
            try rig.start(standby, as: .standby(of: rig.a))
        }
        rig.pass(.seconds(1))
        return rig
    }

    mutating func start(_ id: ServerID, as role: ServerRole) throws {
        try fleet.start(id, as: role, takes: .seconds(1), at: now)
        pass(.seconds(2))
    }

    mutating func promote(_ id: ServerID) throws {
        try fleet.promote(id, takes: .milliseconds(300), at: now)
        pass(.seconds(1))
    }

    mutating func setNames(_ names: String?, on id: ServerID) throws {
        try fleet.setNames(names, on: id, takes: .milliseconds(50), at: now)
        pass(.seconds(1))
    }

    mutating func cut(_ one: ServerID, _ other: ServerID, isOpen: Bool = false) {
        fleet.setLink(from: one, to: other, isOpen: isOpen, latency: .milliseconds(1), at: now)
        fleet.setLink(from: other, to: one, isOpen: isOpen, latency: .milliseconds(1), at: now)
    }

    mutating func commit(on id: ServerID) throws -> ModelCommit {
        let commit = fleet.commit(on: id, at: now)
        return try #require(commit)
    }

    mutating func divergence(of id: ServerID, from leader: ServerID) -> Divergence {
        fleet.divergence(of: id, from: leader, at: now)
    }

    func words(of id: ServerID) -> [String: String] {
        Dictionary((fleet.streams(of: id) ?? []).map { ($0.name.text, $0.syncState) }, uniquingKeysWith: { $1 })
    }
}
