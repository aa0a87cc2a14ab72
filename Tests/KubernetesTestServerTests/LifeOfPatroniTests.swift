// What three real Patroni members and a real API server said to each other, said to the test server again.

import KubernetesTestServer
import PatroniCore
import PatroniHTTP
import Testing

@Suite("As the real API server in a cluster's life") struct LifeOfPatroniTests {
    @Test(arguments: ["http-endpoints-bypass", "http-configmaps", "http-endpoints-conflict"])
    func `each exchange of real Patroni is answered as recorded`(_ file: String) async throws {
        var retold = try await Retelling()
        let exchanges = try Exchange.all(in: file)
        #expect(exchanges.count >= 30)
        for exchange in exchanges { try await retold.tell(exchange) }
    }
}

/// Goes through a recording. What it left out (repetitions, writes by the recorder itself) shows in what comes after,
/// and is written before that by an administrator. Versions need not be the same numbers, but must relate alike.
private struct Retelling {
    let server: KubernetesTestServer
    let clients: [String: TestClient]
    /// Which of our versions stands for a recorded one.
    private var versions: [Int: Int] = [:]

    init() async throws {
        server = try await KubernetesTestServer.start()
        var clients: [String: TestClient] = [:]
        for member in ["patronidemo-0", "patronidemo-1", "patronidemo-2"] {
            clients[member] = try TestClient(
                server.service, authority: server.authorityFile, token: try server.token(for: member))
        }
        self.clients = clients
    }

    mutating func tell(_ exchange: Exchange) async throws {
        let words = (exchange.json["path"]?.string ?? "").split(separator: "/").map(String.init)
        try #require(words.count > 4)
        let resource = words[4]
        let name = words.count > 5 ? words[5] : exchange.request?["metadata"]?["name"]?.string
        try catchUp(exchange, resource, name)
        let client = try #require(clients[exchange.json["who"]?.string ?? ""])
        let last = server.version
        let answer = try await client.ask(
            exchange.method, exchange.path, ours(exchange.request), type: exchange.contentType)
        #expect(answer.status == exchange.status, "\(exchange.testDescription): \(answer.text)")
        var ignored: Set = ["resourceVersion"]
        // Of pods the recording keeps little more than the annotation, of services little more than the name.
        if resource == "pods" || resource == "services" { ignored.formUnion(["spec", "status"]) }
        let body = try JSON.parse(answer.body)
        let given = Comparison.essence(body, ignoring: ignored)
        let real = Comparison.essence(exchange.response ?? .null, ignoring: ignored)
        #expect(given == real, "\(exchange.testDescription)\n  given \(given.text())\n  real  \(real.text())")
        if exchange.status < 300, body["items"] == nil, let theirs = exchange.version {
            let mine = version(body.object)
            if let known = versions[theirs] {
                #expect(mine == known, "\(exchange.testDescription): the version stays")
            } else {
                versions[theirs] = mine
                #expect(!exchange.isWrite || mine > last || mine == version(before), "\(exchange.testDescription)")
            }
        }
    }

    /// The object of the last exchange before it, to tell a patch that changed nothing.
    private var before: JSONObject?

    private func ours(_ request: JSON?) -> JSON? {
        guard var object = request?.object, var metadata = object["metadata"]?.object,
            let version = metadata["resourceVersion"]?.string.flatMap({ Int($0) })
        else { return request }
        metadata["resourceVersion"] = .string(String(versions[version] ?? version))
        object["metadata"] = .object(metadata)
        return .object(object)
    }

    /// Brings the objects to where the recorded server had them.
    private mutating func catchUp(_ exchange: Exchange, _ resource: String, _ name: String?) throws {
        if let items = exchange.response?["items"]?.array {
            let new = items.compactMap(\.object).filter { versions[version($0)] == nil }
            for item in new.sorted(by: { version($0) < version($1) }) { try take(item, resource) }
            return
        }
        guard let name else { return }
        before = try server.get(resource, name)
        let wanted = exchange.request?["metadata"]?["resourceVersion"]?.string.flatMap { Int($0) }
        switch (exchange.status, exchange.response?["reason"]?.string) {
        case (409, "AlreadyExists"):
            if before == nil {
                try server.load(resource, ["metadata": ["name": .string(name), "namespace": "patroni-lab"]])
            }
        case (409, _):
            if before == nil || wanted.flatMap({ versions[$0] }) == version(before) { try server.touch(resource, name) }
        case (200, _) where exchange.method == .get:
            if let seen = exchange.response?.object, versions[version(seen)] == nil { try take(seen, resource) }
        case (200, _) where exchange.method == .patch:
            var base = base(of: exchange, before)
            let isNew = base["metadata"]?["annotations"] != before?["metadata"]?["annotations"]
            if isNew || wanted.map({ versions[$0] == nil }) ?? false {
                var metadata = base["metadata"]?.object ?? [:]
                metadata["resourceVersion"] = wanted.map { .string(String($0)) }
                base["metadata"] = .object(metadata)
                try take(base, resource)
                before = try server.get(resource, name)
            }
        default: break
        }
    }

    private func version(_ object: JSONObject?) -> Int {
        (object?["metadata"]?["resourceVersion"]?.string).flatMap { Int($0) } ?? 0
    }

    private mutating func take(_ object: JSONObject, _ resource: String) throws {
        versions[version(object)] = try server.load(resource, object)
    }

    /// What the object must have been before a patch: its result without what the patch says.
    private func base(of exchange: Exchange, _ mine: JSONObject?) -> JSONObject {
        var before = exchange.response?.object ?? [:]
        let patch = exchange.request ?? .null
        var metadata = before["metadata"]?.object ?? [:]
        var annotations = metadata["annotations"]?.object ?? [:]
        let old = mine?["metadata"]?["annotations"]?.object ?? [:]
        for key in (patch["metadata"]?["annotations"]?.object ?? [:]).keys { annotations[key] = old[key] }
        metadata["annotations"] = annotations.isEmpty ? nil : .object(annotations)
        metadata["labels"] = mine?["metadata"]?["labels"] ?? metadata["labels"]
        before["metadata"] = .object(metadata)
        if patch["subsets"] != nil { before["subsets"] = mine?["subsets"] }
        return before
    }
}
