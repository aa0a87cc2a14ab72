// The parts of the store in Kubernetes that decide, without a server.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import Testing

@testable import PatroniDCS

@Suite struct KubernetesPartsTests {
    private func at(_ seconds: Double) -> Moment { Moment(nanoseconds: Int64(seconds * 1e9)) }

    private func object(
        _ name: String, _ version: Int64, _ annotations: [String: String] = [:], labels: [String: String] = [:]
    ) -> KubernetesObject {
        let texts = { (table: [String: String]) in JSON.object(JSONObject(table.map { ($0.key, .string($0.value)) })) }
        let json: JSON = [
            "metadata": [
                "name": .string(name), "resourceVersion": .string(String(version)), "labels": texts(labels),
                "annotations": texts(annotations),
            ]
        ]
        return KubernetesObject(json) ?? KubernetesObject.none
    }

    // MARK: the lock

    @Test func aRecordLivesForItsTTLFromWhenItWasFirstSeen() {
        var observed = ObservedLeader()
        let record = ["leader": "a", "ttl": "20", "renewTime": "1"]
        observed.observe(record, at: at(100))
        #expect(observed.holder(at: at(120), ttl: .seconds(30)) == "a")
        // Seeing it again is not seeing something new.
        observed.observe(record, at: at(119))
        #expect(observed.holder(at: at(120.1), ttl: .seconds(30)) == nil)
        observed.observe(record.merging(["renewTime": "2"]) { $1 }, at: at(121))
        #expect(observed.holder(at: at(141), ttl: .seconds(30)) == "a")
        #expect(observed.holder(at: at(141.1), ttl: .seconds(30)) == nil)
    }

    @Test(arguments: ["", "0", "-5", "soon", "99999999999"]) func aSenselessTTLIsReplacedByOurOwn(ttl: String) {
        var observed = ObservedLeader()
        observed.observe(["leader": "a", "ttl": ttl], at: at(0))
        #expect(observed.holder(at: at(30), ttl: .seconds(30)) == "a")
        #expect(observed.holder(at: at(31), ttl: .seconds(30)) == nil)
    }

    @Test func aRecordWithoutLeaderIsNobodys() {
        var observed = ObservedLeader()
        observed.observe(["ttl": "20", "transitions": "3"], at: at(0))
        #expect(observed.holder(at: at(1), ttl: .seconds(30)) == nil)
        observed.observe(["leader": "", "ttl": "20"], at: at(0))
        #expect(observed.holder(at: at(1), ttl: .seconds(30)) == nil)
    }

    private func claim(_ name: String, over last: [String: String]?) -> [String: String?] {
        let time = WallTime(microseconds: 1_795_224_791_123_456)
        let written = LeaderRecord.claim(
            by: name, over: last.map { LeaderRecord($0) }, ttl: .seconds(20), at: time)
        return Dictionary(uniqueKeysWithValues: written.map { ($0.name, $0.value) })
    }

    @Test func transitionsCountChangesOfHands() {
        #expect(claim("a", over: nil)["transitions"] == "0")
        #expect(claim("a", over: [:])["transitions"] == "0")
        let own = claim("a", over: ["leader": "a", "transitions": "4", "acquireTime": "then"])
        #expect(own["transitions"] == "4")
        #expect(own["acquireTime"] == "then")
        let other = claim("b", over: ["leader": "a", "transitions": "4", "acquireTime": "then"])
        #expect(other["transitions"] == "5")
        #expect(other["acquireTime"] == other["renewTime"])
        #expect(other["ttl"] == "20")
        // Released, and taken again.
        #expect(claim("a", over: ["transitions": "4", "acquireTime": "then"])["transitions"] == "5")
        #expect(claim("a", over: ["leader": "b", "transitions": "many"])["transitions"] == "1")
    }

    @Test func aLeaseSaysTheSameAsAnnotations() {
        let time = WallTime(microseconds: 1_795_224_791_000_000)
        let written = LeaderRecord.claim(by: "a", over: nil, ttl: .seconds(20), at: time)
        let (spec, rest) = LeaseSpec.split(written + [KubernetesAnnotation("optime", "5")])
        #expect(rest == [KubernetesAnnotation("optime", "5")])
        #expect(spec["holderIdentity"] == "a")
        #expect(spec["leaseDurationSeconds"] == 20)
        #expect(spec["renewTime"]?.string?.hasSuffix(".000000Z") == true)
        let read = LeaseSpec(.object(spec)).annotations
        #expect(read["leader"] == "a")
        #expect(read["transitions"] == "0")
        #expect(LeaseSpec.split([KubernetesAnnotation("leader", nil)]).spec["holderIdentity"] == .null)
    }

