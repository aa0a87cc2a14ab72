// How the server carries out what it is asked: who, may he, is the store there, then the object or the list.

import PatroniCore

extension ServerCore {
    func carryOut(
        _ request: Incoming, _ route: Route, _ who: Identity, _ state: inout State,
        _ deliver: @escaping @Sendable (WatchNews) -> Void
    ) -> Handling {
        do throws(StatusError) {
            var reply: Reply
            switch route {
            case .page(let attempt): reply = try page(attempt, who, state)
            case .review(let attempt): reply = try review(request, attempt, who, state)
            case .watch(let attempt, let resource, let namespace):
                try check(attempt, who, request, state)
                try mustExist(resource, state)
                return .watch(try watch(request, resource, namespace, &state, deliver))
            case .unknown(let attempt):
                try check(attempt, who, request, state)
                throw .noSuchResource
            case .object(let attempt, let key):
                try check(attempt, who, request, state)
                try mustExist(key.resource, state)
                if let away = outage(state, isWrite: request.method != "GET") { return away }
                reply = try object(request, key, who, &state)
            case .collection(let attempt, let resource, let namespace):
                try check(attempt, who, request, state)
                try mustExist(resource, state)
                let isCached = request.method == "GET" && request.query["resourceVersion"] == "0"
                if !isCached, let away = outage(state, isWrite: request.method != "GET") { return away }
                if let tooNew = try future(request, state) { return tooNew }
                reply = try collection(request, resource, namespace, &state)
            }
            if route.attempt.resource == .endpoints {
                reply.headers.append(
                    ("warning", "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"")
                )
            }
            return .reply(reply)
        } catch {
            return .reply(Reply(error))
        }
    }

    private func check(
        _ attempt: Attempt, _ who: Identity, _ request: Incoming, _ state: State
    ) throws(StatusError) {
        // An API server that has just started does not know the roles yet.
        if state.startingNodes.contains(request.node) || !state.rights.allows(attempt, by: who) {
            throw .forbidden(attempt, user: who.user)
        }
    }

    private func mustExist(_ resource: Resource, _ state: State) throws(StatusError) {
        if resource == .endpointSlices, !state.hasEndpointSlices { throw .noSuchResource }
    }

    private func outage(_ state: State, isWrite: Bool) -> Handling? {
        switch state.outage {
        case .none: return nil
        case .answers(let status):
            let reasons = [500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"]
            let message = status == 500 ? "etcdserver: request timed out" : "the store is away"
            return .reply(Reply(StatusError(code: status, reason: reasons[status], message: message, details: [:])))
        case .timeouts(let read, let write):
            var error = StatusError(
                code: 504, reason: "Timeout",
                message: "Timeout: request did not complete within requested timeout - context deadline exceeded",
                details: [:])
            if !isWrite {
                error.message = "Timeout: request did not complete within the allotted timeout"
                error.isTyped = false
            }
            return .reply(Reply(error), after: isWrite ? write : read)
        }
    }

    // MARK: pages

    private func page(_ attempt: Attempt, _ who: Identity, _ state: State) throws(StatusError) -> Reply {
        guard state.rights.allows(attempt, by: who) else { throw .forbidden(attempt, user: who.user) }
        switch attempt.path {
        case "/version":
            return .json(
                200,
                [
                    "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "gitTreeState": "",
                    "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
                ])
        case "/healthz", "/livez", "/readyz": return .text(200, "ok")
        default: break
        }
        let words = attempt.path.split(separator: "/")
        let group = words.first == "apis" && words.count > 1 ? String(words[1]) : ""
        let resources = Resource.all.filter { $0.group == group && ($0 != .endpointSlices || state.hasEndpointSlices) }
        guard words.count == (group.isEmpty ? 2 : 3), !resources.isEmpty else {
            return .text(404, "404 page not found\n")
        }
        let list = resources.map { resource -> JSON in
            [
                "name": .string(resource.plural), "singularName": "", "namespaced": .bool(resource != .namespaces),
                "kind": .string(resource.kind), "verbs": .array(Rights.every.sorted().map(JSON.string)),
            ]
        }
        return .json(
            200,
            [
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(resources[0].apiVersion),
                "resources": .array(list),
            ])
    }

    private func review(
        _ request: Incoming, _ attempt: Attempt, _ who: Identity, _ state: State
    ) throws(StatusError) -> Reply {
        if who == .anonymous { throw .forbidden(attempt, user: who.user) }
        guard request.method == "POST" else { throw .methodNotAllowed }
        guard let spec = request.json?["spec"]?.object else { throw .badRequest("no SelfSubjectAccessReview") }
        var asked = Attempt(verb: "")
        if let wanted = spec["resourceAttributes"] {
            let group = wanted["group"]?.string ?? ""
            let plural = wanted["resource"]?.string ?? ""
            asked.verb = wanted["verb"]?.string ?? ""
            asked.resource = Resource(group: group, plural: plural, kind: plural)
            if let known = Resource.named(plural), known.group == group { asked.resource = known }
            asked.namespace = wanted["namespace"]?.string
            asked.name = wanted["name"]?.string
            asked.subresource = wanted["subresource"]?.string
        } else if let wanted = spec["nonResourceAttributes"] {
            asked.verb = wanted["verb"]?.string ?? ""
            asked.path = wanted["path"]?.string ?? ""
        } else {
            throw StatusError(
                code: 422, reason: "Invalid",
                message: """
                    .authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: "null": exactly one of \
                    nonResourceAttributes or resourceAttributes must be specified
                    """, details: ["group": "authorization.k8s.io"])
        }
        // The group counts: `leases` of no group is not the one we know.
        let isKnown = asked.resource.map { resource in Resource.all.contains(resource) } ?? true
        let isAllowed = isKnown && state.rights.allows(asked, by: who)
        var status: JSONObject = ["allowed": .bool(isAllowed)]
        if isAllowed { status["reason"] = "RBAC: allowed by RoleBinding \"test\" of Role \"test\"" }
        return .json(
            201,
            [
                "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                "metadata": ["creationTimestamp": .null], "spec": .object(spec), "status": .object(status),
            ])
    }

    // MARK: collections

    private func selector(_ request: Incoming) throws(StatusError) -> Selector {
        try Selector(labels: request.query["labelSelector"], fields: request.query["fieldSelector"])
    }

    private func version(_ request: Incoming) throws(StatusError) -> Int? {
        guard let text = request.query["resourceVersion"], !text.isEmpty else { return nil }
        guard let version = Int(text), version >= 0 else {
            throw StatusError(
                code: 500,
                message: """
                    resourceVersion: Invalid value: "\(text)": strconv.ParseUint: parsing "\(text)": invalid syntax
                    """)
        }
        return version
    }

    /// The real server waits three seconds for a version it has not heard of.
    private func future(_ request: Incoming, _ state: State) throws(StatusError) -> Handling? {
        guard request.method == "GET", let wanted = try version(request), wanted > state.store.version else {
            return nil
        }
        let cause: JSON = ["reason": "ResourceVersionTooLarge", "message": "Too large resource version"]
        var error = StatusError(
            code: 504, reason: "Timeout",
            message: "Timeout: Too large resource version: \(wanted), current: \(state.store.version)",
            details: ["causes": [cause], "retryAfterSeconds": 1])
        error.headers = [("retry-after", "1")]
        return .reply(Reply(error), after: .seconds(3))
    }

    private func collection(
        _ request: Incoming, _ resource: Resource, _ namespace: String?, _ state: inout State
    ) throws(StatusError) -> Reply {
        let selector = try selector(request)
        switch request.method {
        case "GET":
            let version = try version(request)
            if let version, request.query["resourceVersionMatch"] == "Exact" {
                let items = try state.store.list(resource, namespace, selector, at: version)
                return .json(200, list(resource, version, items))
            }
            return .json(200, list(resource, state.store.version, state.store.list(resource, namespace, selector)))
        case "POST":
            let body = try decoded(request, resource)
            guard let namespace = namespace ?? (resource == .namespaces ? "" : nil) else { throw .methodNotAllowed }
            try mustMatch(body, ObjectKey(resource: resource, namespace: namespace, name: ""))
            return .json(201, try state.store.create(body, resource, namespace))
        case "DELETE":
            let version = state.store.version
            let items = state.store.list(resource, namespace, selector)
            for item in items { try state.store.delete(key(of: item, resource)) }
            return .json(200, list(resource, version, items))
        default: throw .methodNotAllowed
        }
    }

    func key(of object: JSONObject, _ resource: Resource) -> ObjectKey {
        ObjectKey(
            resource: resource, namespace: object["metadata"]?["namespace"]?.string ?? "",
            name: object["metadata"]?["name"]?.string ?? "")
    }

    private func list(_ resource: Resource, _ version: Int, _ items: [JSONObject]) -> JSONObject {
        let bare = items.map { item in
            var item = item
            item["kind"] = nil
            item["apiVersion"] = nil
            return JSON.object(item)
        }
        return [
            "kind": .string(resource.kind + "List"), "apiVersion": .string(resource.apiVersion),
            "metadata": ["resourceVersion": .string(String(version))], "items": .array(bare),
        ]
    }

    private func watch(
        _ request: Incoming, _ resource: Resource, _ namespace: String?, _ state: inout State,
        _ deliver: @escaping @Sendable (WatchNews) -> Void
    ) throws(StatusError) -> WatchStart {
        let selector = try selector(request)
        let version = try version(request)
        let lasts = request.query["timeoutSeconds"].flatMap { Int($0) }.map { Duration.seconds($0) } ?? state.watchTime
        state.watchCount += 1
        var start = WatchStart(id: state.watchCount, lines: [], lasts: lasts)
        var watcher = Watcher(
            resource: resource, namespace: namespace, selector: selector, node: request.node,
            wantsBookmarks: request.isTrue("allowWatchBookmarks"), from: version ?? 0, deliver: deliver)
        if let version, version > 0 {
            do throws(StatusError) {
                start.lines = try state.store.changes(of: resource, namespace, since: version).compactMap {
                    watcher.line(for: $0)
                }
            } catch {
                start.lines = [WatchLine.event("ERROR", error.json)]
                start.isOver = true
                return start
            }
        } else {
            start.lines = state.store.list(resource, namespace, selector).map { WatchLine.event("ADDED", $0) }
            watcher.from = state.store.version
        }
        state.watchers[start.id] = watcher
        return start
    }
}
