// edit-config's changes and differences, schedules, addresses of stores.

import PatroniCore
import Testing

@testable import PatroniControl

@Suite struct EditingTests {
    @Test func `a difference looks like diff -u`() {
        let old = (1...20).map { "line \($0)" }
        var new = old
        new[2] = "changed"
        new.insert("more", at: 15)
        new.removeLast()
        #expect(
            UnifiedDiff(old.joined(separator: "\n") + "\n", new.joined(separator: "\n") + "\n").text() == [
                "--- ", "+++ ", "@@ -1,6 +1,6 @@", " line 1", " line 2", "-line 3", "+changed", " line 4", " line 5",
                " line 6", "@@ -13,8 +13,8 @@", " line 13", " line 14", " line 15", "+more", " line 16", " line 17",
                " line 18", " line 19", "-line 20",
            ])
    }

    @Test(arguments: [
        ("a", "b", ["--- ", "+++ ", "@@ -1 +1 @@", "-a", "+b"]),
        ("a\n", "a\nb\n", ["--- ", "+++ ", "@@ -1 +1,2 @@", " a", "+b"]),
        ("a\n", "a\n", []),
    ])
    func `small differences`(old: String, new: String, lines: [String]) {
        #expect(UnifiedDiff(old, new).text() == lines)
    }

    static let changes: [([String], JSONObject)] = [
        (["ttl=20"], ["ttl": 20, "postgresql": ["parameters": ["a.b": 1]]]),
        (["ttl=null"], ["postgresql": ["parameters": ["a.b": 1]]]),
        (["postgresql.parameters.a.b=null"], ["ttl": 30]),
        (["postgresql.parameters.c.d=on"], ["ttl": 30, "postgresql": ["parameters": ["a.b": 1, "c.d": true]]]),
        (["x.y.z=1", " ttl =a=b"], ["ttl": "a=b", "postgresql": ["parameters": ["a.b": 1]], "x": ["y": ["z": 1]]]),
        (["ttl.x={q: 1}"], ["ttl": ["x": ["q": 1]], "postgresql": ["parameters": ["a.b": 1]]]),
    ]

    @Test(arguments: changes)
    func `pairs set values at a path`(pairs: [String], result: JSONObject) throws {
        let values: JSONObject = ["ttl": 30, "postgresql": ["parameters": ["a.b": 1]]]
        #expect(try ConfigurationChange.apply(pairs, to: values) == result)
    }

    @Test func `a pair without an equals sign is refused`() {
        #expect(throws: ControlError.failed("Invalid parameter setting ttl")) {
            try ConfigurationChange.apply(["ttl"], to: [:])
        }
    }

    @Test(arguments: [
        ("2030-01-01T10:00:00+03:00", "2030-01-01T10:00:00+03:00"),
        ("2030-01-01 10:00:00.123456+00:00", "2030-01-01T10:00:00.123456+00:00"),
        ("2030-01-01T10:00-0530", "2030-01-01T10:00:00-05:30"),
    ])
    func `a schedule keeps the zone it was typed in`(text: String, iso: String) throws {
        #expect(try LocalTime.schedule(text, now: WallTime(secondsSince1970: 0))?.iso == iso)
    }

    @Test(arguments: [nil, "", "now"])
    func `now is no schedule`(text: String?) throws {
        #expect(try LocalTime.schedule(text, now: WallTime(secondsSince1970: 0)) == nil)
    }

    @Test func `rubbish is no schedule either`() {
        #expect(throws: ControlError.self) { try LocalTime.schedule("rubbish", now: WallTime(secondsSince1970: 0)) }
    }

    static let addresses: [(String, JSONObject)] = [
        ("", ["etcd": ["host": "localhost:2379"]]),
        ("etcd://:2399", ["etcd": ["host": "localhost:2399"]]),
        (
            "etcd3://random.com:2399/customnamespace",
            ["etcd3": ["host": "random.com:2399"], "namespace": "/customnamespace"]
        ),
        ("here:8500/", ["consul": ["host": "here:8500"]]),
        ("zookeeper://z", ["zookeeper": ["hosts": ["z:2181"]]]),
    ]

    @Test(arguments: addresses)
    func `a store can be named by its address`(url: String, tree: JSONObject) throws {
        #expect(try StoreAddress.apply(url, to: ["etcd3": ["host": "x"], "embedded": ["path": "y"]]) == tree)
    }

    @Test func `an unknown scheme is refused`() {
        #expect(throws: ControlError.failed("Unknown dcs scheme: foo")) { try StoreAddress.apply("foo://x", to: [:]) }
    }

    @Test(arguments: [("9.5.2", true), ("10.1", true), ("15", false), ("9.6", false), ("a.b.c", false), ("", false)])
    func `versions are checked as Patroni checks them`(text: String, isGood: Bool) {
        #expect((RestartCommand.complaint(aboutVersion: text) == nil) == isGood)
    }
}
