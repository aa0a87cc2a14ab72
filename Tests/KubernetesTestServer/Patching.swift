// The three kinds of patches: strategic merge, JSON merge, JSON patch.

import PatroniCore

enum PatchKind: String, Sendable {
    case strategic = "application/strategic-merge-patch+json"
    case merge = "application/merge-patch+json"
    case operations = "application/json-patch+json"
}

enum Patching {
    /// The object with the patch applied; what the kind's rules drop is still there.
    static func apply(_ patch: JSON, _ kind: PatchKind, to object: JSONObject) throws(StatusError) -> JSONObject {
        switch kind {
        case .operations:
            guard let operations = patch.array else { throw .badRequest("the body of a JSON patch is a list") }
            var result = JSON.object(object)
            for operation in operations { result = try carryOut(operation, on: result) }
            return result.object ?? [:]
        case .strategic, .merge:
            guard let patch = patch.object else { throw .badRequest("json: cannot unmarshal into Go value") }
            return merge(patch, into: object, isStrategic: kind == .strategic)
        }
    }

    /// Objects are merged key by key, null removes, all else replaces. Of the lists that a strategic merge patch merges
    /// the server knows those that Patroni could touch: owner references (by uid) and finalizers.
    private static func merge(
        _ patch: JSONObject, into old: JSONObject, isStrategic: Bool, path: String = ""
    ) -> JSONObject {
        if isStrategic, let directive = patch["$patch"]?.string {
            if directive == "delete" { return [:] }
            var new = patch
            new["$patch"] = nil
            return new
        }
        var result = old
        for (key, value) in patch.pairs {
            switch value {
            case .null: result[key] = nil
            case .object(let inner):
                result[key] = .object(
                    merge(
                        inner, into: old[key]?.object ?? [:], isStrategic: isStrategic,
                        path: path.isEmpty ? key : "\(path).\(key)"))
            case .array(let new) where isStrategic && path == "metadata" && key == "finalizers":
                let before = old[key]?.array ?? []
                result[key] = .array(before + new.filter { !before.contains($0) })
            case .array(let new) where isStrategic && path == "metadata" && key == "ownerReferences":
                let kept = (old[key]?.array ?? []).filter { one in !new.contains { $0["uid"] == one["uid"] } }
                result[key] = .array(kept + new)
            default: result[key] = value
            }
        }
        return result
    }

    private static let refused = StatusError(
        code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
        details: [:])

    private static func carryOut(_ operation: JSON, on document: JSON) throws(StatusError) -> JSON {
        guard let name = operation["op"]?.string, let path = operation["path"]?.string else { throw refused }
        let keys = path.split(separator: "/", omittingEmptySubsequences: true).map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
        return try change(document, keys[...]) { (old) throws(StatusError) -> JSON? in
            switch name {
            case "test":
                guard old == operation["value"] else { throw refused }
                return old
            case "replace":
                guard old != nil else { throw refused }
                return operation["value"]
            case "add": return operation["value"]
            case "remove":
                guard old != nil else { throw refused }
                return nil
            default: throw refused
            }
        }
    }

    private static func change(
        _ document: JSON, _ keys: ArraySlice<String>, _ to: (JSON?) throws(StatusError) -> JSON?
    ) throws(StatusError) -> JSON {
        guard let key = keys.first else { return try to(document) ?? .null }
        let rest = keys.dropFirst()
        if var object = document.object {
            if rest.isEmpty {
                object[key] = try to(object[key])
            } else {
                guard let inner = object[key] else { throw refused }
                object[key] = try change(inner, rest, to)
            }
            return .object(object)
        }
        guard var list = document.array, let index = key == "-" ? list.count : Int(key) else { throw refused }
        if rest.isEmpty, key == "-" || index == list.count {
            if let new = try to(nil) { list.append(new) }
        } else {
            guard list.indices.contains(index) else { throw refused }
            if let new = try rest.isEmpty ? to(list[index]) : change(list[index], rest, to) {
                list[index] = new
            } else {
                list.remove(at: index)
            }
        }
        return .array(list)
    }
}
