// What the server makes of an object before it keeps it: types checked, empty fields dropped, defaults filled in.

import PatroniCore

enum Shaping {
    /// The fields each kind has beside `metadata`; others are dropped, as a typed server does.
    private static let fields: [String: [String]] = [
        "ConfigMap": ["data", "binaryData", "immutable"], "Endpoints": ["subsets"], "Pod": ["spec", "status"],
        "Service": ["spec", "status"], "Namespace": ["spec", "status"],
        "EndpointSlice": ["addressType", "endpoints", "ports"], "Lease": ["spec"],
    ]

    private static let metadataFields = [
        "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
        "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    ]

    /// In the order and with the fields the real server answers with.
    static func shaped(_ object: JSONObject, _ resource: Resource) -> JSONObject {
        var result: JSONObject = [
            "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion),
            "metadata": .object(metadata(object["metadata"]?.object ?? [:])),
        ]
        for field in fields[resource.kind] ?? [] { result[field] = object[field] }
        switch resource.kind {
        case "Endpoints": result["subsets"] = result["subsets"].flatMap { pruned(withProtocols($0)) }
        case "EndpointSlice": shapeSlice(&result)
        case "Lease": shapeLease(&result)
        case "Service": shapeService(&result)
        case "ConfigMap":
            for field in fields["ConfigMap"] ?? [] { result[field] = result[field].flatMap(pruned) }
        default: break
        }
        return result
    }

    private static func metadata(_ old: JSONObject) -> JSONObject {
        var result = JSONObject()
        for field in metadataFields {
            guard let value = old[field], !value.isNull else { continue }
            if field == "labels" || field == "annotations" {
                let texts = (value.object ?? [:]).pairs.map { ($0.key, $0.value.isNull ? JSON.string("") : $0.value) }
                if !texts.isEmpty { result[field] = .object(JSONObject(texts)) }
            } else if let kept = pruned(value) {
                result[field] = kept
            }
        }
        return result
    }

    /// Without what Go's `omitempty` leaves out.
    private static func pruned(_ value: JSON) -> JSON? {
        switch value {
        case .null: return nil
        case .string(let text): return text.isEmpty ? nil : value
        case .array(let items):
            return items.isEmpty ? nil : .array(items.map { pruned($0) ?? ($0.object == nil ? $0 : [:]) })
        case .object(let object):
            let kept = object.pairs.compactMap { pair in pruned(pair.value).map { (pair.key, $0) } }
            return kept.isEmpty ? nil : .object(JSONObject(kept))
        case .bool, .int, .double: return value
        }
    }

    private static func withProtocols(_ subsets: JSON) -> JSON {
        guard let list = subsets.array else { return subsets }
        return .array(
            list.map { subset in
                guard var object = subset.object, let ports = object["ports"]?.array else { return subset }
                object["ports"] = .array(ports.map(withProtocol))
                return .object(object)
            })
    }

    private static func withProtocol(_ port: JSON) -> JSON {
        guard var object = port.object else { return port }
        if object["protocol"]?.string?.isEmpty ?? true { object["protocol"] = "TCP" }
        return .object(object)
    }

    private static func shapeSlice(_ slice: inout JSONObject) {
        let ports = (slice["ports"]?.array ?? []).map { port in
            guard var object = withProtocol(port).object else { return port }
            if object["name"] == nil { object["name"] = "" }
            return .object(object)
        }
        // These two are written even when there are none.
        slice["ports"] = ports.isEmpty ? .null : .array(ports)
        let endpoints = (slice["endpoints"]?.array ?? []).map { endpoint in
            var object = pruned(endpoint)?.object ?? [:]
            if object["conditions"] == nil { object["conditions"] = .object([:]) }
            if object["addresses"] == nil { object["addresses"] = .null }
            return JSON.object(object)
        }
        slice["endpoints"] = endpoints.isEmpty ? .null : .array(endpoints)
    }

    private static func shapeLease(_ lease: inout JSONObject) {
        var spec = JSONObject()
        for (key, value) in (lease["spec"]?.object ?? [:]).pairs where !value.isNull {
            let isTime = key == "acquireTime" || key == "renewTime"
            spec[key] = isTime ? value.string.flatMap(MicroTime.normal).map(JSON.string) ?? value : value
        }
        lease["spec"] = .object(spec)
    }

    private static func shapeService(_ service: inout JSONObject) {
        var spec = service["spec"]?.object ?? [:]
        let isHeadless = spec["clusterIP"]?.string == "None"
        let defaults: [(String, JSON)] = [
            ("clusterIP", "10.96.0.100"), ("clusterIPs", [spec["clusterIP"] ?? "10.96.0.100"]), ("type", "ClusterIP"),
            ("sessionAffinity", "None"),
            ("ipFamilies", isHeadless && spec["selector"] == nil ? ["IPv4", "IPv6"] : ["IPv4"]),
            ("ipFamilyPolicy", isHeadless && spec["selector"] == nil ? "RequireDualStack" : "SingleStack"),
            ("internalTrafficPolicy", "Cluster"),
        ]
        for (key, value) in defaults where spec[key] == nil { spec[key] = value }
        service["spec"] = .object(spec)
        if service["status"] == nil { service["status"] = ["loadBalancer": [:]] }
    }

    /// What a typed reader would stumble over.
    static func misfit(_ object: JSONObject) -> (field: String, kind: String)? {
        if let metadata = object["metadata"], metadata.object == nil, !metadata.isNull { return ("metadata", "object") }
        for field in ["annotations", "labels"] {
            guard let value = object["metadata"]?[field], !value.isNull else { continue }
            guard let texts = value.object else { return ("ObjectMeta.metadata.\(field)", goName(value)) }
            for (_, text) in texts.pairs where text.string == nil && !text.isNull {
                return ("ObjectMeta.metadata.\(field)", goName(text))
            }
        }
        return nil
    }

    static func goName(_ value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool: "bool"
        case .int, .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// The time format of leases: exactly six digits behind the seconds; anything else is refused.
enum MicroTime {
    /// In UTC, as the server writes it back; nil when the text is no such time.
    static func normal(_ text: String) -> String? {
        let pattern = #/(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})(Z|[+-]\d\d:\d\d)/#
        guard let match = text.wholeMatch(of: pattern) else { return nil }
        if match.8 == "Z" || match.8 == "+00:00" || match.8 == "-00:00" {
            return String(text.prefix(26)) + "Z"
        }
        guard case .absolute(let time)? = WallTime.parse(text) else { return nil }
        let parts = time.parts()
        return "\(time.iso8601().prefix(19)).\(parts.microsecond.padded(6))Z"
    }
}