    // MARK: the copy

    @Test func theNewerVersionWinsWhateverComesFirst() {
        var cache = KubernetesCache()
        let sets = [5, 4, 5, 10].map { cache.set(object("x", $0, ["v": "\($0)"])) }
        #expect(sets == [true, false, false, true])
        #expect(cache["x"]?.annotations["v"] == "10")
        let removals = [9, 11].map { cache.remove("x", at: KeyVersion($0)) }
        #expect(removals == [false, true])
        // A late answer does not bring it back, a new object of the name does.
        let later = [10, 12].map { cache.set(object("x", $0)) }
        #expect(later == [false, true])
    }

    @Test func aListShowsWhatIsGoneButNotWhatCameSince() throws {
        var cache = KubernetesCache()
        cache.set(object("old", 3))
        let asked = cache.touches
        cache.set(object("own", 9))
        let list = try #require(KubernetesList(["metadata": ["resourceVersion": "7"], "items": []]))
        let showsNews = cache.replace(with: list, since: asked)
        #expect(showsNews)
        #expect(cache["old"] == nil)
        #expect(cache["own"]?.version == KeyVersion(9))
        #expect(cache.version == KeyVersion(7))
        let showsNoMore = !cache.replace(with: list, since: asked)
        #expect(showsNoMore)
        // A store made anew counts from the beginning: the list is right.
        cache.replace(with: list, since: cache.touches)
        #expect(cache["own"] == nil)
    }

    // MARK: labels

    private func labels(_ member: JSONObject, isLeader: Bool) -> [String: String] {
        var settings = KubernetesSettings(labels: [])
        settings.standbyLeaderLabelValue = "standby"
        settings.temporaryRoleLabel = "tmp"
        settings.bootstrapLabels = [KubernetesLabel("making", "yes")]
        return PodLabels(settings: settings).wanted(for: member, isLeader: isLeader)
            .reduce(into: [:]) { $0[$1.name] = $1.value }
    }

