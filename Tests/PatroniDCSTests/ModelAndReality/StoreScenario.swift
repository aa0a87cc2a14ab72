// The recorded scenarios.

import PatroniCore
import Testing

struct StoreScenario: Sendable, CustomTestStringConvertible {
    var name: String
    var ttl: Duration
    var steps: [StoreStep]
    var testDescription: String { name }

    init(_ name: String, ttl: Duration = .seconds(60), _ steps: [StoreStep]) {
        self.name = name
        self.ttl = ttl
        self.steps = steps
    }

    static let all = [life, swaps, again, release, ttl, frozen, restarted, removal]

    private static let running: JSONObject = ["state": "running", "xlog_location": 100]

    private static let life = StoreScenario(
        "a lease is kept, ends, and takes with it what hangs on it", ttl: .seconds(6),
        [
            .open("alpha"), .open("beta"), .ask("alpha", .acquire), .ask("beta", .acquire), .ask("alpha", .acquire),
            .ask("alpha", .publish(running)), .ask("beta", .publish(running)), .ask("alpha", .claimInitialize),
            .ask("beta", .claimInitialize), .ask("alpha", .writeInitialize("7301234567890123456")),
            .ask("beta", .claimInitialize), .ask("alpha", .configuration(["ttl": 30], .none)),
            .ask("alpha", .read), .pass(.seconds(4)), .ask("alpha", .renew), .ask("beta", .publish(running)),
            .pass(.seconds(4)), .ask("alpha", .renew), .pass(.milliseconds(1500)),
            .ask("beta", .publish(["state": "stopped"])),
            .pass(.seconds(9)), .ask("alpha", .read), .ask("beta", .acquire), .ask("alpha", .renew),
            .ask("alpha", .acquire), .ask("alpha", .publish(running)),
        ])

    private static let swaps = StoreScenario(
        "compare and swap",
        [
            .open("alpha"), .open("beta"), .ask("alpha", .restoreConfiguration(["ttl": 29])), .ask("beta", .read),
            .ask("beta", .restoreConfiguration(["ttl": 28])), .ask("alpha", .restoreConfiguration(["ttl": 27])),
            .ask("alpha", .configuration(["ttl": 30], .none)), .ask("alpha", .read),
            .ask("beta", .configuration(["ttl": 31], .none)), .ask("alpha", .configuration(["ttl": 32], .read)),
            .ask("alpha", .configuration(["ttl": 33], .written)), .ask("beta", .configuration(["ttl": 34], .written)),
            .ask("alpha", .sync(SyncState(leader: "alpha", standbys: []), .none)),
            .ask("beta", .sync(SyncState(leader: "beta", standbys: []), .none)), .ask("alpha", .read),
            .ask("alpha", .sync(SyncState(leader: "alpha", standbys: ["beta"]), .read)),
            .ask("alpha", .sync(SyncState(leader: "alpha", standbys: ["beta", "gamma"]), .read)),
            .ask("alpha", .sync(SyncState(leader: "alpha", standbys: ["gamma"]), .written)), .ask("beta", .read),
            .ask("beta", .sync(.none, .read)), .ask("alpha", .sync(SyncState(leader: "alpha", standbys: []), .written)),
            .ask("beta", .failover(FailoverRequest(leader: "alpha", candidate: "beta"), .none)), .ask("alpha", .read),
            .ask("beta", .failover(FailoverRequest(leader: nil, candidate: "gamma"), .written)),
            .ask("alpha", .failover(nil, .read)), .ask("alpha", .read), .ask("alpha", .failover(nil, .read)),
            .ask("alpha", .failover(nil, .written)),
            .ask("alpha", .failsafe(["alpha": "http://a", "beta": "http://b"])),
            .ask(
                "alpha",
                .history(TimelineHistory(rows: [.init(timeline: Timeline(1), switchpoint: LSN(77), reason: "no")]))),
            .ask("beta", .cancelInitialize), .ask("beta", .claimInitialize), .ask("alpha", .cancelInitialize),
            .ask("alpha", .claimInitialize), .ask("alpha", .removeMember),
        ])

