// Requests about one object: read, replace, patch, delete.

import PatroniCore

extension ServerCore {
    func object(
        _ request: Incoming, _ key: ObjectKey, _ who: Identity, _ state: inout State
    ) throws(StatusError) -> Reply {
        switch request.method {
        case "GET": return .json(200, try state.store.object(key))
        case "PUT": return try replace(request, key, who, &state)
        case "PATCH": return try patch(request, key, &state)
        case "DELETE": return try delete(request, key, &state)
        default: throw .methodNotAllowed
        }
    }

    /// The body of a POST or PUT, of the right kind and with fields of the right types.
    func decoded(_ request: Incoming, _ resource: Resource) throws(StatusError) -> JSONObject {
        if let type = request.contentType, !type.hasPrefix("application/json") { throw Self.unsupported }
        guard let body = request.json?.object else {
            throw .badRequest(
                """
                the object provided is unrecognized (must be of type \(resource.kind)): couldn't get version/kind; json \
                parse error: \(String(decoding: request.body.prefix(60), as: UTF8.self))
                """)
        }
        if let kind = body["kind"]?.string, kind != resource.kind {
            throw .badRequest(
                """
                \(kind) in version "\(body["apiVersion"]?.string ?? "v1")" cannot be handled as a \(resource.kind): \
                unknown conversion
                """)
        }
        let start = "\(resource.kind) in version \"\(resource.version)\" cannot be handled as a \(resource.kind): "
        if let problem = Shaping.misfit(body) {
            throw .badRequest(
                "\(start)json: cannot unmarshal \(problem.kind) into Go struct field \(problem.field) of type string")
        }
        if resource == .leases, let time = badTime(body) {
            throw .badRequest(
                "\(start)parsing time \"\(time)\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse")
        }
        return body
    }

    private func badTime(_ lease: JSONObject) -> String? {
        for field in ["acquireTime", "renewTime"] {
            guard let value = lease["spec"]?[field], !value.isNull else { continue }
            if value.string.flatMap(MicroTime.normal) == nil { return value.string ?? value.text() }
        }
        return nil
    }

    static let unsupported = StatusError(
        code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type", details: [:])

    /// Name and namespace in the body must be those of the path, if they are there.
    func mustMatch(_ body: JSONObject, _ key: ObjectKey) throws(StatusError) {
        if let namespace = body["metadata"]?["namespace"]?.string, !namespace.isEmpty, namespace != key.namespace {
            throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
        }
        if !key.name.isEmpty, let name = body["metadata"]?["name"]?.string, !name.isEmpty, name != key.name {
            throw .badRequest("the name of the object (\(name)) does not match the name on the URL (\(key.name))")
        }
    }

    private func replace(
        _ request: Incoming, _ key: ObjectKey, _ who: Identity, _ state: inout State
    ) throws(StatusError) -> Reply {
        let body = try decoded(request, key.resource)
        try mustMatch(body, key)
        if body["metadata"]?["name"]?.string?.isEmpty ?? true {
            throw .badRequest(
                "the name of the object (\(key.name) based on URL) was undeterminable: name must be provided")
        }
        if state.store.objects[key] == nil, key.resource.isMadeByPut {
            let attempt = Attempt(verb: "create", resource: key.resource, namespace: key.namespace, name: key.name)
            guard state.rights.allows(attempt, by: who) else { throw .forbidden(attempt, user: who.user) }
            return .json(201, try state.store.create(body, key.resource, key.namespace))
        }
        let version = body["metadata"]?["resourceVersion"]?.string ?? ""
        if state.store.objects[key] != nil, version.isEmpty, !key.resource.isReplacedBlindly {
            let field = "metadata.resourceVersion"
            throw .invalid(key, [.invalid(field, "0x0", "must be specified for an update")])
        }
        return .json(200, try state.store.update(key) { _ in body })
    }

    private func patch(_ request: Incoming, _ key: ObjectKey, _ state: inout State) throws(StatusError) -> Reply {
        let type = (request.contentType ?? "").split(separator: ";").first.map(String.init) ?? ""
        guard let kind = PatchKind(rawValue: type.trimmed) else { throw Self.unsupported }
        guard let patch = request.json else { throw .badRequest("unexpected EOF") }
        let new = try state.store.update(key) { (old) throws(StatusError) in
            let new = try Patching.apply(patch, kind, to: old)
            if let problem = Shaping.misfit(new) {
                throw .misfit(patch, "cannot convert \(problem.kind) to string")
            }
            if key.resource == .leases, let time = self.badTime(new) {
                throw .misfit(patch, "parsing time \"\(time)\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse")
            }
            try self.mustMatch(new, key)
            return new
        }
        return .json(200, new)
    }

    private func delete(_ request: Incoming, _ key: ObjectKey, _ state: inout State) throws(StatusError) -> Reply {
        let gone = try state.store.delete(key, preconditions: request.json?["preconditions"])
        if key.resource == .pods { endTokens(of: gone, &state) }
        var details: JSONObject = ["name": .string(key.name)]
        if !key.resource.group.isEmpty { details["group"] = .string(key.resource.group) }
        details["kind"] = .string(key.resource.plural)
        details["uid"] = gone["metadata"]?["uid"]
        return .json(
            200,
            [
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": .object(details),
            ])
    }

    /// A token is bound to its pod: a new pod of the same name does not bring it back.
    func endTokens(of pod: JSONObject, _ state: inout State) {
        let uid = pod["metadata"]?["uid"]?.string
        state.tokens.revoke { identity, _ in identity.podUID == uid && uid != nil }
    }
}