    @Test func aPodIsLabelledByTheLockAndThenByWhatItsServerDoes() {
        #expect(
            labels(["state": "running", "role": "replica"], isLeader: true) == ["role": "primary", "tmp": "primary"])
        #expect(
            labels(["state": "running", "role": "standby_leader"], isLeader: true)
                == ["role": "standby", "tmp": "primary"])
        #expect(
            labels(["state": "running", "role": "replica"], isLeader: false) == ["role": "replica", "tmp": "replica"])
        #expect(labels(["state": "running", "role": "primary"], isLeader: false) == [:])
        #expect(labels(["state": "stopped", "role": "replica"], isLeader: false) == [:])
        #expect(
            labels(["state": "running", "role": "demoted"], isLeader: false) == ["role": "demoted", "tmp": "demoted"])
        #expect(labels(["state": "creating replica", "role": "uninitialized"], isLeader: false) == ["making": "yes"])
        #expect(
            labels(["state": "initializing new cluster", "role": "uninitialized"], isLeader: false)["making"] == "yes")
    }

    @Test func onlyTheLeadersLabelIsTakenOffAnothersPod() {
        var settings = KubernetesSettings(labels: [])
        settings.temporaryRoleLabel = "tmp"
        let labels = PodLabels(settings: settings)
        #expect(labels.stale(in: ["role": "primary", "tmp": "primary"]).map(\.name) == ["role", "tmp"])
        #expect(labels.stale(in: ["role": "replica", "tmp": "replica"]).isEmpty)
        #expect(labels.stale(in: ["app": "primary"]).isEmpty)
    }

    // MARK: names, subsets, servers

    @Test func namesAndSelectorsAreThoseOfPatroni() {
        var settings = KubernetesSettings(labels: [KubernetesLabel("application", "patroni")])
        var names = KubernetesNames(scope: "demo", settings: settings)
        #expect(names.lock == "demo-leader")
        #expect([names.configuration, names.failover, names.sync] == ["demo-config", "demo-failover", "demo-sync"])
        #expect(names.selector == "application=patroni,cluster-name=demo")
        #expect(names.lockResource == .configmaps)
        settings.usesEndpoints = true
        settings.group = 2
        names = KubernetesNames(scope: "demo", settings: settings)
        #expect(names.lock == "demo-2")
        #expect(names.sync == "demo-2-sync")
        // The group is on the objects, and not in the question.
        #expect(names.selector == "application=patroni,cluster-name=demo")
        #expect(names.labels.last == KubernetesLabel("citus-group", "2"))
        #expect(!names.isOurs(object("p", 1, labels: ["citus-group": "0"])))
        #expect(names.isOurs(object("p", 1, labels: ["citus-group": "2"])))
    }

    @Test func subsetsAreRewrittenOnlyWhenTheyAreWrong() {
        let subsets = EndpointSubsets(namespace: "n", name: "a", ip: "10.0.0.1", ports: [.init()], pod: object("a", 7))
        let written = subsets.patch(over: nil)
        #expect(written?.array?.first?["addresses"]?.array?.first?["targetRef"]?["resourceVersion"] == "7")
        let stored: JSON = [["addresses": [["ip": "10.0.0.1"]], "ports": [["port": 5432, "protocol": "TCP"]]]]
        #expect(subsets.patch(over: stored) == nil)
        var other = subsets
        other.ip = "10.0.0.2"
        #expect(other.patch(over: stored) != nil)
        other = subsets
        other.ports = [.init(port: 5433)]
        #expect(other.patch(over: stored) != nil)
        other.ports = [.init(name: "x", port: 5432), .init(name: "y", port: 5433)]
        #expect(other.patch(over: stored) != nil)
    }

    @Test func anAPIServerIsKeptWhileItIsListedAndLeftWhenItIsNot() {
        let service = KubernetesServer(url: "https://10.96.0.1:443")
        var servers = KubernetesServers(service: service, bypasses: true)
        #expect(servers.isDue(at: at(0), after: .seconds(9)))
        let both = [KubernetesServers.Address(ip: "1.1.1.1", port: 6443), .init(ip: "2.2.2.2", port: 6443)]
        servers.learn(both, certificateName: "kubernetes.default.svc", startingAt: 3, at: at(0))
        #expect(servers.current.address == "2.2.2.2")
        #expect(servers.current.url == "https://kubernetes.default.svc:6443")
        #expect(servers.inOrder.map(\.shown) == ["2.2.2.2", "1.1.1.1", service.url])
        #expect(!servers.isDue(at: at(8), after: .seconds(9)))
        servers.learn(both.reversed(), certificateName: "kubernetes.default.svc", startingAt: 4, at: at(10))
        #expect(servers.current.address == "2.2.2.2")
        servers.learn([both[0]], certificateName: "kubernetes.default.svc", startingAt: 3, at: at(20))
        #expect(servers.current.address == "1.1.1.1")
        // An empty list is no news; a refusal is, once, and is asked about again later.
        servers.learn([], certificateName: "x", startingAt: 0, at: at(30))
        #expect(servers.current.address == "1.1.1.1")
        let isNews = [40, 50].map { servers.noteRefusal(at: at($0)) }
        #expect(isNews == [true, false])
        #expect(servers.current == service)
        #expect(!servers.isDue(at: at(600), after: .seconds(1)))
        #expect(servers.isDue(at: at(651), after: .seconds(1)))
    }

    @Test func addressesComeFromSlicesAndEndpointsAlike() {
        let endpoints: JSON = [
            "subsets": [
                ["addresses": [["ip": "1.1.1.1"]], "ports": [["name": "https", "port": 6443, "protocol": "TCP"]]],
                ["addresses": [["ip": "9.9.9.9"]], "ports": [["name": "metrics", "port": 1]]],
            ]
        ]
        #expect(KubernetesServers.addresses(in: endpoints) == [.init(ip: "1.1.1.1", port: 6443)])
        let slice: JSON = [
            "endpoints": [
                ["addresses": ["1.1.1.1"], "conditions": ["ready": true]],
                ["addresses": ["2.2.2.2"], "conditions": ["ready": false]],
            ], "ports": [["name": "https", "port": 6443, "protocol": "TCP"]],
        ]
        #expect(KubernetesServers.addresses(in: slice) == [.init(ip: "1.1.1.1", port: 6443)])
        #expect(KubernetesServers.addresses(in: ["kind": "Status"]).isEmpty)
    }

    @Test func aTryGetsItsShareOfTheTime() {
        #expect(KubernetesServers.share(of: .seconds(10), servers: 1) == .seconds(5))
        #expect(KubernetesServers.share(of: .seconds(10), servers: 2) == .seconds(5))
        #expect(KubernetesServers.share(of: .seconds(9), servers: 3) == .seconds(3))
        #expect(KubernetesServers.share(of: .seconds(1), servers: 3) == .seconds(1))
        #expect(KubernetesServers.share(of: .milliseconds(300), servers: 3) == .milliseconds(300))
    }

    // MARK: the change of labels

    @Test func servicesAreTurnedOnlyWhenNoClientCanFallThrough() {
        let migration = LabelMigration(KubernetesSettings(labels: []), temporaryLabel: "tmp")
        let services = [
            SelectingService(name: "demo", selector: ["cluster-name": "demo", "role": "master"]),
            SelectingService(name: "demo-repl", selector: ["cluster-name": "demo", "role": "replica"]),
            SelectingService(name: "demo-config", selector: [:]),
        ]
        let turns = migration.turns(.toTemporary, services)
        #expect(turns.map(\.service) == ["demo", "demo-repl"])
        #expect(turns.map(\.value) == ["primary", "replica"])
        let before = [("a", ["role": "master"]), ("b", ["role": "replica", "tmp": "replica"])]
        #expect(migration.obstacles(.toTemporary, pods: before).count == 2)
        let ready = [("a", ["role": "master", "tmp": "primary"]), ("b", ["role": "replica", "tmp": "replica"])]
        #expect(migration.obstacles(.toTemporary, pods: ready).isEmpty)
        // The values have not changed yet: too early to turn back.
        #expect(!migration.obstacles(.toRole, pods: ready).isEmpty)
        let done = [("a", ["role": "primary", "tmp": "primary"]), ("b", ["role": "replica", "tmp": "replica"])]
        #expect(migration.obstacles(.toRole, pods: done).isEmpty)
        let turned = services.map { service in
            var service = service
            if let value = service.selector.removeValue(forKey: "role") {
                service.selector["tmp"] = value == "master" ? "primary" : value
            }
            return service
        }
        let back = migration.turns(.toRole, turned)
        #expect(back.map(\.value) == ["primary", "replica"])
        #expect(back.allSatisfy { $0.name == "role" && $0.removed == "tmp" })
        #expect(migration.turns(.toTemporary, turned).isEmpty)
    }

    // MARK: answers

    @Test func anAnswerIsRetriedWhenItIsWorthIt() {
        let server = KubernetesServer(url: "https://x")
        func verdict(_ status: Int, _ headers: [(name: String, value: String)] = [], body: String = "{}") -> String {
            let answer = HTTPAnswer(status: status, headers: headers, body: Array(body.utf8))
            switch KubernetesVerdict(answer, from: server, retriable: [500, 503, 504]) {
            case .answer: return "answer"
            case .refused: return "refused"
            case .tryAgain(_, let mayHaveHappened, let wait):
                return "again \(mayHaveHappened) \(wait.map { $0.wholeSeconds } ?? -1)"
            }
        }
        #expect(verdict(200) == "answer")
        #expect(verdict(201) == "answer")
        #expect(verdict(200, body: "<html>") == "again true -1")
        #expect(verdict(409) == "refused")
        #expect(verdict(403) == "refused")
        #expect(verdict(500) == "again true -1")
        #expect(verdict(504) == "again true -1")
        #expect(verdict(429, [("Retry-After", "1")]) == "again false 1")
        #expect(verdict(422) == "refused")
        #expect(verdict(409, [("retry-after", "2")]) == "again true 2")
    }
}

extension KubernetesObject {
    /// What no test should meet.
    fileprivate static var none: KubernetesObject {
        guard let object = KubernetesObject(["metadata": ["name": "none", "resourceVersion": "0"]]) else {
            preconditionFailure("an object that is one")
        }
        return object
    }
}