    private static let again = StoreScenario(
        "a key under an earlier session is taken over, and outlives that session", ttl: .seconds(5),
        [
            .open("alpha"), .open("beta"), .ask("alpha", .acquire), .ask("alpha", .publish(running)), .open("alpha"),
            .ask("alpha", .renew), .ask("alpha", .read), .ask("alpha", .publish(running)), .pass(.seconds(2)),
            .ask("alpha", .renew), .pass(.seconds(2)), .ask("alpha", .renew), .pass(.seconds(2)),
            .ask("alpha", .renew), .ask("beta", .acquire), .open("alpha"), .ask("alpha", .acquire), .pass(.seconds(8)),
            // A claim outlives its session; what is under it does not.
            .ask("beta", .claimInitialize), .pass(.seconds(8)), .ask("alpha", .claimInitialize),
        ])

    private static let release = StoreScenario(
        "a release, and what stays of a status",
        [
            .open("alpha"), .open("beta"), .ask("beta", .release(nil)), .ask("alpha", .acquire),
            .ask("alpha", .status(ClusterStatus(position: LSN(5), slots: ["s": LSN(3)], retainedSlots: ["m"]))),
            .ask("alpha", .status(ClusterStatus(position: LSN(6)))),
            .ask("alpha", .status(ClusterStatus(position: LSN(6)))),
            .ask("beta", .release(99)), .ask("alpha", .release(7)), .ask("alpha", .release(8)), .ask("beta", .read),
            .ask("beta", .acquire), .ask("beta", .status(ClusterStatus(position: LSN(9)))), .ask("beta", .release(nil)),
            // Who has read nothing knows of no slots.
            .openBlind("gamma"), .ask("gamma", .acquire), .ask("gamma", .release(10)),
        ])

    private static let ttl = StoreScenario(
        "another ttl needs another session",
        [
            .open("alpha"), .open("beta"), .ask("alpha", .acquire), .ask("alpha", .publish(running)),
            .ask("alpha", .read),
            .ask("alpha", .ttl(.seconds(3))), .ask("alpha", .renew), .ask("alpha", .publish(running)),
            .ask("alpha", .read), .ask("alpha", .renew), .pass(.seconds(6)), .ask("beta", .acquire),
        ])

    private static let frozen = StoreScenario(
        "a store that stands still longer than a ttl", ttl: .seconds(4),
        [
            .open("alpha"), .open("beta"), .ask("alpha", .acquire), .ask("alpha", .publish(running)), .freeze,
            .ask("alpha", .renew), .ask("beta", .acquire), .pass(.seconds(4)),
            .ask("beta", .read), .thaw, .pass(.seconds(2)), .ask("beta", .read), .ask("beta", .acquire),
            .ask("alpha", .renew), .ask("alpha", .publish(running)),
        ])

    private static let restarted = StoreScenario(
        "a store that starts again gives every session its time again", ttl: .seconds(5),
        [
            .open("alpha"), .open("beta"), .ask("alpha", .acquire), .ask("alpha", .publish(running)),
            .pass(.seconds(2)),
            .kill, .ask("alpha", .renew), .pass(.seconds(2)), .start, .pass(.seconds(1)), .ask("beta", .read),
            .ask("beta", .acquire), .pass(.seconds(7)), .ask("beta", .acquire),
        ])

    private static let removal = StoreScenario(
        "a cluster is removed",
        [
            .open("alpha"), .open("beta"), .ask("alpha", .acquire), .ask("alpha", .publish(running)),
            .ask("beta", .publish(running)), .ask("alpha", .writeInitialize("7301234567890123456")),
            .ask("alpha", .configuration(["ttl": 30], .none)), .ask("alpha", .status(ClusterStatus(position: LSN(5)))),
            .ask("alpha", .sync(SyncState(leader: "alpha", standbys: ["beta"]), .none)), .ask("alpha", .read),
            .ask("beta", .failover(FailoverRequest(leader: "alpha", candidate: nil), .none)),
            .ask("beta", .deleteCluster), .pass(.milliseconds(500)), .ask("alpha", .read),
            .ask("alpha", .publish(running)),
            .ask("alpha", .renew), .ask("alpha", .sync(SyncState(leader: "alpha", standbys: ["beta"]), .written)),
            .ask("alpha", .sync(SyncState(leader: "alpha", standbys: []), .none)),
            .ask("alpha", .configuration(["ttl": 31], .none)), .ask("beta", .deleteCluster),
            .ask("beta", .deleteCluster),
        ])
}
