// Who asks: bearer tokens of pods, their end, and what each may do.

import PatroniCore
import PatroniHTTP

/// A pod's name for itself, or nobody.
struct Identity: Sendable, Hashable {
    /// As messages say it.
    var user: String
    /// Nil for the anonymous and for the administrator.
    var pod: String?
    var podUID: String?

    static let anonymous = Identity(user: "system:anonymous")
    static let administrator = Identity(user: "kubernetes-admin")
}

/// The tokens that count.
struct Tokens: Sendable {
    private struct Entry: Sendable {
        var identity: Identity
        var expires: Moment?
    }

    private var entries: [String: Entry] = [:]
    private var count = 0

    /// A new token; the pod's older ones count on until they are revoked.
    mutating func issue(_ identity: Identity, namespace: String, expires: Moment?, claimedEnd: Int64) -> String {
        count += 1
        let claims: JSONObject = [
            "aud": ["https://kubernetes.default.svc"], "exp": .int(claimedEnd), "jti": .int(Int64(count)),
            "kubernetes.io": [
                "namespace": .string(namespace),
                "pod": ["name": .string(identity.pod ?? ""), "uid": .string(identity.podUID ?? "")],
            ], "sub": .string(identity.user),
        ]
        let parts = [
            "{\"alg\":\"RS256\",\"kid\":\"test\"}", claims.text(), "signature number \(count) of the test server",
        ]
        let token = parts.map { text in
            Base64.encode(text).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }.joined(separator: ".")
        entries[token] = Entry(identity: identity, expires: expires)
        return token
    }

    mutating func revoke(where isMeant: (Identity, String) -> Bool) {
        entries = entries.filter { !isMeant($0.value.identity, $0.key) }
    }

    /// No header at all is the anonymous; a token that does not count is nobody.
    func identity(of authorization: String?, at now: Moment) throws(StatusError) -> Identity {
        guard let authorization else { return .anonymous }
        guard authorization.hasPrefix("Bearer "), let entry = entries[String(authorization.dropFirst(7))],
            entry.expires.map({ $0 > now }) ?? true
        else { throw .unauthorized }
        return entry.identity
    }
}

/// What somebody tries to do, as RBAC sees it.
struct Attempt: Sendable, Hashable {
    var verb: String
    /// Nil for paths that are no resources.
    var resource: Resource?
    var subresource: String?
    var namespace: String?
    var name: String?
    var path = ""
}

/// One rule of a role. Nil means any.
public struct Grant: Sendable, Hashable {
    public var namespace: String?
    public var resource: String
    public var name: String?
    public var verbs: Set<String>

    public init(_ verbs: Set<String>, _ resource: String, name: String? = nil, in namespace: String? = nil) {
        self.namespace = namespace
        self.resource = resource
        self.name = name
        self.verbs = verbs
    }
}

/// The role of all pods, and what was taken away again.
struct Rights: Sendable {
    static let every: Set = ["create", "get", "list", "patch", "update", "watch", "delete", "deletecollection"]

    var grants: [Grant]
    /// (verb, resource, pod); nil means any.
    var taken: [Refusal] = []

    struct Refusal: Sendable, Hashable {
        var verb: String?
        var resource: String?
        var pod: String?
        /// Only this name; `kubernetes` takes away the reading of the API servers' addresses.
        var name: String?
    }

    /// What the usual manifests grant, beside the newer kinds.
    init(namespace: String) {
        let own = ["configmaps", "endpoints", "endpointslices", "leases"].map { Grant(Self.every, $0, in: namespace) }
        grants =
            own + [
                Grant(["get", "list", "patch", "update", "watch"], "pods", in: namespace),
                Grant(["create"], "services", in: namespace),
                Grant(["get"], "endpoints", name: "kubernetes", in: "default"),
                Grant(["get"], "endpointslices", name: "kubernetes", in: "default"),
            ]
    }

    func allows(_ attempt: Attempt, by who: Identity) -> Bool {
        if who == .administrator { return true }
        if who == .anonymous { return attempt.resource == nil && Self.publicPaths.contains(attempt.path) }
        guard let resource = attempt.resource else { return attempt.verb == "get" && Self.isReadable(attempt.path) }
        if attempt.subresource != nil { return false }
        let isTaken = taken.contains { refusal in
            refusal.verb.map { $0 == attempt.verb } ?? true && refusal.resource.map { $0 == resource.plural } ?? true
                && refusal.pod.map { $0 == who.pod } ?? true && refusal.name.map { $0 == attempt.name } ?? true
        }
        if isTaken { return false }
        return grants.contains { grant in
            grant.resource == resource.plural && grant.verbs.contains(attempt.verb)
                && grant.namespace.map { $0 == attempt.namespace } ?? true
                && grant.name.map { $0 == attempt.name } ?? true
        }
    }

    private static let publicPaths: Set = ["/version", "/healthz", "/livez", "/readyz"]

    private static func isReadable(_ path: String) -> Bool {
        publicPaths.contains(path) || path == "/api" || path == "/apis" || path == "/api/v1"
            || path.wholeMatch(of: #/\/apis\/[^\/]+(\/[^\/]+)?/#) != nil
    }
}
