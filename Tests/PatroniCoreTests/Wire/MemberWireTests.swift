// What members write into the store, byte for byte as Patroni writes it, and what is understood of others.

import Testing

@testable import PatroniCore

@Suite("Members in the store") struct MemberWireTests {
    static let primary =
        #"{"conn_url":"postgres://10.0.0.1:5432/postgres","api_url":"http://10.0.0.1:8008/patroni","state":"running","role":"primary","version":"4.1.5","tags":{"datacenter":"x"},"xlog_location":67109480,"timeline":2}"#
    static let replica =
        #"{"conn_url":"postgres://10.0.0.2:5432/postgres","api_url":"http://10.0.0.2:8008/patroni","state":"running","role":"replica","version":"4.1.5","xlog_location":67109480,"replay_lsn":67109400,"receive_lsn":67109480,"replication_state":"streaming","timeline":2}"#

    @Test(arguments: [primary, replica]) func `what Patroni has written is written the same again`(_ text: String) {
        #expect(Member(name: "a", stored: text).json.text() == text)
    }

    @Test func `every field stands in Patroni's order`() {
        var member = Member(name: "a")
        member.isPaused = true
        member.scheduledRestart = ["schedule": "2026-11-21T05:00:00+00:00"]
        member.timeline = Timeline(3)
        member.replicationState = "in archive recovery"
        member.receivedPosition = LSN(3)
        member.replayedPosition = LSN(2)
        member.position = LSN(3)
        member.pendingRestartReason = ["max_connections": ["old_value": "100", "new_value": "200"]]
        member.pendingRestart = true
        member.tags = Tags(["clonefrom": true])
        member.awaitsCheckpoint = true
        member.proxyURL = "postgres://p:6432/postgres"
        member.version = "4.1.5"
        member.role = .standbyLeader
        member.state = .starting
        member.apiURL = "http://a:8008/patroni"
        member.connectionURL = "postgres://a:5432/postgres"
        #expect(
            member.json.keys == [
                "conn_url", "api_url", "state", "role", "version", "proxy_url", "checkpoint_after_promote", "tags",
                "pending_restart", "pending_restart_reason", "xlog_location", "replay_lsn", "receive_lsn",
                "replication_state", "timeline", "scheduled_restart", "pause",
            ])
        #expect(member.json["checkpoint_after_promote"] == false)
        #expect(member.json["role"] == "standby_leader")
        #expect(Member(name: "a", stored: member.json.text()) == member)
    }

    @Test func `older spellings are understood`() {
        #expect(Member(name: "a", stored: #"{"role":"master","state":"running"}"#).role == .primary)
        let legacy = Member(
            name: "a", stored: "postgres://u:p@h:5433/postgres?application_name=http%3A%2F%2Fh%3A8008%2Fpatroni")
        #expect(legacy.connectionURL == "postgres://u:p@h:5433/postgres")
        #expect(legacy.apiURL == "http://h:8008/patroni")
        #expect(legacy.endpoint == Endpoint(host: "h", port: 5433, database: "postgres"))
    }

    @Test(arguments: [
        "", "null", "[]", "42", "\"x\"", "{", "{}", #"{"tags":[1],"state":5,"timeline":-1,"xlog_location":"x"}"#,
        #"{"role":"king","state":"flying","pause":"maybe","tags":null}"#, "postgres", "postgres://",
    ])
    func `nonsense is a member without data`(_ text: String) {
        let member = Member(name: "a", stored: text)
        #expect(member.position == nil)
        #expect(member.role == nil)
        #expect(member.state == nil)
        #expect(member.timeline == nil)
        #expect(member.mayLead)
    }

    @Test(arguments: MemberState.allCases) func `every state is read as it is written`(_ state: MemberState) {
        #expect(Member(name: "a", stored: #"{"state":"\#(state.rawValue)"}"#).state == state)
    }

    @Test func `false tags are not published, unless their priority is`() {
        let plain = Tags(["nofailover": false, "noloadbalance": false, "clonefrom": true, "zone": "", "nosync": false])
        #expect(plain.published.keys == ["clonefrom", "zone"])
        let priority = Tags(["nofailover": false, "failover_priority": 5, "nosync": false, "sync_priority": 2])
        #expect(priority.published.keys == ["nofailover", "failover_priority", "nosync", "sync_priority"])
    }

    @Test(
        arguments: [
            ([:], true, 1), (["nofailover": true], false, 0), (["nofailover": "yes"], false, 0),
            (["failover_priority": 0], false, 0), (["failover_priority": -1], false, -1),
            (["failover_priority": 7], true, 7), (["failover_priority": "3"], true, 3),
            (["nofailover": false, "failover_priority": 0], true, 0),
            (["nofailover": true, "failover_priority": 9], false, 0),
            (["nofailover": "perhaps"], true, 1),
        ] as [(JSONObject, Bool, Int)])
    func `nofailover goes before failover_priority`(_ tags: JSONObject, _ mayLead: Bool, _ priority: Int) {
        #expect(Tags(tags).mayLead == mayLead)
        #expect(Tags(tags).failoverPriority == priority)
    }
}

@Suite("Names and addresses") struct NameTests {
    @Test(arguments: [
        ("alpha", "alpha"), ("Alpha-1.example", "alpha_1_example"), ("a b", "au0032b"), ("ä", "u0228"),
        ("a@b", "au0064b"),
        (String(repeating: "x", count: 70), String(repeating: "x", count: 63)), ("_", "_"), ("9", "9"),
    ])
    func `slots are named after members`(_ member: String, _ slot: String) {
        #expect(MemberName(member).slotName == slot)
    }

    @Test(
        arguments: [
            ("postgres://h:5433/db", "h", 5433, "db"), ("postgres://h/db", "h", 5432, "db"),
            ("postgres://[::1]:5433/db", "::1", 5433, "db"), ("postgres://[fe80::1]/db", "fe80::1", 5432, "db"),
            ("postgres://u:p%40@h:5433/db?x=1:2", "h", 5433, "db"), ("postgresql://h", "h", 5432, nil),
            ("postgres://u@p@h:1/", "h", 1, nil),
        ] as [(String, String, Int, String?)])
    func `addresses of servers`(_ url: String, _ host: String, _ port: Int, _ database: String?) {
        #expect(Endpoint(connectionURL: url) == Endpoint(host: host, port: port, database: database))
    }

    @Test(arguments: [
        "", "h:5432", "postgres://", "postgres://:5432", "postgres://h:0", "postgres://h:65536", "postgres://h:x",
    ])
    func `what is no address`(_ url: String) { #expect(Endpoint(connectionURL: url) == nil) }

    @Test func `IPv6 stands in brackets when written`() {
        #expect(Endpoint(host: "::1", port: 5432).description == "[::1]:5432")
        #expect(Endpoint(host: "h", port: 5432).description == "h:5432")
    }

    @Test(arguments: [
        ("7000000000000000001", true), ("1234567890", true), ("123456789", false), ("", false), ("12345678x0", false),
        ("-1234567890", false),
    ])
    func `system identifiers have ten digits or more`(_ text: String, _ isOne: Bool) {
        #expect((SystemIdentifier(text) != nil) == isOne)
    }
}
