// The other keys of a cluster: status, failover, sync, history, initialize, config.

import Testing

@testable import PatroniCore

@Suite("Keys in the store") struct KeyWireTests {
    // status

    @Test func `the leader's report is written as Patroni writes it`() {
        let status = ClusterStatus(
            position: LSN(67_109_480), slots: ["b": LSN(2), "a": LSN(1)], retainedSlots: ["b", "a"])
        #expect(status.json.text() == #"{"optime":67109480,"slots":{"a":1,"b":2},"retain_slots":["a","b"]}"#)
        #expect(ClusterStatus(stored: status.json.text()).slots == status.slots)
        #expect(ClusterStatus(position: LSN(5)).json.text() == #"{"optime":5}"#)
    }

    @Test func `older reports are understood`() {
        #expect(ClusterStatus(stored: "67109480").position == LSN(67_109_480))
        let text = JSONObject(dictionaryLiteral: ("slots", .string(#"{"a":7}"#)), ("retain_slots", .string(#"["a"]"#)))
        let quoted = ClusterStatus(stored: text.text())
        #expect(quoted.slots == ["a": LSN(7)])
        #expect(quoted.retainedSlots == ["a"])
    }

    @Test(arguments: ["", "x", "[]", "null", #"{"optime":-1}"#, #"{"optime":"x","slots":[1]}"#, "-5"])
    func `a malformed report is an empty one`(_ text: String) {
        #expect(ClusterStatus(stored: text) == ClusterStatus())
    }

    // failover

    @Test func `requests are written as Patroni writes them`() {
        let request = FailoverRequest(leader: "a", candidate: "b", scheduledAt: .noon)
        #expect(request.json.text() == #"{"leader":"a","member":"b","scheduled_at":"2026-11-21T12:00:00+00:00"}"#)
        #expect(FailoverRequest(stored: request.json.text(), version: nil) == request)
        #expect(FailoverRequest(leader: nil, candidate: "b").json.text() == #"{"member":"b"}"#)
    }

    @Test func `older requests are understood`() {
        #expect(FailoverRequest(stored: "a:b", version: nil) == FailoverRequest(leader: "a", candidate: "b"))
        #expect(FailoverRequest(stored: "a: b", version: nil) == FailoverRequest(leader: "a", candidate: "b"))
        #expect(FailoverRequest(stored: "a:", version: nil) == FailoverRequest(leader: "a", candidate: nil))
        #expect(FailoverRequest(stored: ":b", version: nil) == FailoverRequest(leader: nil, candidate: "b"))
    }

    @Test(arguments: [
        "", "{}", ":", #"{"leader":"","member":""}"#, #"{"leader":null}"#,
        #"{"scheduled_at":"2026-11-21T12:00:00+00:00"}"#,
    ])
    func `a cleared key is no request`(_ text: String) { #expect(FailoverRequest(stored: text, version: nil) == nil) }

    @Test func `with a leader it is a switchover, without one a manual failover`() {
        #expect(FailoverRequest.switchover(to: "b").word == "switchover")
        #expect(FailoverRequest.failover(to: "b").word == "manual failover")
    }

    // sync

    @Test func `the synchronous set is written as Patroni writes it`() {
        #expect(
            SyncState(leader: "a", quorum: 1, standbys: ["c", "b"]).json.text()
                == #"{"leader":"a","quorum":1,"sync_standby":"b,c"}"#)
        #expect(SyncState.none.json.text() == #"{"leader":null,"quorum":0,"sync_standby":null}"#)
    }

    @Test func `it is read without regard to case, and not at all without a leader`() {
        let sync = SyncState(stored: #"{"leader":"A","quorum":"1","sync_standby":"B,c"}"#, version: KeyVersion(5))
        #expect(sync.contains("a"))
        #expect(sync.hasStandby("b"))
        #expect(!sync.hasStandby("a"))
        #expect(sync.quorum == 1)
        #expect(SyncState(stored: #"{"quorum":1,"sync_standby":"b"}"#, version: nil).isEmpty)
        #expect(SyncState(stored: "garbage", version: KeyVersion(5)).version == KeyVersion(5))
    }

    // history

    @Test func `history is written as Patroni writes it, with as many columns as are known`() {
        let text =
            #"[[1,67109480,"no recovery target specified","2026-11-21T05:00:00.123456+00:00","a"],[2,67110000,"x"]]"#
        let history = TimelineHistory(stored: text)
        #expect(history?.json.text() == text)
        #expect(history?.current == Timeline(3))
        #expect(TimelineHistory(stored: "[]")?.current == Timeline(1))
    }

    @Test(arguments: ["", "{}", "x", "null"]) func `what is no history`(_ text: String) {
        #expect(TimelineHistory(stored: text) == nil)
    }

    @Test func `rows that can't be read are left out`() {
        #expect(TimelineHistory(stored: #"[[1],[2,"x","y"],[3,5,"z"],7]"#)?.rows.map(\.timeline) == [Timeline(3)])
    }

    @Test func `PostgreSQL's own history files are read`() {
        let file = "1\t0/3000110\tno recovery target specified\n\n2\t0/40000A8\tbefore 2000-01-01 00:00:00+00\n"
        let rows = TimelineHistory(historyFile: file).rows
        #expect(rows.map(\.switchpoint) == [LSN(0x300_0110), LSN(0x400_00A8)])
        #expect(rows.last?.reason == "before 2000-01-01 00:00:00+00")
    }

    // the whole

    static func key(_ value: String, _ version: Int64 = 1) -> StoredKey {
        StoredKey(value: value, version: KeyVersion(version))
    }

    @Test func `a cluster is read from its keys`() {
        let cluster = Cluster(keys: [
            "initialize": Self.key("7000000000000000001"), "leader": Self.key("alpha", 9),
            "config": Self.key(#"{"ttl":30}"#, 4), "members/beta": Self.key(MemberWireTests.replica),
            "members/alpha": Self.key(MemberWireTests.primary), "members/x/y": Self.key("{}"), "unknown": Self.key("?"),
            "status": Self.key(#"{"optime":5}"#), "optime/leader": Self.key("3"), "failover": Self.key("{}"),
            "failsafe": Self.key(#"{"alpha":"http://a:8008/patroni"}"#),
        ])
        #expect(cluster.initialize == .done(.ours))
        #expect(cluster.leader == Leader(name: "alpha", version: KeyVersion(9)))
        #expect(cluster.configuration?.version == KeyVersion(4))
        #expect(cluster.members.map(\.name) == ["alpha", "beta"])
        #expect(cluster.status.position == LSN(5))
        #expect(cluster.failover == nil)
        #expect(cluster.failsafe == ["alpha": "http://a:8008/patroni"])
        #expect(cluster.complaints.isEmpty)
        #expect(cluster.timeline == nil)
    }

    @Test func `nothing there is an empty cluster`() {
        let cluster = Cluster(keys: [:])
        #expect(cluster.isEmpty)
        #expect(cluster.isUnlocked)
        #expect(cluster.initialize == .absent)
    }

    @Test func `the bare position of old versions is read when there is no report`() {
        #expect(Cluster(keys: ["optime/leader": Self.key("77")]).status.position == LSN(77))
    }

    @Test func `garbage is named, and stops nothing`() {
        let cluster = Cluster(keys: [
            "initialize": Self.key("abc"), "config": Self.key("{"), "members/a": Self.key("nonsense"),
            "status": Self.key("?"), "leader": Self.key(""), "sync": Self.key("["), "history": Self.key("{"),
        ])
        #expect(cluster.initialize == .invalid("abc"))
        #expect(cluster.configuration == nil)
        #expect(cluster.isUnlocked)
        #expect(cluster.complaints.count == 4)
    }

    @Test func `the initialize key tells whether somebody is at it`() {
        #expect(InitializeKey(stored: nil) == .absent)
        #expect(InitializeKey(stored: "") == .inProgress)
        #expect(InitializeKey(stored: "7000000000000000001") == .done(.ours))
    }
}

@Suite("Status pages of others") struct PeerWireTests {
    static func answer(_ text: String) -> PeerAnswer? { (try? JSON.parse(text)).flatMap(PeerAnswer.init(statusPage:)) }

    @Test func `a primary`() {
        let page = Self.answer(
            #"{"state":"running","role":"primary","xlog":{"location":67109480},"timeline":2,"tags":{"nofailover":true},"dcs_last_seen":1795262400}"#
        )
        #expect(page?.isInRecovery == false)
        #expect(page?.position == LSN(67_109_480))
        #expect(page?.timeline == Timeline(2))
        #expect(page?.tags.mayLead == false)
        #expect(page?.dcsLastSeen == 1_795_262_400)
    }

    @Test func `a standby counts with what it has received or replayed, whichever is more`() {
        let page = Self.answer(#"{"role":"replica","xlog":{"received_location":7,"replayed_location":9}}"#)
        #expect(page?.isInRecovery == true)
        #expect(page?.position == LSN(9))
    }

    @Test func `older spellings`() {
        #expect(Self.answer(#"{"role":"master","wal":{"location":5}}"#)?.isInRecovery == false)
        #expect(Self.answer(#"{"role":"replica","wal":{"received_location":5}}"#)?.position == LSN(5))
    }

    @Test func `a member without PostgreSQL has no position`() {
        #expect(Self.answer(#"{"state":"stopped","role":"demoted"}"#)?.position == nil)
    }
}
