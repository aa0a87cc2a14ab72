// What goes to etcd and comes from it, byte for byte.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPorts
import Testing

@testable import PatroniDCS

@Suite struct Etcd3WireTests {
    let path = ClusterPath(namespace: "service", scope: "batman")

    private func plain(_ object: JSONObject, _ key: String) -> String? {
        object[key]?.string.flatMap(Base64.decodeText)
    }

    @Test func keysStandUnderTheNamespaceAndTheScope() {
        #expect(path.full(ClusterKey.leader) == "/service/batman/leader")
        #expect(path.full(ClusterKey.member("m1")) == "/service/batman/members/m1")
        let range = EtcdRequest.range(path, isSerializable: true)
        #expect(plain(range, "key") == "/service/batman/")
        #expect(plain(range, "range_end") == "/service/batman0")
        #expect(range["serializable"] == true)
        #expect(EtcdRequest.range(path, isSerializable: false)["serializable"] == nil)
    }

    @Test func aConditionalWriteIsOneTransaction() {
        let full = "/service/batman/leader"
        let key = Base64.encode(full)
        let text = EtcdRequest.transaction(
            if: EtcdRequest.isAbsent(full),
            then: [["request_put": .object(EtcdRequest.put(full, "m1", lease: "77"))]],
            otherwise: ["request_range": .object(EtcdRequest.key(full))]
        ).text()
        #expect(
            text
                == #"{"compare":[{"key":"\#(key)","target":"CREATE","create_revision":"0"}],"#
                + #""success":[{"request_put":{"key":"\#(key)","value":"bTE=","lease":"77"}}],"#
                + #""failure":[{"request_range":{"key":"\#(key)"}}]}"#)
        #expect(EtcdRequest.hasVersion(full, KeyVersion(5))["mod_revision"] == "5")
        #expect(EtcdRequest.hasVersion(full, KeyVersion(5))["target"] == "MOD")
        #expect(EtcdRequest.hasValue(full, "m1")["target"] == "VALUE")
    }

