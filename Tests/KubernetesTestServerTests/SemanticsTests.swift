// The test server is asked every single question that the real one was asked, and must answer alike.

import KubernetesTestServer
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

@Suite("As the real API server") struct SemanticsTests {
    @Test func `each single question is answered as recorded`() async throws {
        var replay = try await Replay()
        let cases = try Exchange.all(in: "api-semantics")
        #expect(cases.count == 104)
        for exchange in cases {
            try await replay.prepare(for: exchange)
            try await replay.ask(exchange)
        }
        #expect(replay.asked == cases.count)
    }
}

/// Goes through the recording in its order, doing between the lines what was not recorded.
struct Replay {
    private var server: KubernetesTestServer
    private var client: TestClient
    private let probe: JSON = ["application": "patroni", "cluster-name": "probe"]
    private let endpoints = "/api/v1/namespaces/patroni-lab/endpoints"
    private var pod: JSONObject
    private(set) var asked = 0
    private var watch: OpenWatch?

    private static func startServer() async throws -> KubernetesTestServer {
        var options = KubernetesTestOptions()
        options.pods = []
        return try await KubernetesTestServer.start(options)
    }

    init() async throws {
        server = try await Self.startServer()
        let clean = try #require(try Exchange.all(in: "api-semantics").first { $0.name == "pod: clean again" })
        pod = try #require(clean.response?.object)
        try server.load("pods", pod)
        client = try TestClient(
            server.service, authority: server.authorityFile, token: try server.token(for: "patronidemo-0"))
    }

    private func quietly(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil) async throws {
        _ = try await client.ask(method, path, body)
    }

    private func object(_ name: String, _ annotations: JSON) -> JSON {
        ["metadata": ["name": .string(name), "labels": probe, "annotations": annotations]]
    }

    /// What happened before this line and is not in the recording.
    mutating func prepare(for exchange: Exchange) async throws {
        switch exchange.name {
        case "auth: endpoint default/kubernetes":
            server.skipVersions(to: 208)
            try server.load("endpoints", try #require(exchange.response?.object), in: "default")
        case "watch: no resourceVersion (what is there comes as ADDED)":
            try await quietly(.delete, endpoints + "/probe-2")
            try await quietly(.post, endpoints, object("probe", ["leader": "a"]))
        case "delete: precondition on resourceVersion fails":
            server.skipVersions(to: 253)
            try await quietly(.post, endpoints, object("probe", ["leader": "a"]))
        case let name where name.hasPrefix("token: its pod is gone"): try server.delete("pods", "patronidemo-0")
        case "token: a new pod of the same name does not help": try server.load("pods", pod)
        case "apiserver killed (SIGKILL): the watch": try await beginAnew(version: 222)
        case let name where name.hasPrefix("start after SIGKILL") && exchange.status == 0: server.compact()
        case "etcd away: read":
            try await beginAnew(version: 350)
            watch = try await client.watch(endpoints + "?labelSelector=cluster-name%3Dprobe&watch=true")
            server.setOutage(.timeouts(read: .milliseconds(20), write: .milliseconds(20)))
        case let name where name.hasPrefix("etcd back"): server.setOutage(.none)
        case "429: too many requests": server.add(.throttle(), on: .patch("endpoints"), times: 1)
        default: break
        }
        // One counter for all: what others wrote in between shows in the next version.
        if let version = exchange.version, version > server.version {
            server.skipVersions(to: exchange.isWrite && exchange.status < 300 ? version - 1 : version)
        }
        if exchange.name == "list: resourceVersion in the future" { server.skipVersions(to: 252) }
    }

    /// These parts were recorded from a cluster of their own.
    private mutating func beginAnew(version: Int) async throws {
        await server.stop()
        server = try await Self.startServer()
        try server.load("pods", pod)
        client = try TestClient(
            server.service, authority: server.authorityFile, token: try server.token(for: "patronidemo-0"))
        server.skipVersions(to: version)
        try await quietly(.post, endpoints, object("probe", ["leader": "a"]))
    }

    // MARK: asking

    mutating func ask(_ exchange: Exchange) async throws {
        asked += 1
        var client = client
        switch exchange.name {
        case "auth: no token", "version", "etcd away: /readyz": client.token = nil
        case "auth: bad token", "watch: bad token": client.token = "abc"
        case "auth: token with a broken signature": client.token = (client.token ?? "").dropLast(6) + "AAAAAA"
        default: break
        }
        if Lifecycle.names(exchange) {
            try await Lifecycle(server: server, client: client).ask(exchange)
        } else if exchange.name == "etcd away: the watch" {
            #expect(watch?.end == .open, "the watch outlives the store")
            watch?.close()
        } else if exchange.isWatch, exchange.status == 200 {
            try await ask(watch: exchange, client)
        } else {
            try await ask(plainly: exchange, client)
        }
    }

    private func ask(plainly exchange: Exchange, _ client: TestClient) async throws {
        var body = exchange.request
        if exchange.name == "configmap: annotations over 256 KiB" {
            body = object("probe-leader", ["x": .string(String(repeating: "x", count: 262_145))])
        }
        let answer = try await client.ask(exchange.method, exchange.path, body, type: exchange.contentType)
        #expect(answer.status == exchange.status, "\(exchange.testDescription): \(answer.text.prefix(300))")
        let expected = exchange.events?.first ?? exchange.response ?? .null
        if let text = expected.string {
            #expect(answer.text == text, "\(exchange.testDescription)")
        } else {
            var ignored: Set<String> = []
            // The parser's own words, and the version of the program.
            if exchange.name == "create: body is no JSON object" { ignored = ["message"] }
            if exchange.name == "version" {
                ignored = Set((expected.object ?? [:]).keys).subtracting(["major", "minor", "gitVersion", "platform"])
            }
            let given = Comparison.essence(try JSON.parse(answer.body), ignoring: ignored)
            #expect(
                given == Comparison.essence(expected, ignoring: ignored),
                "\(exchange.testDescription)\n  given \(given.text())\n  real  \(expected.text())")
        }
        for (name, value) in (exchange.json["hdr"]?.object ?? [:]).pairs {
            #expect(answer.header(name) == value.string, "\(exchange.testDescription): \(name)")
        }
    }

    private func ask(watch exchange: Exchange, _ client: TestClient) async throws {
        let expected = exchange.events ?? []
        let watch = try await client.watch(exchange.path)
        defer { watch.close() }
        #expect(watch.status == exchange.status)
        if exchange.name == "watch: from the list's resourceVersion" {
            for _ in 1...2 { try await quietly(.patch, endpoints + "/probe", object("probe", ["leader": "w1"])) }
            try await quietly(.post, endpoints, object("probe-2", ["leader": "n"]))
            try await quietly(.patch, endpoints + "/probe-2", ["metadata": ["labels": ["cluster-name": "else"]]])
            try await quietly(.delete, endpoints + "/probe")
        }
        await watch.waitForEvents(expected.count)
        // More than expected would come at once.
        try await Task.sleep(for: .milliseconds(50))
        let given = watch.events.map { Comparison.essence($0) }
        let wanted = expected.map { Comparison.essence($0) }
        #expect(given.count == wanted.count, "\(exchange.testDescription): \(given.map { $0.text() })")
        for (one, other) in zip(given, wanted) {
            #expect(one == other, "\(exchange.testDescription)\n  given \(one.text())\n  real  \(other.text())")
        }
        let isOver = exchange.json["end"]?.string == "ended by the server"
        #expect(
            await watch.waitForEnd(seconds: isOver ? 5 : 0) == (isOver ? .proper : .open), "\(exchange.testDescription)"
        )
    }
}
