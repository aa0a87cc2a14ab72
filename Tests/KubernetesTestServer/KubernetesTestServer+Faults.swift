// What a test makes go wrong: faults, rights, the store behind, watches.

import PatroniCore
import Synchronization

extension KubernetesTestServer {
    // MARK: requests

    /// From now on requests that match are met by the fault: so many times, or until it is removed.
    @discardableResult
    public func add(_ fault: Fault, on patterns: [RequestPattern] = [.everything], times: Int? = nil) -> FaultID {
        core.state.withLock { $0.faults.add(fault, patterns, times: times) }
    }

    @discardableResult
    public func add(_ fault: Fault, on pattern: RequestPattern, times: Int? = nil) -> FaultID {
        add(fault, on: [pattern], times: times)
    }

    public func remove(_ id: FaultID) { core.state.withLock { $0.faults.remove(id) } }
    public func removeFaults() { core.state.withLock { $0.faults.clear() } }
    /// How many requests a fault has met.
    public func timesMet(_ id: FaultID) -> Int { core.state.withLock { $0.faults.timesMet(id) } }

    /// What was asked so far, oldest first; the last 10,000 at least.
    public func requests(_ pattern: RequestPattern = .everything, after number: Int = 0) -> [RequestRecord] {
        core.state.withLock { $0.log.filter { $0.number > number && pattern.matches($0) } }
    }

    /// The number of the last request, to ask later what came after.
    public var lastRequest: Int { core.state.withLock { $0.requestCount } }

    // MARK: rights

    /// Refuses with 403; nil means any. Rights that were never granted are refused anyway.
    public func take(_ verb: String? = nil, _ resource: String? = nil, name: String? = nil, from pod: String? = nil) {
        core.state.withLock {
            $0.rights.taken.append(.init(verb: verb, resource: resource, pod: pod, name: name))
        }
    }

    /// Gives back all that was taken.
    public func giveBack() { core.state.withLock { $0.rights.taken = [] } }

    public func grant(_ grant: Grant) { core.state.withLock { $0.rights.grants.append(grant) } }
    /// Only these from now on.
    public func grantOnly(_ grants: [Grant]) { core.state.withLock { $0.rights.grants = grants } }

    /// The API server has just started: it knows no roles yet and refuses all with 403.
    public func setStarting(_ isStarting: Bool, node: Int) {
        core.state.withLock {
            if isStarting { $0.startingNodes.insert(node) } else { $0.startingNodes.remove(node) }
        }
    }

    // MARK: the store behind

    public func setOutage(_ outage: StoreOutage) { core.state.withLock { $0.outage = outage } }

    /// Forgets the past: watches from old versions end with 410, reads of old versions are refused with 410.
    public func compact() { core.state.withLock { $0.store.compact() } }

    // MARK: watches

    public var watchCount: Int { core.state.withLock { $0.watchers.count } }

    /// Ends all watches as the real server does when their time is over.
    public func endWatches() { for deliver in deliveries() { deliver(.end) } }

    /// How long watches last that name no time; counts for new ones.
    public func setWatchTime(_ time: Duration) { core.state.withLock { $0.watchTime = time } }

    /// A bookmark for every watch that asked for bookmarks.
    public func sendBookmarks() {
        core.state.withLock { state in
            for watcher in state.watchers.values where watcher.wantsBookmarks {
                watcher.deliver(.line(WatchLine.bookmark(watcher.resource, version: state.store.version)))
            }
        }
    }

    /// An ERROR event with status 410 to every watch, and its end, as when its place in the history is lost.
    public func expireWatches() {
        let line = WatchLine.event("ERROR", StatusError.expired("too old resource version: 1 (\(version))").json)
        for deliver in deliveries() {
            deliver(.line(line))
            deliver(.end)
        }
    }

    /// Any line to every watch, also nonsense.
    public func sendToWatches(_ text: String) {
        for deliver in deliveries() { deliver(.line(Array(text.utf8))) }
    }

    /// Watches of this API server stay open but get nothing until they are let go: a lagging watch cache.
    public func holdWatches(node: Int) { core.state.withLock { _ = $0.heldNodes.insert(node) } }

    public func letWatchesGo(node: Int) {
        core.state.withLock { state in
            state.heldNodes.remove(node)
            for (id, watcher) in state.watchers where watcher.node == node {
                for line in watcher.held { watcher.deliver(.line(line)) }
                state.watchers[id]?.held = []
            }
        }
    }

    private func deliveries() -> [@Sendable (WatchNews) -> Void] {
        core.state.withLock { $0.watchers.values.map(\.deliver) }
    }
}
