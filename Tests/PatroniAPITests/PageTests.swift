// The pages byte for byte: what Patroni wrote about a cluster, we write about the same cluster.

import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniPorts
import Testing

@Suite("Status page") struct StatusPageTests {
    private func page(_ snapshot: StatusSnapshot, at now: Moment = noon) -> String {
        StatusPage.json(snapshot, now: now).text(.spaced)
    }

    @Test func `the primary's page is Patroni's`() { #expect(page(.primary()) == Golden.primaryStatus) }

    @Test func `the replica's page is Patroni's`() { #expect(page(.replica()) == Golden.replicaStatus) }

    @Test func `a synchronous standby with a pending restart is shown as Patroni shows it`() {
        let snapshot = StatusSnapshot.replica {
            $0.settings.synchronousMode = .on
            $0.cluster = batman(position: 50_615_992, sync: SyncState(leader: "p0", standbys: ["p1"]))
            $0.standby {
                $0.received = LSN(50_615_992)
                $0.replayed = LSN(50_615_992)
                $0.replayedTimestamp = wallTime("2026-11-21 04:57:35.917181+00:00")
            }
            $0.dcsLastSeen = 1_795_237_077
            $0.pendingRestartReason = ["max_connections": ["old_value": "100", "new_value": "101"]]
        }
        #expect(page(snapshot) == Golden.syncStandbyStatus)
    }

    @Test func `a scheduled restart is shown with its conditions`() {
        let snapshot = StatusSnapshot.primary {
            $0.dcsLastSeen = 1_795_237_041
            $0.scheduledRestart = ScheduledRestart(
                at: wallTime("2031-01-01T12:00:00.5+02:00"),
                request: RestartRequest(onlyIfPending: true, timeout: .seconds(60)), postmasterStart: nil)
        }
        #expect(page(snapshot) == Golden.scheduledRestartStatus)
    }

    @Test func `a server that should run and doesn't answer is unknown`() {
        let snapshot = StatusSnapshot.replica {
            $0.name = "p0"
            $0.server = .stopped
            $0.settings.isPaused = true
            $0.dcsLastSeen = 1_795_238_321
        }
        #expect(page(snapshot) == Golden.stoppedStatus)
        var unresponsive = snapshot
        unresponsive.server = .unresponsive("no answer within 2 s")
        #expect(page(unresponsive) == Golden.stoppedStatus)
    }

    @Test func `what is seldom said stands where Patroni says it`() {
        let snapshot = StatusSnapshot.primary {
            $0.state = .startFailed
            $0.server = .stopped
            $0.role = .demoted
            $0.cluster = nil
            $0.failsafeUntil = $0.serverSeen + .seconds(100)
            $0.tags = Tags()
            $0.systemIdentifier = nil
            $0.hasWatchdogFailed = true
            $0.logQueueSize = 3
            $0.logRecordsLost = 1
        }
        #expect(
            page(snapshot) == """
                {"state": "start failed", "role": "demoted", "cluster_unlocked": true, \
                "failsafe_mode_is_active": true, "dcs_last_seen": 1795237023, "patroni": {"version": "4.1.5", \
                "scope": "batman", "name": "p0"}, "watchdog_failed": true, "logger_queue_size": 3, \
                "logger_records_lost": 1}
                """)
    }

    @Test func `a standby that has received nothing shows what it has replayed`() {
        let snapshot = StatusSnapshot.replica {
            $0.standby {
                $0.received = nil
                $0.replayedTimestamp = nil
                $0.isReplayPaused = true
            }
        }
        #expect(
            page(snapshot).contains(
                """
                "xlog": {"received_location": 50615896, "replayed_location": 50615896, \
                "replayed_timestamp": null, "paused": true}
                """))
    }

    @Test func `another member reads from the page what it needs`() throws {
        let primary = try #require(PeerAnswer(statusPage: .object(StatusPage.json(.primary(), now: noon))))
        #expect(!primary.isInRecovery)
        #expect(primary.position == LSN(50_615_896))
        let replica = try #require(PeerAnswer(statusPage: .object(StatusPage.json(.replica(), now: noon))))
        #expect(replica.isInRecovery)
        #expect(replica.timeline == Timeline(1))
    }
}

@Suite("Cluster page") struct ClusterPageTests {
    private let tags = #""tags":{"foo":"Bar","n":5,"failover_priority":2}"#

