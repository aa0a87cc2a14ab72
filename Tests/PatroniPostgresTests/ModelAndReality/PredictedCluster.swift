// The scenario in the model.

import PatroniCore
import PatroniSimulation

struct PredictedCluster {
    private var fleet: ModelFleet
    private var now = Moment(nanoseconds: 1_000_000_000)
    private let names = ["a", "b", "c"]
    private var commits: [(commit: ModelCommit, server: ServerID, start: Int)] = []
    private var acknowledged: Set<Int> = []

    init() {
        var settings = ModelSettings()
        settings.writeRate = 0
        fleet = ModelFleet(names.map { (MemberName($0), Endpoint(host: $0, port: 5432)) }, settings: settings)
    }

    private func id(_ name: String) -> ServerID { ServerID(names.firstIndex(of: name) ?? 0) }

    /// Until everything that turns by itself has turned, but no time limit has run out.
    private mutating func settle() {
        for _ in 0..<14 {
            now = now + .milliseconds(500)
            fleet.advance(to: now)
            for (number, entry) in commits.enumerated()
            where fleet.isAcknowledged(entry.commit) && fleet[entry.server].starts == entry.start
                && fleet[entry.server].phase == .primary
            {
                acknowledged.insert(number)
            }
        }
    }

    /// Returns the answer of a step that has one.
    mutating func take(_ step: Step) throws -> String? {
        defer { settle() }
        switch step {
        case .create(let name): try fleet.createDatabase(on: id(name), at: now)
        case .copy(let name, let source):
            try fleet.beginCopy(on: id(name), at: now)
            try fleet.finishCopy(on: id(name), from: id(source), at: now)
        case .startPrimary(let name): try fleet.start(id(name), as: .primary, takes: .seconds(1), at: now)
        case .startStandby(let name, let upstream):
            try fleet.start(id(name), as: .standby(of: id(upstream)), takes: .seconds(1), at: now)
        case .stop(let name, let mode): fleet.stop(id(name), mode, takes: .seconds(1), at: now)
        case .beginStop(let name): fleet.stop(id(name), .fast, takes: .seconds(1), at: now)
        case .kill(let name): fleet.kill(id(name), at: now)
        case .promote(let name): try fleet.promote(id(name), takes: .seconds(1), at: now)
        case .follow(let name, let upstream): fleet.follow(id(upstream), on: id(name), at: now)
        case .names(let text, let name): try fleet.setNames(text, on: id(name), at: now)
        case .commit(let name):
            guard let commit = fleet.commit(on: id(name), at: now) else { return "not accepted" }
            commits.append((commit, id(name), fleet[id(name)].starts))
        case .freeze(let name): fleet.setFrozen(true, id(name), at: now)
        case .thaw(let name): fleet.setFrozen(false, id(name), at: now)
        case .checkpoint(let name): _ = fleet.checkpoint(id(name), at: now)
        case .compare(let name, let leader):
            let found = fleet.divergence(of: id(name), from: id(leader), at: now)
            // The places named in the reason are the model's own.
            if case .needsCopy = found { return "forked" }
            return "\(found)"
        case .rewind(let name, let leader): return "\(fleet.rewind(id(name), from: id(leader), at: now))"
        }
        return nil
    }

    var seen: SeenCluster {
        var cluster = SeenCluster(acknowledged: acknowledged)
        for name in names { cluster.servers[name] = seen(id(name)) }
        return cluster
    }

    private func seen(_ id: ServerID) -> SeenServer {
        var server = SeenServer()
        guard case .holds(let control) = fleet.directory(of: id) else { return server }
        let status = fleet.status(of: id)
        server.state = status.word
        server.control = control.state.rawValue
        guard let running = status.running else { return server }
        server.timeline = running.timeline?.rawValue
        server.upstream = running.standby?.upstream?.host
        for stream in fleet.streams(of: id) ?? [] { server.standbys[stream.name.text] = stream.syncState }
        server.rows = Set(commits.indices.filter { isVisible($0, on: id) })
        return server
    }

    /// Where it was made, a commit that still waits is not visible; anywhere else it is.
    private func isVisible(_ number: Int, on id: ServerID) -> Bool {
        let entry = commits[number]
        let isWaiting =
            entry.server == id && fleet[id].starts == entry.start && !fleet.isAcknowledged(entry.commit)
        return fleet.holds(entry.commit, on: id) && !isWaiting
    }
}

extension ServerStatus {
    var word: String {
        switch self {
        case .stopped: "stopped"
        case .starting: "starting"
        case .unresponsive: "unresponsive"
        case .running(let running): running.isPrimary ? "primary" : "standby"
        }
    }
}
