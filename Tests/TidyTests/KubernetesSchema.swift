// Is an object one that Kubernetes would accept? Checked against its own description, without a cluster.

import PatroniCore
import Testing

/// The definitions that scripts/kubernetes-schema has cut out of Kubernetes' OpenAPI description.
struct KubernetesSchema {
    private let definitions: JSONObject
    private let kinds: JSONObject

    init() throws {
        let file = try #require(
            SourceTree.files(below: "deploy/schema").first { $0.path.hasSuffix("kubernetes.json") })
        let document = try #require(try JSON.parse(file.text).object)
        definitions = try #require(document["definitions"]?.object)
        kinds = try #require(document["kinds"]?.object)
    }

    /// What is wrong, each with its path; as strict as `kubectl --validate=strict`: nothing unknown, nothing twice.
    func complaints(about object: JSON) -> [String] {
        let version = object.object?["apiVersion"]?.string ?? "?"
        let kind = object.object?["kind"]?.string ?? "?"
        guard let name = kinds["\(version) \(kind)"]?.string, let definition = definitions[name] else {
            return ["\(version) \(kind): the schema does not know this kind (scripts/kubernetes-schema)"]
        }
        return complaints(object, definition, at: kind)
    }

    private func complaints(_ value: JSON, _ schema: JSON, at path: String) -> [String] {
        guard let schema = schema.object else { return [] }
        if let name = schema["$ref"]?.string {
            guard let definition = definitions[name] else { return ["\(path): the schema lacks \(name)"] }
            return complaints(value, definition, at: path)
        }
        // An explicit null is the same as nothing.
        if value.isNull { return [] }
        switch schema["type"]?.string {
        case "object": return complaints(ofObject: value, schema, at: path)
        case "array":
            guard let items = value.array else { return ["\(path): is no list"] }
            let item = schema["items"] ?? .null
            return items.enumerated().flatMap { complaints($1, item, at: "\(path)[\($0)]") }
        case "string":
            let alsoNumber = schema["format"]?.string == "int-or-string"
            return value.string != nil || alsoNumber && value.int != nil ? [] : ["\(path): is no string"]
        case "integer": return value.int != nil ? [] : ["\(path): is no whole number"]
        case "boolean": return value.bool != nil ? [] : ["\(path): is neither true nor false"]
        // Quantities and the like: a bare definition.
        default: return []
        }
    }

    private func complaints(ofObject value: JSON, _ schema: JSONObject, at path: String) -> [String] {
        guard let object = value.object else { return ["\(path): is no mapping"] }
        let properties = schema["properties"]?.object
        let others = schema["additionalProperties"]
        var found = (schema["required"]?.array ?? []).compactMap(\.string)
            .filter { object[$0] == nil }.map { "\(path): lacks \($0)" }
        for (key, value) in object.pairs {
            if let property = properties?[key] ?? others {
                found += complaints(value, property, at: "\(path).\(key)")
            } else if properties != nil {
                found.append("\(path): Kubernetes knows no \(key)")
            }
        }
        return found
    }
}
