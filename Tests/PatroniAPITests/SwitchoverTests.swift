// Switchover and failover by REST: every check in its order, and every way it can end.

import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import Testing

@Suite("REST API: switchover") struct SwitchoverTests {
    /// Path, body, configuration → answer, before anything is written (API-136 to API-153).
    static let refused: [(String, String, JSONObject, Int, String)] = [
        ("/failover", #"{"leader": "p0"}"#, [:], 400, "Failover could be performed only to a specific candidate"),
        ("/failover", #"{"candidate": ""}"#, [:], 400, "Failover could be performed only to a specific candidate"),
        ("/switchover", #"{"x": 1}"#, [:], 400, "Switchover could be performed only from a specific leader"),
        (
            "/failover", #"{"candidate": "p1", "scheduled_at": "2101-01-01 12:00+00"}"#, [:], 400,
            "Failover can't be scheduled"
        ),
        (
            "/switchover", #"{"leader": "p0", "scheduled_at": "2101-01-01 12:00+00"}"#, ["pause": true], 400,
            "Can't schedule switchover in the paused state"
        ),
        (
            "/switchover", #"{"leader": "p0"}"#, ["pause": true], 400,
            "Switchover is possible only to a specific candidate in a paused state"
        ),
        (
            "/switchover", #"{"leader": "p0", "candidate": "p0"}"#, [:], 400,
            "Switchover target and source are the same"
        ),
        (
            "/failover", #"{"leader": "p0", "member": "p0"}"#, [:], 400,
            "Switchover target and source are the same"
        ),
        (
            "/switchover", #"{"leader": "p0", "scheduled_at": "2101-01-01"}"#, [:], 400,
            "Timezone information is mandatory for the scheduled switchover"
        ),
        (
            "/switchover", #"{"leader": "p0", "scheduled_at": "2001-01-01 00:00+00"}"#, [:], 422,
            "Cannot schedule switchover in the past"
        ),
        (
            "/switchover", #"{"leader": "p0", "scheduled_at": "xx"}"#, [:], 422,
            "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"
        ),
        ("/switchover", #"{"leader": "zz"}"#, [:], 412, "leader name does not match"),
        ("/switchover", #"{"leader": "p0", "candidate": "p7"}"#, [:], 412, "candidate does not exists"),
        ("/failover", #"{"candidate": "p7"}"#, [:], 412, "candidate does not exists"),
        (
            "/switchover", #"{"leader": "p0", "candidate": "p1"}"#, ["synchronous_mode": true], 412,
            "candidate name does not match with sync_standby"
        ),
        (
            "/switchover", #"{"leader": "p0"}"#, ["synchronous_mode": true], 412,
            "switchover is not possible: can not find sync_standby"
        ),
        (
            "/switchover", #"{"leader": "p0"}"#, [:], 412,
            "switchover is not possible: no good candidates have been found"
        ),
        (
            "/failover", #"{"candidate": "p1"}"#, ["synchronous_mode": true], 412,
            "failover is not possible: no good candidates have been found"
        ),
        ("/switchover", #"{"leader": 5}"#, [:], 400, "leader must be the name of a member"),
    ]

    @Test(arguments: refused)
    func `what can't be done is refused before anything is written`(
        _ path: String, _ body: String, _ configuration: JSONObject, _ status: Int, _ text: String
    ) async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .success(threeMembers(configuration)) }
            let answer = try await rig.ask(.post, path, body)
            #expect(answer == Answer(status: status, body: text))
            #expect(!rig.backend.calls.contains { $0.hasPrefix("failover") })
        }
    }

    @Test func `a leader alone has nobody to hand over to`() async throws {
        try await withAPI { rig in
            var cluster = threeMembers()
            cluster.members.removeAll { $0.name != "p0" }
            rig.backend.change { $0.cluster = .success(cluster) }
            let answer = try await rig.ask(.post, "/switchover", #"{"leader": "p0"}"#)
            let text = "switchover is not possible: cluster does not have members except leader"
            #expect(answer == Answer(status: 412, body: text))
        }
    }

    @Test func `members that may not lead, have a broken watchdog or are silent are no candidates`() async throws {
        try await withAPI { rig in
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.peers = [
                    peer("p1", nofailover: true), peer("p2", watchdogFailed: true),
                    PeerStatus(name: "p3", answer: nil),
                ]
            }
            let answer = try await rig.ask(.post, "/switchover", #"{"leader": "p0"}"#)
            #expect(answer.status == 412)
            #expect(rig.backend.calls == ["ask p1,p2"])
        }
    }

    @Test func `a good switchover is written, the loop is woken, and the result is told`() async throws {
        try await withAPI { rig in
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.peers = [peer("p1")]
                $0.onWake = { cluster in
                    cluster.leader = Leader(name: "p1")
                    cluster.failover = nil
                }
            }
            let answer = try await rig.ask(.post, "/switchover", #"{"leader": "p0", "candidate": "p1"}"#)
            #expect(answer == Answer(status: 200, body: #"Successfully switched over to "p1""#))
            #expect(
                rig.backend.calls == ["ask p1", #"failover {"leader":"p0","member":"p1"} if any"#, "wake"])
        }
    }

    @Test func `a failover to somebody may end with somebody else`() async throws {
        try await withAPI { rig in
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.peers = [peer("p1")]
                $0.onWake = { $0.leader = Leader(name: "p2") }
            }
            let other = try await rig.ask(.post, "/failover", #"{"candidate": "p1"}"#)
            #expect(other == Answer(status: 200, body: #"Failed over to "p2" instead of "p1""#))
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.onWake = { $0.leader = Leader(name: "p1") }
            }
            let wanted = try await rig.ask(.post, "/failover", #"{"member": "p1"}"#)
            #expect(wanted == Answer(status: 200, body: #"Successfully failed over to "p1""#))
        }
    }

    @Test func `a wish that vanishes without a new leader has failed`() async throws {
        try await withAPI { rig in
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.peers = [peer("p1")]
                $0.onWake = { $0.failover = nil }
            }
            let switchover = try await rig.ask(.post, "/switchover", #"{"leader": "p0"}"#)
            #expect(switchover == Answer(status: 503, body: "Switchover failed"))
            let failover = try await rig.ask(.post, "/failover", #"{"candidate": "p1"}"#)
            #expect(failover == Answer(status: 503, body: "Failover failed"))
        }
    }

    @Test func `a wish that can't be written is a 503`() async throws {
        try await withAPI { rig in
            rig.backend.change {
                $0.cluster = .success(threeMembers())
                $0.peers = [peer("p1")]
                $0.writeOutcome = .unknown(StoreFailure(.unreachable, "away"))
            }
            let answer = try await rig.ask(.post, "/switchover", #"{"leader": "p0"}"#)
            #expect(answer == Answer(status: 503, body: "failed to write failover key into DCS"))
        }
    }

    @Test func `a scheduled switchover asks nobody now, and can be deleted once`() async throws {
        try await withAPI { rig in
            rig.backend.change { $0.cluster = .success(threeMembers()) }
            let body = #"{"leader": "p0", "scheduled_at": "2101-01-01 12:00:00.5+02:00"}"#
            let answer = try await rig.ask(.post, "/switchover", body)
            #expect(answer == Answer(status: 202, body: "Switchover scheduled"))
            let call = #"failover {"leader":"p0","scheduled_at":"2101-01-01T10:00:00.500000+00:00"} if any"#
            #expect(rig.backend.calls == [call, "wake"])
            rig.backend.changeCluster { $0.failover?.version = KeyVersion(3) }
            let deleted = try await rig.ask(.delete, "/switchover")
            #expect(deleted == Answer(status: 200, body: "scheduled switchover deleted"))
            #expect(rig.backend.calls.last == "failover {} if 3")
            let none = try await rig.ask(.delete, "/switchover")
            #expect(none == Answer(status: 404, body: "no switchover is scheduled"))
        }
    }

    @Test func `somebody faster keeps a scheduled switchover from being deleted`() async throws {
        try await withAPI { rig in
            var cluster = threeMembers()
            cluster.failover = FailoverRequest(
                leader: "p0", candidate: nil, scheduledAt: wallTime("2101-01-01T00:00:00Z"), version: KeyVersion(3))
            rig.backend.change {
                $0.cluster = .success(cluster)
                $0.writeOutcome = .conflict
            }
            let answer = try await rig.ask(.delete, "/switchover")
            #expect(answer.status == 409)
        }
    }
}
