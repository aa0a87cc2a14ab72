// The REST API over real connections: requests that change something, and bodies that make no sense.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniAPI

@Suite("REST API: acting") struct ActingTests {
    @Test(arguments: [
        (HTTPRequest.Method.post, "/"), (.post, "/nonsense"), (.put, "/restart"), (.delete, "/config"),
        (.patch, "/patroni"), (.post, "/patroni"),
    ])
    func `what nobody handles is not supported`(_ method: HTTPRequest.Method, _ path: String) async throws {
        try await withAPI { rig in
            let answer = try await rig.send(method, path, "{}")
            #expect(answer.status == 501)
            #expect(answer.text.contains("Unsupported method ('\(method.rawValue)')"))
            #expect(answer.text.contains("Server does not support this operation"))
        }
    }

    @Test(arguments: ["", "[1]", "{", "{}", "nonsense", "\u{0}", "{\"a\": }", String(repeating: "[", count: 100_000)])
    func `a body that is no JSON object with something in it is a bad request`(_ body: String) async throws {
        try await withAPI { rig in
            for path in ["/switchover", "/failover", "/config", "/mpp", "/citus"] {
                let answer = try await rig.send(path == "/config" ? .patch : .post, path, body)
                #expect(answer.status == (body.isEmpty ? answer.status : 400))
                #expect([400, 411].contains(answer.status))
            }
            #expect(rig.backend.calls.isEmpty)
        }
    }

    @Test func `a body must say how long it is`() async throws {
        try await withAPI { rig in
            let settings = RestAPISettings(
                listen: Endpoint(host: "", port: 0), connectAddress: Endpoint(host: "", port: 0))
            let handler = APIHandler(
                status: rig.status, backend: rig.backend, settings: settings, log: Logger(label: "test"),
                time: SystemTime())
            for (method, path) in [("POST", "/switchover"), ("POST", "/failover"), ("PATCH", "/config")] {
                let request = ServerRequest(method: method, target: path, body: Array("{}".utf8))
                #expect(await handler.respond(request).status == 411)
            }
        }
    }

    @Test func `a body of more than a megabyte is refused`() async throws {
        try await withAPI { rig in
            let body = #"{"leader": "\#(String(repeating: "x", count: 1 << 20))"}"#
            let answer = try? await rig.send(.post, "/switchover", body)
            #expect(answer.map { $0.status == 413 } ?? true)
            #expect(rig.backend.calls.isEmpty)
        }
    }

