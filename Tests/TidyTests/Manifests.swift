// The manifests of deploy/ as objects: plain ones, a chart's rendered ones, and templates with their parameters filled in.

import PatroniConfiguration
import PatroniCore
import Testing

/// Objects that are applied together.
struct Manifest: Sendable, CustomTestStringConvertible {
    var name: String
    var objects: [JSON]
    var testDescription: String { name }

    static func all() throws -> [Manifest] {
        try plain() + rendered() + templates().map { try $0.processed() }
    }

    static func plain() throws -> [Manifest] {
        try read(below: "deploy/kubernetes").map { try Manifest(name: $0.path, objects: documents($0.text)) }
    }

    static func rendered() throws -> [Manifest] {
        try read(below: "deploy/helm/rendered").map { try Manifest(name: $0.path, objects: documents($0.text)) }
    }

    static func templates() throws -> [OpenShiftTemplate] {
        try read(below: "deploy/openshift/templates").map {
            OpenShiftTemplate(name: $0.path, document: try #require(try YAML.parse($0.text, source: $0.path).object))
        }
    }

    static func read(below folder: String) -> [SourceFile] {
        SourceTree.files(below: folder) { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
    }

    private static func documents(_ text: String) throws -> [JSON] {
        var documents: [String] = [""]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "---" { documents.append("") } else { documents[documents.count - 1] += line + "\n" }
        }
        return try documents.map { try YAML.parse($0) }.filter { !$0.isNull }
    }

    func objects(ofKind kind: String) -> [JSONObject] {
        objects.compactMap(\.object).filter { $0["kind"]?.string == kind }
    }
}

/// An OpenShift Template, which `oc process` turns into objects.
struct OpenShiftTemplate {
    var name: String
    var document: JSONObject

    var parameters: [JSONObject] { (document["parameters"]?.array ?? []).compactMap(\.object) }
    var parameterNames: [String] { parameters.compactMap { $0["name"]?.string } }

    func value(_ parameter: String) -> String? {
        guard let found = parameters.first(where: { $0["name"]?.string == parameter }) else { return nil }
        return found["generate"] == nil ? found["value"]?.string ?? "" : "Generated0123456789abcdef"
    }

    /// With every parameter's default, or something as it would be generated.
    func processed() throws -> Manifest {
        let objects = try #require(document["objects"]?.array)
        return Manifest(name: name, objects: objects.map(filled))
    }

    private func filled(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): .string(filled(text))
        case .array(let items): .array(items.map(filled))
        case .object(let object): .object(JSONObject(object.pairs.map { (filled($0.key), filled($0.value)) }))
        case .null, .bool, .int, .double: value
        }
    }

    /// What is not declared stays as it is, as `oc process` leaves it.
    private func filled(_ text: String) -> String {
        parameterNames.reduce(text) { text, name in text.replacing("${\(name)}", with: value(name) ?? "") }
    }
}

extension JSONObject {
    /// `at("spec", "template")`: nil where a step leads nowhere.
    func at(_ path: String...) -> JSON? {
        path.dropFirst().reduce(path.first.flatMap { self[$0] }) { $0?.object?[$1] }
    }

    var objectName: String { at("metadata", "name")?.string ?? "?" }
}
