// When the watched copy may be believed.

import PatroniCore
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct EtcdViewTests {
    private func key(_ value: String, _ version: Int64) -> StoredKey {
        StoredKey(value: value, version: KeyVersion(version))
    }
    private func moment(_ seconds: Double) -> Moment { Moment(nanoseconds: 0) + .seconds(seconds) }

    @Test func aCopyIsFreshOnlyWhileTheStreamIsHeard() {
        var view = EtcdView()
        #expect(!view.isFresh(moment(0), within: .seconds(5)))
        _ = view.replace(["leader": key("a", 3)], at: 5, isNewest: false)
        // Read, but nobody watches.
        #expect(!view.isFresh(moment(0), within: .seconds(5)))
        // A stream that was only just opened confirms nothing that happened before it.
        view.heard(moment(0))
        #expect(!view.isFresh(moment(0), within: .seconds(5)))
        view.confirm(moment(1))
        #expect(view.isFresh(moment(6), within: .seconds(5)))
        #expect(!view.isFresh(moment(6.1), within: .seconds(5)))
        view.heard(moment(6))
        #expect(view.isFresh(moment(11), within: .seconds(5)))
        view.doubt()
        #expect(!view.isFresh(moment(11), within: .seconds(5)))
    }

    @Test func ownWritesThatHaveNotArrivedMakeItStale() {
        var view = EtcdView()
        _ = view.replace([:], at: 5, isNewest: false)
        view.confirm(moment(0))
        view.expect(7)
        #expect(view.lacksOwnWrites)
        #expect(!view.isFresh(moment(0), within: .seconds(5)))
        #expect(view.apply([("leader", 7, key("a", 7))]) == [.leader("a")])
        #expect(view.isFresh(moment(0), within: .seconds(5)))
        #expect(view.keys["leader"]?.value == "a")
    }

    @Test func eventsThatAReadAlreadyShowedAreNotNewsAgain() {
        var view = EtcdView()
        _ = view.replace(["leader": key("a", 3)], at: 5, isNewest: false)
        // The read at 9 shows that the key went; the late events of 6 and 8 must not bring it back.
        #expect(view.replace([:], at: 9, isNewest: false) == [.leader(nil)])
        #expect(view.apply([("leader", 6, key("b", 6)), ("leader", 8, nil)]).isEmpty)
        #expect(view.keys["leader"] == nil)
        #expect(view.apply([("leader", 10, key("c", 10)), ("leader", 11, nil)]) == [.leader("c"), .leader(nil)])
        #expect(view.revision == 11)
    }

    @Test func anOlderReadDoesNotTurnTimeBackUnlessTheMajoritySaysSo() {
        var view = EtcdView()
        _ = view.replace(["leader": key("a", 8)], at: 9, isNewest: false)
        #expect(view.replace([:], at: 4, isNewest: false).isEmpty)
        #expect(view.keys["leader"]?.value == "a")
        #expect(view.replace([:], at: 2, isNewest: true) == [.leader(nil)])
        #expect(view.revision == 2)
        #expect(!view.lacksOwnWrites)
    }

    @Test func theFirstConfigurationWakesNobody() {
        var view = EtcdView()
        _ = view.replace([:], at: 1, isNewest: false)
        #expect(view.apply([("config", 2, key("{}", 2))]).isEmpty)
        #expect(view.apply([("config", 3, key("{\"a\":1}", 3))]) == [.configuration])
    }
}

@Suite struct EtcdHostsTests {
    private func hosts(_ names: String...) -> EtcdHosts {
        EtcdHosts(Etcd3SettingsForTests.settings(names), startingAt: 0)
    }

    @Test func theOneThatWorksIsAskedFirst() {
        var hosts = hosts("a", "b", "c")
        #expect(hosts.inOrder == ["http://a:1", "http://b:1", "http://c:1"])
        hosts.pin("http://b:1")
        #expect(hosts.inOrder == ["http://b:1", "http://c:1", "http://a:1"])
        #expect(hosts.generation == 1)
        hosts.pin("http://b:1")
        #expect(hosts.generation == 1)
    }

    @Test func announcedServersReplaceTheListAndTheConfiguredComeBackInNeed() {
        var hosts = hosts("a")
        hosts.learn(["http://x:1/", "http://y:1", "unix://z", "http://x:1"])
        #expect(hosts.inOrder == ["http://a:1", "http://x:1", "http://y:1"])
        hosts.pin("http://y:1")
        hosts.learn(["http://x:1", "http://y:1"])
        #expect(hosts.inOrder == ["http://y:1", "http://x:1"])
        hosts.learn([])
        #expect(hosts.inOrder.count == 2)
        hosts.reconsider()
        #expect(Set(hosts.inOrder) == ["http://a:1", "http://x:1", "http://y:1"])
    }
}