    @Test func `a patch is merged, written against the version read, and wakes the loop`() async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .success(threeMembers(["ttl": 30, "a": ["b": 1, "c": 2], "d": 1])) }
            let answer = try await rig.ask(
                .patch, "/config", #"{"a": {"b": null, "e": "x"}, "d": null, "pause": true}"#)
            #expect(answer == Answer(status: 200, body: #"{"ttl": 30, "a": {"c": 2, "e": "x"}, "pause": true}"#))
            #expect(
                rig.backend.calls == [#"config {"ttl":30,"a":{"c":2,"e":"x"},"pause":true} if 7"#, "wake"])
        }
    }

    @Test func `a patch that changes nothing writes nothing`() async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .success(threeMembers(["ttl": 30, "on": true])) }
            let answer = try await rig.ask(.patch, "/config", #"{"ttl": "30", "on": "True", "absent": null}"#)
            #expect(answer == Answer(status: 200, body: #"{"ttl": 30, "on": true}"#))
            #expect(rig.backend.calls == ["wake"])
        }
    }

    @Test func `a patch that meets somebody faster is merged again, and one without an answer is looked for`()
        async throws
    {
        try await withAPI { rig in
            rig.backend.change {
                $0.cluster = .success(threeMembers(["ttl": 30]))
                $0.firstOutcomes = [.conflict, .unknown(StoreFailure(.unreachable, "no answer")), .written(nil)]
            }
            let answer = try await rig.ask(.patch, "/config", #"{"pause": true}"#)
            #expect(answer == Answer(status: 200, body: #"{"ttl": 30, "pause": true}"#))
            let write = #"config {"ttl":30,"pause":true} if 7"#
            #expect(rig.backend.calls == [write, write, write, "wake"])
            rig.backend.change { $0.writeOutcome = .unknown(StoreFailure(.unreachable, "no answer")) }
            #expect(try await rig.ask(.patch, "/config", #"{"pause": null, "ttl": 20}"#).status == 503)
        }
    }

    @Test func `a patch fails on a missing key, on somebody faster, and without the store`() async throws {
        try await withAPI { rig in
            let missing = try await rig.ask(.patch, "/config", #"{"ttl": 20}"#)
            #expect(missing.status == 503)
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.writeOutcome = .conflict
            }
            let conflict = try await rig.ask(.patch, "/config", #"{"ttl": 20}"#)
            #expect(conflict.status == 409)
            rig.backend.change { $0.cluster = .failure(StoreFailure(.unreachable, "away")) }
            let away = try await rig.ask(.patch, "/config", #"{"ttl": 20}"#)
            #expect(away.status == 503)
        }
    }

    @Test func `a put replaces everything, unless it is the same`() async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .success(threeMembers(["ttl": 30])) }
            let same = try await rig.ask(.put, "/config", #"{"ttl": "30"}"#)
            #expect(same == Answer(status: 200, body: #"{"ttl": "30"}"#))
            #expect(rig.backend.calls.isEmpty)
            let new = try await rig.ask(.put, "/config", #"{"loop_wait": 5}"#)
            #expect(new == Answer(status: 200, body: #"{"loop_wait": 5}"#))
            #expect(rig.backend.calls == [#"config {"loop_wait":5} if any"#])
            rig.backend.change { $0.writeOutcome = .unknown(StoreFailure(.unreachable, "away")) }
            let failed = try await rig.ask(.put, "/config", #"{"loop_wait": 6}"#)
            #expect(failed.status == 502)
        }
    }

    /// Body → answer, and what the agent was asked (API-162 to API-171).
    static let restarts: [(String?, Int, String, String?)] = [
        (nil, 200, "restarted successfully", "restart role=- older=- pending=false timeout=-"),
        ("{}", 200, "restarted successfully", "restart role=- older=- pending=false timeout=-"),
        (
            #"{"role": "replica", "postgres_version": "15.4", "timeout": "1min", "restart_pending": true}"#, 200,
            "restarted successfully", "restart role=replica older=150004 pending=true timeout=60"
        ),
        (
            #"{"postgres_version": "9.6.3", "timeout": 5}"#, 200, "restarted successfully",
            "restart role=- older=90603 pending=false timeout=5"
        ),
        (#"{"foo": 1}"#, 400, "Unknown filter for the scheduled restart: foo", nil),
        (
            #"{"role": "master"}"#, 400, "PostgreSQL role should be either primary, standby_leader, or replica",
            nil
        ),
        (#"{"role": 5}"#, 400, "PostgreSQL role should be either primary, standby_leader, or replica", nil),
        (
            #"{"postgres_version": "15"}"#, 400,
            "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 15", nil
        ),
        (
            #"{"postgres_version": "9.6"}"#, 400,
            "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.6", nil
        ),
        (#"{"postgres_version": "a.b"}"#, 400, "Invalid PostgreSQL version: a.b", nil),
        (#"{"timeout": -1}"#, 400, "Timeout should be a positive number of seconds", nil),
        (#"{"timeout": "soon"}"#, 400, "Timeout should be a positive number of seconds", nil),
        (#"{"timeout": true}"#, 400, "Timeout should be a positive number of seconds", nil),
        (
            #"{"schedule": "2101-01-01 12:00:00.5+02:00", "timeout": 60}"#, 202, "Restart scheduled",
            "restart at 2101-01-01T10:00:00.500000+00:00 role=- older=- pending=false timeout=60"
        ),
        (
            #"{"schedule": "2101-01-01"}"#, 400,
            "Timezone information is mandatory for the scheduled restart", nil
        ),
        (#"{"schedule": "2001-01-01T00:00+00:00"}"#, 422, "Cannot schedule restart in the past", nil),
        (
            #"{"schedule": "tomorrow"}"#, 422,
            "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601", nil
        ),
        (
            #"{"schedule": 5}"#, 422,
            "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601", nil
        ),
    ]

    @Test(arguments: restarts)
    func `a restart is checked before anybody is asked`(
        _ body: String?, _ status: Int, _ text: String, _ call: String?
    ) async throws {
        try await withAPI { rig in
            let answer = try await rig.ask(.post, "/restart", body)
            #expect(answer == Answer(status: status, body: text))
            #expect(rig.backend.calls == (call.map { [$0] } ?? []))
        }
    }

    @Test func `a restart that is not done says why`() async throws {
        try await withAPI { rig in
            rig.backend.change {
                $0.restart = .notDone("restart conditions are not satisfied")
                $0.scheduled = false
                $0.cluster = .success(threeMembers(["pause": true]))
            }
            let notDone = try await rig.ask(.post, "/restart")
            #expect(notDone == Answer(status: 503, body: "restart conditions are not satisfied"))
            let paused = try await rig.ask(.post, "/restart", #"{"schedule": "2101-01-01 12:00+00"}"#)
            #expect(paused == Answer(status: 500, body: "Can't schedule restart in the paused state"))
            rig.backend.change { $0.cluster = .success(threeMembers()) }
            let second = try await rig.ask(.post, "/restart", #"{"schedule": "2101-01-01 12:00+00"}"#)
            #expect(second == Answer(status: 409, body: "Another restart is already scheduled"))
            let none = try await rig.ask(.delete, "/restart")
            #expect(none == Answer(status: 404, body: "no restarts are scheduled"))
            rig.backend.change { $0.scheduled = true }
            let deleted = try await rig.ask(.delete, "/restart")
            #expect(deleted == Answer(status: 200, body: "scheduled restart deleted"))
            let malformed = try await rig.ask(.post, "/restart", "[]")
            #expect(malformed.status == 400)
        }
    }

    @Test func `reinitialize, reload, sigterm and mpp`() async throws {
        try await withAPI { rig in
            let started = try await rig.ask(.post, "/reinitialize", #"{"force": "on", "from_leader": true}"#)
            #expect(started == Answer(status: 200, body: "reinitialize started"))
            rig.backend.change { $0.reinitializeRefusal = "I am the leader, can not reinitialize" }
            let refused = try await rig.ask(.post, "/reinitialize")
            #expect(refused == Answer(status: 503, body: "I am the leader, can not reinitialize"))
            let malformed = try await rig.ask(.post, "/reinitialize", "{{")
            #expect(malformed.status == 400)
            let reload = try await rig.ask(.post, "/reload")
            #expect(reload == Answer(status: 202, body: "reload scheduled"))
            let sigterm = try await rig.ask(.post, "/sigterm")
            #expect(sigterm == Answer(status: 202, body: "shutdown scheduled"))
            let mpp = try await rig.ask(.post, "/mpp", #"{"type": "x"}"#)
            #expect(mpp == Answer(status: 200, body: "OK"))
            #expect(
                rig.backend.calls == [
                    "reinitialize force=true fromLeader=true", "reinitialize force=false fromLeader=false", "reload",
                ])
        }
    }

    @Test func `the primary's failsafe call is accepted with our position, or refused by a primary`() async throws {
        let body = #"{"name": "p0", "conn_url": "postgres://a", "api_url": "http://a", "slots": {"p1": 5}}"#
        try await withAPI(.replica { $0.settings.isFailsafeModeEnabled = true }) { rig in
            let accepted = try await rig.send(.post, "/failsafe", body)
            #expect(accepted.status == 200)
            #expect(accepted.text == "Accepted")
            #expect(accepted.header("lsn") == "77")
            #expect(accepted.header("ttl") == "30")
            let call = #"failsafe {"name":"p0","conn_url":"postgres://a","api_url":"http://a","slots":{"p1":5}}"#
            #expect(rig.backend.calls == [call])
            rig.backend.change { $0.failsafe = .refused(.leadsItself) }
            let refused = try await rig.ask(.post, "/failsafe", body)
            #expect(refused == Answer(status: 500, body: "Running as a leader"))
            let nobody = try await rig.ask(.post, "/failsafe", #"{"x": 1}"#)
            #expect(nobody.status == 400)
        }
        try await withAPI { rig in
            let disabled = try await rig.ask(.post, "/failsafe", body)
            #expect(disabled.status == 502)
        }
    }
}
