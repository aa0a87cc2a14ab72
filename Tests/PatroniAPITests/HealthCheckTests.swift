// Health checks by table: who answers 200 where, in the words of the ledger.

import PatroniAPI
import PatroniCore
import PatroniPorts
import Testing

private func status(_ snapshot: StatusSnapshot, _ target: String, at now: Moment = noon) -> Int {
    let parts = target.split(separator: "?", maxSplits: 1)
    let query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { item in
        let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
        return (name: pair[0], value: pair[1])
    }
    let path = parts.first.map(String.init) ?? ""
    return HealthCheck(snapshot, now: now).passes(path, query) ? 200 : 503
}

/// Who stands where in the table below.
enum Who: String, CaseIterable {
    case primary, replica, syncStandby, quorumStandby, standbyLeader, standbyClusterReplica, unbalanced, stopped

    var snapshot: StatusSnapshot {
        switch self {
        case .primary: .primary()
        case .replica: .replica()
        case .syncStandby:
            .replica {
                $0.settings.synchronousMode = .on
                $0.cluster?.sync = SyncState(leader: "p0", standbys: ["P1"])
            }
        case .quorumStandby:
            .replica {
                $0.settings.synchronousMode = .quorum
                $0.cluster?.sync = SyncState(leader: "p0", quorum: 1, standbys: ["p1"])
            }
        case .standbyLeader:
            .replica {
                $0.settings.standbyCluster = RemoteSource(["host": "elsewhere"])
                $0.role = .standbyLeader
                $0.leaderUntil = noon + .seconds(10)
            }
        case .standbyClusterReplica: .replica { $0.settings.standbyCluster = RemoteSource(["host": "elsewhere"]) }
        case .unbalanced: .replica { $0.tags.values["noloadbalance"] = true }
        case .stopped:
            .replica {
                $0.state = .stopped
                $0.server = .stopped
            }
        }
    }
}

@Suite("Health checks") struct HealthCheckTests {
    /// Path → everybody who answers 200 there (API-035 to API-050).
    static let table: [(String, Set<Who>)] = [
        ("/", [.primary]),
        ("/primary", [.primary]),
        ("/master", [.primary]),
        ("/read-write", [.primary]),
        ("/leader", [.primary, .standbyLeader]),
        ("/standby-leader", [.standbyLeader]),
        ("/standby_leader", [.standbyLeader]),
        ("/replica", [.replica, .syncStandby, .quorumStandby, .standbyClusterReplica]),
        (
            "/read-only",
            [.primary, .replica, .syncStandby, .quorumStandby, .standbyLeader, .standbyClusterReplica]
        ),
        ("/health", Set(Who.allCases).subtracting([.stopped])),
        ("/sync", [.syncStandby]),
        ("/synchronous", [.syncStandby]),
        ("/quorum", [.quorumStandby]),
        ("/async", [.replica, .standbyClusterReplica]),
        ("/asynchronous", [.replica, .standbyClusterReplica]),
        ("/read-only-sync", [.primary, .standbyLeader, .syncStandby]),
        ("/read-only-synchronous", [.primary, .standbyLeader, .syncStandby]),
        ("/read-only-quorum", [.primary, .standbyLeader, .quorumStandby]),
        // API-192: substrings.
        ("/foo-primary", [.primary]),
        ("/xreplica", [.replica, .syncStandby, .quorumStandby, .standbyClusterReplica]),
        ("/unhealthy", Set(Who.allCases).subtracting([.stopped])),
        ("/sync/", []),
        ("/nonsense", []),
        ("", []),
        // API-017: no health checks, but they may be asked by HEAD.
        ("/patroni", []), ("/metrics", []), ("/cluster", []), ("/config", []), ("/history", []),
        ("/liveness", []), ("/readiness", []),
    ]

    @Test(arguments: table) func `each path has its own`(_ path: String, _ expected: Set<Who>) {
        for who in Who.allCases {
            #expect(status(who.snapshot, path) == (expected.contains(who) ? 200 : 503), "\(who)")
        }
    }

