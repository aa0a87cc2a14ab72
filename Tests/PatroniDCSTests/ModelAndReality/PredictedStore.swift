// The scenario in the simulator's store.

import PatroniCore
import PatroniPlatform
import PatroniPorts
import Synchronization

@testable import PatroniSimulation

/// Two or three members' clients of one model store, without agents.
final class PredictedStore {
    private let world: World
    private var clients: [String: StoreClient] = [:]
    private var heard: [String: Heard] = [:]
    private static let names = ["alpha", "beta", "gamma"]

    init() {
        var plan = HistoryPlan(seed: 1, mode: .calm)
        plan.members = Self.names.map { _ in HistoryPlan.MemberPlan() }
        world = World(plan, blueprints: Blueprints())
    }

    private final class Heard: Sendable {
        let news = Mutex<[StoreChange]>([])
    }

    func take(_ step: StoreStep, ttl: Duration) -> String {
        switch step {
        case .open(let name):
            open(name, ttl)
            return ask(name, .read)
        case .openBlind(let name): open(name, ttl)
        case .ask(let name, let deed): return ask(name, deed)
        case .pass(let time): world.pass(time)
        case .freeze, .kill: world.setOutage(true, false)
        case .thaw: end(isForgiving: false)
        case .start: end(isForgiving: true)
        }
        return ""
    }

    private func end(isForgiving: Bool) {
        world.setOutage(false, isForgiving)
        world.pass(.seconds(2))
    }

    private func open(_ name: String, _ ttl: Duration) {
        guard let member = Self.names.firstIndex(of: name) else { return }
        let store = world.openStore(member, ttl: ttl, loopWait: .seconds(1))
        clients[name] = StoreClient(store)
        let (changes, ears) = (store.changes, Heard())
        heard[name] = ears
        _ = world.perform {
            Task { @Sendable in for await change in changes { ears.news.withLock { $0.append(change) } } }
        }
    }

    private func ask(_ name: String, _ deed: Deed) -> String {
        guard let client = clients[name], let member = Self.names.firstIndex(of: name) else { return "nobody" }
        let end = world.members[member].clock.local(world.now) + .seconds(2)
        return world.perform { await client.ask(deed, by: end) } ?? "never"
    }

    /// The truth, and what each client has heard since it was last looked at.
    func seen() -> (cluster: Cluster, news: [String: [StoreChange]]) {
        world.pass(.milliseconds(50))
        let news = heard.mapValues { ears in
            ears.news.withLock { news in
                defer { news = [] }
                // Nobody starts a turn for a status, so the model tells nobody of one.
                return told(news)
            }
        }
        return (world.store.cluster, news)
    }
}