    private func member(_ number: Int, _ rest: String) -> StoredKey {
        StoredKey(
            value:
                #"{"conn_url":"postgres://127.0.0.1:1543\#(2 + number)/postgres","#
                + #""api_url":"http://127.0.0.1:1800\#(8 + number)/patroni",\#(rest)}"#, version: KeyVersion(1))
    }

    private func page(_ keys: [String: StoredKey], _ configuration: JSONObject = [:]) -> String {
        ClusterPage(cluster: Cluster(keys: keys), settings: ClusterSettings(dynamic: configuration))
            .json(scope: "batman").text(.spaced)
    }

    private func key(_ value: String) -> StoredKey { StoredKey(value: value, version: KeyVersion(1)) }

    private var streaming: [String: StoredKey] {
        let progress = #""xlog_location":50615840,"replay_lsn":50615840,"receive_lsn":50615840"#
        return [
            "leader": key("p0"), "status": key(#"{"optime":50615840}"#),
            "members/p0": member(
                0, #""state":"running","role":"primary",\#(tags),"xlog_location":50615840,"timeline":1"#),
            "members/p1": member(
                1,
                #""state":"running","role":"replica",\#(tags),\#(progress),"replication_state":"streaming","timeline":1"#
            ),
        ]
    }

    @Test func `a leader and its replica`() { #expect(page(streaming) == Golden.cluster) }

    @Test func `a scheduled switchover`() {
        var keys = streaming
        keys["failover"] = key(#"{"leader":"p0","scheduled_at":"2031-01-01T12:00:00.500000+02:00"}"#)
        #expect(page(keys) == Golden.scheduledSwitchover)
    }

    @Test func `after a switchover in quorum mode, the old primary behind, the new one waiting for a restart`() {
        let progress = #""xlog_location":50616288,"replay_lsn":50616288,"receive_lsn":50616288"#
        let pending =
            #""pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"101"}}"#
        let keys = [
            "leader": key("p1"), "status": key(#"{"optime":50616784}"#),
            "sync": key(#"{"leader":"p1","quorum":0,"sync_standby":"p0"}"#),
            "members/p0": member(
                0,
                #""state":"running","role":"replica",\#(tags),\#(progress),"replication_state":"streaming","timeline":2"#
            ),
            "members/p1": member(
                1, #""state":"running","role":"primary",\#(tags),\#(pending),"xlog_location":50616784,"timeline":2"#),
        ]
        #expect(page(keys, ["synchronous_mode": "quorum"]) == Golden.clusterAfterSwitchover)
    }

    @Test func `a stopped member has no positions`() {
        let pending =
            #""pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"101"}}"#
        let keys = [
            "leader": key("p1"), "status": key(#"{"optime":50616784}"#),
            "sync": key(#"{"leader":"p1","quorum":0,"sync_standby":"p0"}"#),
            "members/p0": member(0, #""state":"stopped","role":"replica",\#(tags)"#),
            "members/p1": member(
                1, #""state":"running","role":"primary",\#(tags),\#(pending),"xlog_location":50616784,"timeline":2"#),
        ]
        let configuration: JSONObject = ["synchronous_mode": "quorum", "pause": true]
        #expect(page(keys, configuration) == Golden.clusterWithStoppedMember)
    }

    @Test func `the leader of a standby cluster shows how it streams`() {
        var keys = streaming
        keys["members/p0"] = member(
            0, #""state":"running","role":"standby_leader","replication_state":"streaming","xlog_location":5"#)
        let rows = ClusterPage(
            cluster: Cluster(keys: keys), settings: ClusterSettings(dynamic: ["standby_cluster": ["host": "x"]])
        ).rows
        #expect(rows.map(\.role) == [.standbyLeader, .replica])
        #expect(rows.map(\.state) == ["streaming", "streaming"])
        #expect(rows[0].progress == nil)
    }

    @Test func `a member ahead of the leader's report is not behind, one without data is shown empty`() throws {
        let keys = [
            "status": key(#"{"optime":5}"#), "members/a": key("nonsense"),
            "members/b": member(1, #""state":"running","xlog_location":9"#),
        ]
        let rows = ClusterPage(cluster: Cluster(keys: keys), settings: ClusterSettings()).rows
        #expect(rows[0].state == "")
        #expect(rows[0].progress?.current == .unknown)
        #expect(rows[1].progress?.current == .known(LSN(9), lag: .zero))
        #expect(page(keys).contains(#"{"name": "a", "role": "replica", "state": "", "api_url": null, "#))
    }
}

@Suite("Metrics") struct MetricsTests {
    @Test func `the primary's metrics are Patroni's`() {
        let snapshot = StatusSnapshot.primary { $0.dcsLastSeen = 1_795_237_031 }
        #expect(Metrics.text(snapshot, now: noon) == GoldenMetrics.primary + "\n")
    }

    @Test func `a synchronous standby's values are Patroni's`() {
        let snapshot = StatusSnapshot.replica {
            $0.settings.synchronousMode = .on
            $0.cluster = batman(position: 50_615_992, sync: SyncState(leader: "p0", standbys: ["p1"]))
            $0.standby {
                $0.received = LSN(50_615_992)
                $0.replayed = LSN(50_615_992)
                $0.replayedTimestamp = wallTime("2026-11-21 04:57:35.917181+00:00")
            }
            $0.dcsLastSeen = 1_795_237_077
            $0.pendingRestartReason = ["max_connections": ["old_value": "100", "new_value": "101"]]
        }
        let values = Metrics.text(snapshot, now: noon).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(values.joined(separator: "\n") == GoldenMetrics.syncStandbyValues)
    }

    @Test func `without SQL the state is minus one and what needs a version is left out`() {
        let text = Metrics.text(.replica { $0.server = .stopped }, now: noon)
        #expect(text.contains("patroni_postgres_state{scope=\"batman\",name=\"p1\"} -1\n"))
        #expect(!text.contains("patroni_postgres_streaming"))
        #expect(text.contains("patroni_postmaster_start_time{scope=\"batman\",name=\"p1\"} 0\n"))
    }
}