    @Test func `the lease decides who is primary, not the role that SQL shows`() {
        // API-198: still promoting, but the lock is held.
        #expect(status(.replica { $0.leaderUntil = noon + .seconds(1) }, "/primary") == 200)
        // API-052, API-197: a hung loop loses it by itself.
        #expect(status(.primary(), "/primary", at: noon + .seconds(19)) == 200)
        #expect(status(.primary(), "/primary", at: noon + .seconds(20)) == 503)
        #expect(status(.primary { $0.leaderUntil = nil }, "/leader") == 503)
    }

    @Test func `an old look at PostgreSQL does not count as running`() {
        let old = StatusSnapshot.replica { $0.maximumAge = .seconds(15) }
        #expect(status(old, "/replica", at: noon + .seconds(15)) == 200)
        #expect(status(old, "/replica", at: noon + .seconds(16)) == 503)
        #expect(status(old, "/health", at: noon + .seconds(16)) == 503)
        #expect(status(.replica(), "/replica", at: noon + .seconds(20)) == 200)
        #expect(status(.replica(), "/replica", at: noon + .seconds(21)) == 503)
    }

    /// Leader at 1000, replayed 900, received 950 (API-048).
    static let lags: [(String, Int)] = [
        ("/replica?lag=100", 200), ("/replica?lag=99", 503), ("/replica?lag=1kB", 200), ("/replica?lag=0", 503),
        ("/replica?lag=nonsense", 200), ("/replica?lag=0x64", 200), ("/replica?lag=-1", 503),
        ("/replica?lag=99&lag=1000", 503), ("/async?lag=99", 503), ("/read-only?lag=99", 503),
        ("/replica?lag=9999999999999999999999", 200),
    ]

    @Test(arguments: lags) func `lag counts replayed bytes behind the leader`(_ target: String, _ expected: Int) {
        let snapshot = StatusSnapshot.replica {
            $0.cluster = batman(position: 1000)
            $0.standby {
                $0.received = LSN(950)
                $0.replayed = LSN(900)
            }
        }
        #expect(status(snapshot, target) == expected)
    }

    @Test func `the receiver may know more of the leader than the store does`() {
        let snapshot = StatusSnapshot.replica {
            $0.cluster = batman(position: 1000)
            $0.standby {
                $0.replayed = LSN(1000)
                $0.latestUpstreamEnd = LSN(5000)
            }
        }
        #expect(status(snapshot, "/replica?lag=3999") == 503)
        #expect(status(snapshot, "/replica?lag=4000") == 200)
    }

    @Test func `nobody lags behind an unknown position`() {
        let snapshot = StatusSnapshot.replica {
            $0.cluster = nil
            $0.standby { $0.replayed = .zero }
        }
        #expect(status(snapshot, "/replica?lag=0") == 200)
    }

    static let tagQueries: [(String, Int)] = [
        ("/replica?tag_foo=Bar", 200), ("/replica?tag_foo=bar", 503), ("/replica?tag_n=5", 200),
        ("/replica?tag_missing=x", 503), ("/replica?tag_on=true", 200), ("/replica?tag_on=True", 503),
        ("/replica?tag_foo=Bar&tag_n=6", 503), ("/health?tag_missing=x", 503), ("/replica?foo=x", 200),
    ]

    @Test(arguments: tagQueries) func `tags in the query must be met`(_ target: String, _ expected: Int) {
        #expect(status(.replica { $0.tags.values["on"] = true }, target) == expected)
    }

    @Test func `leader checks don't look at tags`() {
        #expect(status(.primary(), "/primary?tag_missing=x") == 200)
        #expect(status(.primary(), "/leader?tag_missing=x") == 200)
        #expect(status(.primary(), "/read-only?tag_missing=x") == 503)
    }

    @Test func `the replication state can be asked for`() {
        #expect(status(.replica(), "/replica?replication_state=streaming") == 200)
        #expect(status(.replica(), "/replica?replication_state=in archive recovery") == 503)
    }

    @Test func `without the store nobody is synchronous, and a replica is still a replica`() {
        var snapshot = Who.syncStandby.snapshot
        snapshot.cluster = nil
        for path in ["/sync", "/async", "/quorum", "/read-only-sync", "/read-only-quorum"] {
            #expect(status(snapshot, path) == 503)
        }
        #expect(status(snapshot, "/replica") == 200)
    }

