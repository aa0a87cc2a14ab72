// etcd's JSON gateway: what requests look like and how answers are read (DCS-088 to DCS-094).

import PatroniCore
import PatroniHTTP

/// The bodies of requests. Keys and values are base64.
enum EtcdRequest {
    static func key(_ path: String) -> JSONObject { ["key": .string(Base64.encode(path))] }

    static func prefix(_ path: ClusterPath) -> JSONObject {
        ["key": .string(Base64.encode(path.prefix)), "range_end": .string(Base64.encode(path.end))]
    }

    /// A serializable answer comes from the asked node alone, and may be a little old.
    static func range(_ path: ClusterPath, isSerializable: Bool) -> JSONObject {
        var body = prefix(path)
        if isSerializable { body["serializable"] = true }
        return body
    }

    static func put(_ path: String, _ value: String, lease: String?) -> JSONObject {
        var body = key(path)
        body["value"] = .string(Base64.encode(value))
        body["lease"] = lease.map(JSON.string)
        return body
    }

    /// One condition on one key; what to do if it holds; when it does not, the key as it is comes back.
    static func transaction(
        if compare: JSONObject, then operations: [JSONObject], otherwise: JSONObject
    ) -> JSONObject {
        [
            "compare": [.object(compare)], "success": .array(operations.map(JSON.object)),
            "failure": [.object(otherwise)],
        ]
    }

    static func isAbsent(_ path: String) -> JSONObject {
        var compare = key(path)
        compare["target"] = "CREATE"
        compare["create_revision"] = "0"
        return compare
    }

    static func hasVersion(_ path: String, _ version: KeyVersion) -> JSONObject {
        var compare = key(path)
        compare["target"] = "MOD"
        compare["mod_revision"] = .string(version.text)
        return compare
    }

    static func hasValue(_ path: String, _ value: String) -> JSONObject {
        var compare = key(path)
        compare["target"] = "VALUE"
        compare["value"] = .string(Base64.encode(value))
        return compare
    }

    static func watch(_ path: ClusterPath, from revision: Int64) -> JSONObject {
        var create = prefix(path)
        create["start_revision"] = .string(String(revision))
        create["progress_notify"] = true
        return ["create_request": .object(create)]
    }
}

/// One key as etcd shows it.
struct EtcdKey: Sendable, Hashable {
    var path: String
    var value: String
    var created: Int64
    var modified: Int64
    var lease: String?

    /// Nil when it is no key; zeros and empty texts are left out by etcd (DCS-090).
    init?(_ json: JSON) {
        guard let path = json["key"]?.string.flatMap(Base64.decode) else { return nil }
        self.path = String(decoding: path, as: UTF8.self)
        value = String(decoding: json["value"]?.string.flatMap(Base64.decode) ?? [], as: UTF8.self)
        created = json["create_revision"]?.number64 ?? 0
        modified = json["mod_revision"]?.number64 ?? 0
        lease = json["lease"]?.number64.flatMap { $0 == 0 ? nil : String($0) }
    }

    var stored: StoredKey { StoredKey(value: value, version: KeyVersion(modified), session: lease) }
}

/// What every answer begins with.
struct EtcdHeader: Sendable, Hashable {
    var cluster: String
    var revision: Int64
    var term: Int64

    init?(_ json: JSON?) {
        guard let json, let cluster = json["cluster_id"]?.string else { return nil }
        self.cluster = cluster
        revision = json["revision"]?.number64 ?? 0
        term = json["raft_term"]?.number64 ?? 0
    }
}

/// What became of a transaction.
struct EtcdTransaction: Sendable {
    var succeeded: Bool
    var revision: Int64
    /// The key as it was found, when the condition did not hold.
    var found: EtcdKey?

    init(_ json: JSON) {
        revision = EtcdHeader(json["header"])?.revision ?? 0
        var part = json
        succeeded = part["succeeded"]?.bool ?? false
        // Our failure branch is one operation: a look at the key, or one more transaction (DCS-098).
        if !succeeded, let nested = part["responses"]?.array?.first?["response_txn"] {
            part = nested
            succeeded = nested["succeeded"]?.bool ?? false
        }
        guard !succeeded else { return }
        found = part["responses"]?.array?.first?["response_range"]?["kvs"]?.array?.first.flatMap(EtcdKey.init)
    }
}

/// An error as the gateway reports it, in all the forms it has had (DCS-107).
struct EtcdRefusal: Error, Sendable, Hashable {
    var code: Int
    var message: String

    init?(_ json: JSON) {
        guard json["error"] != nil || json["Error"] != nil || json["code"] != nil else { return nil }
        let inner = json["error"] ?? json["Error"]
        let source = inner?.object == nil ? json : inner ?? json
        code = Int(clamping: (source["grpc_code"] ?? source["code"] ?? source["Code"])?.number64 ?? 2)
        message = source["message"]?.string ?? inner?.string ?? "error \(code)"
    }

    var isLeaseLost: Bool { code == EtcdCode.notFound && message.contains("lease not found") }
    var isCompacted: Bool { code == EtcdCode.outOfRange || message.contains("compacted") }
    /// The token is missing, too old or not good for this: a new one may help (DCS-105).
    var asksForToken: Bool {
        code == EtcdCode.unauthenticated || code == EtcdCode.permissionDenied || message.contains("user name is empty")
            || message.contains("revision of auth store is old") || message.contains("auth revision")
    }
}

/// The codes of gRPC that matter here.
enum EtcdCode {
    static let unknown = 2
    static let invalidArgument = 3
    static let deadlineExceeded = 4
    static let notFound = 5
    static let permissionDenied = 7
    static let resourceExhausted = 8
    static let failedPrecondition = 9
    static let outOfRange = 11
    static let unavailable = 14
    static let unauthenticated = 16
}

extension JSON {
    /// A 64-bit number, which the gateway writes as text.
    var number64: Int64? { int ?? string.flatMap { Int64($0) } }
}
