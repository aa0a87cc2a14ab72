// The REST API over real connections: everything that only reads.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPorts
import Testing

@Suite("REST API: reading") struct ReadingTests {
    @Test func `a health check answers with the status page, whatever it says`() async throws {
        try await withAPI { rig in
            let primary = try await rig.send(.get, "/primary")
            #expect(primary.status == 200)
            #expect(primary.header("content-type") == "application/json")
            #expect(primary.text == Golden.primaryStatus)
            let replica = try await rig.ask(.get, "/replica")
            #expect(replica == Answer(status: 503, body: Golden.primaryStatus))
            let unknown = try await rig.ask(.get, "/nonsense")
            #expect(unknown == Answer(status: 503, body: Golden.primaryStatus))
        }
    }

    @Test(arguments: [
        ("/primary", 200), ("/replica", 503), ("/", 200), ("/leader", 200), ("/patroni", 503), ("/metrics", 503),
        ("/liveness", 503), ("/readiness", 503), ("/cluster", 503), ("/config", 503), ("/history", 503),
    ])
    func `HEAD and OPTIONS know health checks only, and say nothing but the status`(_ path: String, _ status: Int)
        async throws
    {
        try await withAPI { rig in
            for method in [HTTPRequest.Method.head, .options] {
                let answer = try await rig.send(method, path)
                #expect(answer.status == status)
                #expect(answer.headers.isEmpty)
                #expect(answer.body.isEmpty)
            }
        }
    }

    @Test func `probes are bare statuses`() async throws {
        try await withAPI { rig in
            for path in ["/liveness", "/readiness", "/liveness?x=y"] {
                let answer = try await rig.send(.get, path)
                #expect(answer.status == 200)
                #expect(answer.headers.isEmpty)
            }
        }
    }

    @Test func `GET patroni is 200 even when nothing runs`() async throws {
        let snapshot = StatusSnapshot.replica {
            $0.name = "p0"
            $0.server = .stopped
            $0.settings.isPaused = true
            $0.dcsLastSeen = 1_795_238_321
        }
        try await withAPI(snapshot) { rig in
            let answer = try await rig.ask(.get, "/patroni")
            #expect(answer == Answer(status: 200, body: Golden.stoppedStatus))
        }
    }

    @Test func `metrics are plain text`() async throws {
        try await withAPI { rig in
            let answer = try await rig.send(.get, "/metrics")
            #expect(answer.status == 200)
            #expect(answer.header("content-type") == "text/plain")
            #expect(answer.text.hasPrefix("# HELP patroni_version"))
        }
    }

    @Test func `the cluster is read anew, with its own settings`() async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .success(threeMembers(["pause": true])) }
            let answer = try await rig.ask(.get, "/cluster")
            #expect(answer.status == 200)
            #expect(answer.body.hasPrefix(#"{"members": [{"name": "p0", "role": "leader", "state": "running", "#))
            #expect(answer.body.hasSuffix(#"], "pause": true, "scope": "batman"}"#))
        }
    }

    @Test func `without the store the cluster is a 503 that says so`() async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .failure(StoreFailure(.unreachable, "etcd is away")) }
            let answer = try await rig.ask(.get, "/cluster")
            #expect(answer.status == 503)
            #expect(answer.body.contains("etcd is away"))
        }
    }

    @Test func `configuration and history come from the store, or from memory when it is away`() async throws {
        try await withAPI { rig in
            var cluster = threeMembers(["ttl": 30, "postgresql": ["use_pg_rewind": true]])
            cluster.history = TimelineHistory(
                stored: #"[[1,50616288,"no recovery target specified","2026-11-21T04:58:15.453429+00:00","p1"]]"#)
            rig.backend.change { $0.cluster = .success(cluster) }
            for path in ["/config", "/config/anything"] {
                let answer = try await rig.ask(.get, path)
                #expect(answer == Answer(status: 200, body: #"{"ttl": 30, "postgresql": {"use_pg_rewind": true}}"#))
            }
            let history = try await rig.ask(.get, "/history")
            let row = #"[[1, 50616288, "no recovery target specified", "2026-11-21T04:58:15.453429+00:00", "p1"]]"#
            #expect(history == Answer(status: 200, body: row))
            rig.backend.change { $0.cluster = .failure(StoreFailure(.unreachable, "etcd is away")) }
            let remembered = try await rig.ask(.get, "/history")
            #expect(remembered == Answer(status: 200, body: "[]"))
            let missing = try await rig.send(.get, "/config")
            #expect(missing.status == 502)
            #expect(missing.header("content-type") == "text/html;charset=utf-8")
        }
    }

    @Test func `failsafe members are a map, or a 502 when there is none`() async throws {
        try await withAPI(.primary { $0.failsafeMembers = ["p1": "http://b", "p0": "http://a"] }) { rig in
            let answer = try await rig.ask(.get, "/failsafe")
            #expect(answer == Answer(status: 200, body: #"{"p0": "http://a", "p1": "http://b"}"#))
        }
        try await withAPI { rig in
            let answer = try await rig.ask(.get, "/failsafe")
            #expect(answer == Answer(status: 200, body: "{}"))
        }
        try await withAPI(.primary { $0.failsafeMembers = nil }) { rig in
            let answer = try await rig.ask(.get, "/failsafe")
            #expect(answer.status == 502)
        }
    }

    @Test func `the server calls itself what the operator wants`() async throws {
        for (setting, expected) in [
            ("minimal", "Patroni/4.1.5"), ("productonly", "Patroni"), ("original", "PatroniHTTP"),
        ] {
            try await withAPI(.primary(), { $0.serverTokens = setting }) { rig in
                let answer = try await rig.send(.get, "/patroni")
                #expect(answer.header("server") == expected)
            }
        }
    }
}