    @Test func `paused and without the store the role decides`() {
        let primary = StatusSnapshot.primary {
            $0.cluster = nil
            $0.settings.isPaused = true
            $0.leaderUntil = nil
        }
        #expect(status(primary, "/primary") == 200)
        #expect(status(primary, "/leader") == 200)
        #expect(status(primary, "/standby-leader") == 503)
        let replica = StatusSnapshot.replica {
            $0.cluster = nil
            $0.settings.isPaused = true
            $0.leaderUntil = noon + .seconds(10)
        }
        #expect(status(replica, "/primary") == 503)
    }
}

@Suite("Probes") struct ProbeTests {
    private func alive(_ snapshot: StatusSnapshot, after seconds: Int64) -> Bool {
        HealthCheck(snapshot, now: noon + .seconds(seconds)).isAlive
    }

    @Test func `liveness allows ttl on a running primary and twice as much elsewhere`() {
        // The next turn is due five seconds after noon.
        #expect(alive(.primary(), after: 34))
        #expect(!alive(.primary(), after: 35))
        #expect(alive(.replica(), after: 64))
        #expect(!alive(.replica(), after: 65))
        #expect(alive(.primary { $0.server = .stopped }, after: 64))
        #expect(alive(.primary { $0.settings.isPaused = true }, after: 1000))
    }

    private func ready(_ snapshot: StatusSnapshot, _ query: HealthCheck.Query = [], after: Int64 = 0) -> Bool {
        HealthCheck(snapshot, now: noon + .seconds(after)).whyNotReady(query) == nil
    }

    @Test func `the leader and a streaming replica are ready`() {
        #expect(ready(.primary()))
        #expect(ready(.replica()))
        #expect(!ready(.primary { $0.leaderUntil = nil }))
        #expect(!ready(.replica { $0.state = .starting }))
        #expect(!ready(.replica { $0.standby { $0.replicationState = "in archive recovery" } }))
        #expect(!ready(.replica(), after: 100))
    }

    @Test func `a leader whose PostgreSQL has failed is not ready`() {
        for state in [MemberState.crashed, .starting, .stopping, .stopped, .startFailed] {
            let failed = StatusSnapshot.primary {
                $0.state = state
                $0.server = .stopped
            }
            #expect(!ready(failed))
            #expect(HealthCheck(failed, now: noon).whyNotReady()?.contains(state.rawValue) == true)
        }
        // It holds the key, but says nothing: the lease is good for longer than the last answer.
        let hung = StatusSnapshot.primary { $0.leaderUntil = $0.serverSeen + .seconds(1000) }
        #expect(ready(hung))
        #expect(!ready(hung, after: 100))
    }

    @Test func `in maintenance mode without the store a running primary stays ready`() {
        let paused = StatusSnapshot.primary {
            $0.cluster = nil
            $0.leaderUntil = nil
            $0.settings.isPaused = true
        }
        #expect(ready(paused))
    }

    @Test func `readiness without the store needs news of the leader or failsafe mode`() {
        #expect(!ready(.replica { $0.cluster = nil }))
        let inFailsafe = StatusSnapshot.replica {
            $0.cluster = nil
            $0.failsafeUntil = $0.serverSeen + .seconds(100)
        }
        #expect(ready(inFailsafe))
        let withNews = StatusSnapshot.replica {
            $0.cluster = nil
            $0.standby { $0.latestUpstreamEnd = LSN(50_615_896) }
        }
        #expect(ready(withNews))
    }

    @Test func `readiness has a limit of lag, applied or written`() {
        let snapshot = StatusSnapshot.replica {
            $0.cluster = batman(position: 3_000_000)
            $0.standby {
                $0.received = LSN(2_900_000)
                $0.replayed = LSN(1_000_000)
            }
        }
        #expect(!ready(snapshot))
        #expect(ready(snapshot, [("mode", "write")]))
        #expect(!ready(snapshot, [("mode", "other")]))
        #expect(ready(snapshot, [("lag", "2MB")]))
        #expect(!ready(snapshot, [("lag", "1MB")]))
        let reason = HealthCheck(snapshot, now: noon).whyNotReady()
        #expect(reason == "Replication apply lag 2000000 exceeds maximum allowable 1048576")
    }
}