    @Test func zerosThatEtcdLeavesOutAreRead() throws {
        let key = try #require(EtcdKey(try JSON.parse(#"{"key":"L2E=","create_revision":"2","mod_revision":"3"}"#)))
        #expect(key.value == "")
        #expect(key.lease == nil)
        #expect(key.modified == 3)
        let failed = EtcdTransaction(
            try JSON.parse(
                #"{"header":{"cluster_id":"1","revision":"9"},"responses":[{"response_txn":{"responses":[{"response_range":{"kvs":[{"key":"L2E=","value":"bTE=","lease":"7"}]}}]}}]}"#
            ))
        #expect(!failed.succeeded)
        #expect(failed.found?.value == "m1")
        #expect(failed.found?.lease == "7")
        let nested = EtcdTransaction(
            try JSON.parse(
                #"{"header":{"cluster_id":"1","revision":"9"},"responses":[{"response_txn":{"succeeded":true}}]}"#))
        #expect(nested.succeeded)
        #expect(nested.revision == 9)
    }

    @Test(arguments: [
        (#"{"error":"a: b","message":"a: b","code":14}"#, 14, "a: b"),
        (#"{"error":{"grpc_code":5,"http_code":404,"message":"x"}}"#, 5, "x"),
        (#"{"code":16,"message":"y","details":[]}"#, 16, "y"),
        (#"{"Error":"z","Code":3}"#, 3, "z"),
    ])
    func errorsAreReadInAllTheirForms(text: String, code: Int, message: String) throws {
        let refusal = try #require(EtcdRefusal(try JSON.parse(text)))
        #expect(refusal.code == code)
        #expect(refusal.message == message)
    }

    @Test(arguments: [
        ("3.4.0", "/v3"), ("3.5.16", "/v3"), ("4.0.0", "/v3"), ("3.3.10", "/v3beta"), ("3.2.0", "/v3alpha"),
    ])
    func thePrefixDependsOnTheVersion(version: String, prefix: String) {
        #expect(EtcdGateway.prefix(forVersion: version) == prefix)
        #expect(EtcdGateway.prefix(forVersion: "not_decided") == nil)
        #expect(EtcdGateway.prefix(forVersion: "2.3.8") == nil)
    }

    @Test func theWatchIsReadAcrossPiecesOfAnySize() {
        let text =
            #"{"result":{"header":{"revision":"2"},"created":true}}"# + "\n"
            + #"{"result":{"events":[{"kv":{"key":"\#(Base64.encode("/service/batman/leader"))","mod_revision":"5","value":"bTE="}},"#
            + #"{"type":"DELETE","kv":{"key":"\#(Base64.encode("/service/batman/status"))","mod_revision":"6"}},"#
            + #"{"kv":{"key":"\#(Base64.encode("/service/batwoman/leader"))","mod_revision":"6"}}]}}"# + "\n"
            + #"{"result":{"canceled":true,"compact_revision":"2"}}"# + "\n"
        for size in [1, 7, 64, 10_000] {
            var reader = EtcdWatchReader(path)
            var events: [String] = []
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                for message in reader.feed(Array(bytes.prefix(size))) {
                    switch message {
                    case .created: events.append("created")
                    case .events(let list):
                        events += list.map { "\($0.key)=\($0.stored?.value ?? "gone")@\($0.modified)" }
                    case .ended(_, let isCompacted): events.append("ended \(isCompacted)")
                    default: events.append("?")
                    }
                }
                bytes = bytes.dropFirst(size)
            }
            #expect(events == ["created", "leader=m1@5", "status=gone@6", "ended true"])
        }
    }

    @Test func theWordsOfPatroniAreWritten() async throws {
        let bench = try await StoreBench(.etcd3)
        let a = try await bench.store("m1")
        let position = LSN(number: 67_110_000)
        let status = ClusterStatus(position: position, slots: ["b": position, "a": position].compactMapValues { $0 })
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await a.writeStatus(status, by: bench.soon()).isWritten)
        #expect(await a.writeFailsafe(["m2": "http://b", "m1": "http://a"], by: bench.soon()).isWritten)
        #expect(await a.writeFailover(nil, ifVersion: nil, by: bench.soon()).isWritten)
        #expect(await a.writeSync(.none, ifVersion: nil, by: bench.soon()).isWritten)
        #expect(await a.publishMember(["conn_url": "postgres://h:1/p", "n": 1], by: bench.soon()).isWritten)
        let servers = try await EtcdServers.shared.value
        let cluster = ClusterPath(namespace: "service", scope: bench.scope)
        let answer = try await servers.call("kv/range", EtcdRequest.range(cluster, isSerializable: false))
        let keys = (answer["kvs"]?.array ?? []).compactMap(EtcdKey.init)
        let texts = Dictionary(uniqueKeysWithValues: keys.map { ($0.path, $0.value) })
        let prefix = "/service/\(bench.scope)/"
        #expect(
            texts == [
                prefix + "leader": "m1",
                prefix + "status": #"{"optime":67110000,"slots":{"a":67110000,"b":67110000}}"#,
                prefix + "failsafe": #"{"m1":"http://a","m2":"http://b"}"#,
                prefix + "failover": "{}",
                prefix + "sync": #"{"leader":null,"quorum":0,"sync_standby":null}"#,
                prefix + "members/m1": #"{"conn_url":"postgres://h:1/p","n":1}"#,
            ])
        // One lease for the leader key and the member, none for the rest.
        let leases = Dictionary(grouping: keys, by: \.lease).mapValues { Set($0.map(\.path)) }
        #expect(leases.count == 2)
        #expect(leases[nil]?.count == 4)
        await a.close()
    }

    @Test func membersBefore21AreToldInTheirOwnKey() async throws {
        let bench = try await StoreBench(.etcd3)
        let a = try await bench.store("m1")
        #expect(await a.raw("members/old", #"{"conn_url":"x","version":"2.0.2"}"#, by: bench.soon()).isWritten)
        _ = try await a.readCluster(by: bench.soon())
        #expect(await a.writeStatus(ClusterStatus(position: LSN(number: 7)), by: bench.soon()).isWritten)
        let servers = try await EtcdServers.shared.value
        let answer = try await servers.call("kv/range", EtcdRequest.key("/service/\(bench.scope)/optime/leader"))
        #expect(answer["kvs"]?.array?.first.flatMap(EtcdKey.init)?.value == "7")
        await a.close()
    }
}
