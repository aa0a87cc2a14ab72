// The objects and their history: one counter of versions for all, compare-and-swap, nothing written when nothing changes.

import PatroniCore
import PatroniPlatform

/// One write, as watches and reads of the past see it.
struct Change: Sendable {
    var version: Int
    var key: ObjectKey
    /// Nil: it was made.
    var before: JSONObject?
    /// Nil: it was deleted.
    var after: JSONObject?
}

/// A value; whoever holds it makes sure that only one writes.
struct ObjectStore: Sendable {
    private(set) var version = 200
    private(set) var objects: [ObjectKey: JSONObject] = [:]
    private(set) var history: [Change] = []
    /// What was before this version is forgotten: watches from there end with 410, reads of it are refused.
    private(set) var floor = 0
    private let time: any TimeSource
    private var uidCount = 0

    init(time: any TimeSource = SystemTime()) { self.time = time }

    // MARK: reading

    func object(_ key: ObjectKey) throws(StatusError) -> JSONObject {
        guard let object = objects[key] else { throw .notFound(key) }
        return object
    }

    /// In the order in which the real server lists them. Nil for `namespace`: of all namespaces.
    func list(_ resource: Resource, _ namespace: String?, _ selector: Selector) -> [JSONObject] {
        Self.list(objects, resource, namespace, selector)
    }

    private static func list(
        _ objects: [ObjectKey: JSONObject], _ resource: Resource, _ namespace: String?, _ selector: Selector
    ) -> [JSONObject] {
        objects.filter { key, object in
            key.resource == resource && (namespace == nil || key.namespace == namespace) && selector.matches(object)
        }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What there was at `version`.
    func list(
        _ resource: Resource, _ namespace: String?, _ selector: Selector, at version: Int
    ) throws(StatusError) -> [JSONObject] {
        if version < floor { throw .expired("The provided resource version is too old: \(version) (\(floor))") }
        var objects = objects
        for change in history.reversed() where change.version > version { objects[change.key] = change.before }
        return Self.list(objects, resource, namespace, selector)
    }

    /// What a watch from `version` has missed; it ends with 410 when that is too long ago.
    func changes(
        of resource: Resource, _ namespace: String?, since version: Int
    ) throws(StatusError) -> [Change] {
        if version < floor { throw .expired("too old resource version: \(version) (\(floor))") }
        return history.filter {
            $0.version > version && $0.key.resource == resource && (namespace == nil || $0.key.namespace == namespace)
        }
    }

    /// Forgets what is past, as an API server that starts anew.
    mutating func compact() { floor = version }

    // MARK: writing

    mutating func create(_ object: JSONObject, _ resource: Resource, _ namespace: String) throws(StatusError)
        -> JSONObject
    {
        var metadata = object["metadata"]?.object ?? [:]
        if let version = metadata["resourceVersion"]?.string, !version.isEmpty {
            throw StatusError(code: 500, message: "resourceVersion should not be set on objects to be created")
        }
        if (metadata["name"]?.string ?? "").isEmpty, let prefix = metadata["generateName"]?.string {
            metadata["name"] = .string(prefix + String(1_000_000 + version, radix: 36))
        }
        if resource != .namespaces { metadata["namespace"] = .string(namespace) }
        metadata["uid"] = .string(newUID())
        metadata["creationTimestamp"] = .string("\(time.wallTime.iso8601().prefix(19))Z")
        if resource == .pods || resource == .endpointSlices { metadata["generation"] = 1 }
        let key = ObjectKey(resource: resource, namespace: namespace, name: metadata["name"]?.string ?? "")
        var new = object
        new["metadata"] = .object(metadata)
        new = Shaping.shaped(new, resource)
        let problems = Validation.problems(of: new, resource)
        if !problems.isEmpty { throw .invalid(key, problems) }
        if objects[key] != nil { throw .alreadyExists(key) }
        return commit(key, new)
    }

    /// `change` gets the object and returns the new one; a resourceVersion in that must be the present one.
    mutating func update(
        _ key: ObjectKey, _ change: (JSONObject) throws(StatusError) -> JSONObject
    ) throws(StatusError) -> JSONObject {
        let old = try object(key)
        var new = try change(old)
        let metadata = new["metadata"]?.object ?? [:]
        let oldMetadata = old["metadata"]?.object ?? [:]
        if let wanted = metadata["resourceVersion"]?.string, !wanted.isEmpty {
            guard UInt64(wanted) != nil else { throw .notANumber(wanted) }
            if wanted != oldMetadata["resourceVersion"]?.string { throw .conflict(key) }
        }
        var kept = metadata
        for field in ["resourceVersion", "creationTimestamp", "generation", "namespace", "name"] {
            kept[field] = oldMetadata[field]
        }
        if kept["uid"]?.string?.isEmpty ?? true { kept["uid"] = oldMetadata["uid"] }
        new["metadata"] = .object(kept)
        new = Shaping.shaped(new, key.resource)
        let problems = Validation.problems(of: new, key.resource, before: old)
        if !problems.isEmpty { throw .invalid(key, problems) }
        if new == old { return old }
        if key.resource == .endpointSlices, let generation = kept["generation"]?.int {
            kept["generation"] = .int(generation + 1)
            new["metadata"] = .object(kept)
            new = Shaping.shaped(new, key.resource)
        }
        return commit(key, new)
    }

    @discardableResult
    mutating func delete(_ key: ObjectKey, preconditions: JSON? = nil) throws(StatusError) -> JSONObject {
        let old = try object(key)
        for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
            guard let wanted = preconditions?[field]?.string else { continue }
            let found = old["metadata"]?[field]?.string ?? ""
            if wanted != found { throw .precondition(key, what, wanted: wanted, found: found) }
        }
        version += 1
        objects[key] = nil
        history.append(Change(version: version, key: key, before: old, after: nil))
        return old
    }

    /// Takes over an object as it is, but for the version.
    mutating func load(_ object: JSONObject, _ resource: Resource, _ namespace: String) -> JSONObject {
        let name = object["metadata"]?["name"]?.string ?? ""
        return commit(
            ObjectKey(resource: resource, namespace: namespace, name: name), Shaping.shaped(object, resource))
    }

    /// A new version of an object that says the same, as when a field nobody looks at was changed.
    mutating func touch(_ key: ObjectKey) throws(StatusError) -> JSONObject { commit(key, try object(key)) }

    mutating func skipVersions(to next: Int) { version = max(version, next) }

    private mutating func commit(_ key: ObjectKey, _ object: JSONObject) -> JSONObject {
        version += 1
        var new = object
        var metadata = object["metadata"]?.object ?? [:]
        metadata["resourceVersion"] = .string(String(version))
        new["metadata"] = .object(metadata)
        new = Shaping.shaped(new, key.resource)
        history.append(Change(version: version, key: key, before: objects[key], after: new))
        objects[key] = new
        return new
    }

    private mutating func newUID() -> String {
        uidCount += 1
        let digits = String(uidCount, radix: 16)
        let now = String(UInt64(bitPattern: time.wallTime.microseconds), radix: 16)
        let stamp = String(String(repeating: "0", count: 16) + now).suffix(12)
        return "\(stamp.prefix(8))-\(stamp.suffix(4))-4000-8000-" + String(repeating: "0", count: 12 - digits.count)
            + digits
    }
}
