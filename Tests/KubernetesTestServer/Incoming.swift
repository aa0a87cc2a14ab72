// One request as it arrived, and what it asks for in the API's words.

import PatroniCore

/// A complete request.
struct Incoming: Sendable {
    var method: String
    /// Without the query.
    var path: String
    var query: [String: String]
    var authorization: String?
    var contentType: String?
    var body: [UInt8]
    var node: Int

    init(
        method: String, target: String, authorization: String? = nil, contentType: String? = nil, body: [UInt8] = [],
        node: Int = 0
    ) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        path = Self.decoded(parts[0])
        query = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[Self.decoded(sides[0])] = sides.count > 1 ? Self.decoded(sides[1]) : ""
        }
        self.authorization = authorization
        self.contentType = contentType
        self.body = body
        self.node = node
    }

    private static func decoded(_ text: Substring) -> String {
        var out: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    func isTrue(_ name: String) -> Bool { ["true", "1", "t"].contains((query[name] ?? "").lowercased()) }

    var json: JSON? { try? JSON.parse(body) }
}

/// What a path and a method mean.
enum Route: Sendable {
    case object(Attempt, ObjectKey)
    case collection(Attempt, Resource, namespace: String?)
    case watch(Attempt, Resource, namespace: String?)
    case review(Attempt)
    case page(Attempt)
    /// Something the server has no resource for; who may not ask is told that first.
    case unknown(Attempt)

    var attempt: Attempt {
        switch self {
        case .object(let attempt, _), .collection(let attempt, _, _), .watch(let attempt, _, _), .review(let attempt),
            .page(let attempt), .unknown(let attempt):
            attempt
        }
    }

    var isWatch: Bool { if case .watch = self { true } else { false } }

    init(_ request: Incoming) {
        var words = request.path.split(separator: "/").map(String.init)
        let page = Attempt(verb: request.method.lowercased(), path: request.path)
        var group = ""
        if words.first == "api" {
            words.removeFirst()
        } else if words.first == "apis", words.count > 1 {
            group = words[1]
            words.removeFirst(2)
        } else {
            self = .page(page)
            return
        }
        guard let version = words.first, words.count > 1 else {
            self = .page(page)
            return
        }
        words.removeFirst()
        var attempt = Attempt(verb: "", path: request.path)
        if words[0] == "namespaces", words.count > 2 {
            attempt.namespace = words[1]
            words.removeFirst(2)
        } else if words[0] == "namespaces", words.count == 2 {
            attempt.namespace = words[1]
        }
        attempt.name = words.count > 1 ? words[1] : nil
        attempt.subresource = words.count > 2 ? words[2] : nil
        let known = Resource.named(words[0]).flatMap { $0.group == group && $0.version == version ? $0 : nil }
        attempt.resource = known ?? Resource(group: group, version: version, plural: words[0], kind: words[0])
        let isWatch = request.method == "GET" && attempt.name == nil && request.isTrue("watch")
        attempt.verb = Self.verb(request.method, isNamed: attempt.name != nil, isWatch: isWatch)
        if group == "authorization.k8s.io", words[0] == "selfsubjectaccessreviews" {
            self = .review(attempt)
        } else if let known, attempt.subresource == nil {
            if let name = attempt.name {
                let place = known == .namespaces ? "" : attempt.namespace ?? ""
                self = .object(attempt, ObjectKey(resource: known, namespace: place, name: name))
            } else if isWatch {
                self = .watch(attempt, known, namespace: attempt.namespace)
            } else {
                self = .collection(attempt, known, namespace: attempt.namespace)
            }
        } else {
            self = .unknown(attempt)
        }
    }

    private static func verb(_ method: String, isNamed: Bool, isWatch: Bool) -> String {
        switch method {
        case "GET", "HEAD": isWatch ? "watch" : isNamed ? "get" : "list"
        case "POST": "create"
        case "PUT": "update"
        case "PATCH": "patch"
        case "DELETE": isNamed ? "delete" : "deletecollection"
        default: method.lowercased()
        }
    }
}

/// One whole answer.
struct Reply: Sendable {
    var status: Int
    var contentType = "application/json"
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]

    static func json(_ status: Int, _ object: JSONObject) -> Reply {
        Reply(status: status, body: Array((object.text() + "\n").utf8))
    }

    static func text(_ status: Int, _ text: String) -> Reply {
        Reply(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    init(
        status: Int, contentType: String = "application/json", headers: [(name: String, value: String)] = [],
        body: [UInt8]
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    init(_ error: StatusError) {
        self = .json(error.code, error.json)
        if !error.isTyped { contentType = "text/plain; charset=utf-8" }
        headers = error.headers
    }
}
