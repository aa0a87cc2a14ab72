// Typed values out of a checked tree; defaults come from the schema.

import PatroniCore

/// Reads settings by path. The tree has been checked against the schema, so that a value that can't be converted is
/// a mistake of ours and reads as missing.
struct TreeReader {
    let tree: JSONObject
    var settings = Schema.localByPath

    init(_ tree: JSONObject, settings: [String: Setting] = Schema.localByPath) {
        self.tree = tree
        self.settings = settings
    }

    /// What is written, or the default.
    func value(_ path: String) -> JSON? {
        guard let setting = settings[path] else { preconditionFailure("\(path) is not declared in the schema") }
        if case .found(let value) = tree.look(at: setting.keys) { return value }
        return setting.fallback
    }

    func text(_ path: String) -> String? {
        value(path).flatMap { $0.isScalar ? $0.pythonText : nil }
    }

    /// As ``text(_:)``; an empty text is as good as none.
    func nonEmpty(_ path: String) -> String? {
        text(path).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// What is written, if it can be converted, or the default.
    private func converted<Value>(_ path: String, _ convert: (JSON) -> Value?) -> Value? {
        value(path).flatMap(convert) ?? settings[path]?.fallback.flatMap(convert)
    }

    func flag(_ path: String) -> Bool { converted(path, Tags.truth) ?? false }

    func whole(_ path: String) -> Int? {
        guard case .whole(_, let unit)? = settings[path]?.kind else { return nil }
        return converted(path) { SettingNumber.whole($0, unit: unit) }.map { Int(clamping: $0) }
    }

    func list(_ path: String) -> [String]? { value(path).flatMap(Setting.texts) }
    func lines(_ path: String) -> [String]? { value(path)?.array?.map(\.pythonText) }
    func table(_ path: String) -> JSONObject { value(path)?.object ?? JSONObject() }
    func options(_ path: String) -> [ToolOption] { value(path).flatMap(ToolOption.read) ?? [] }

    func texts(in path: String) -> [(name: String, value: String)] {
        table(path).pairs.map { ($0.key, $0.value.pythonText) }
    }

    func address(_ path: String) -> Endpoint? {
        guard let text = text(path) else { return nil }
        let port: Int?
        switch settings[path]?.kind {
        case .address(let defaultPort): port = defaultPort
        case .addresses(let defaultPort): port = defaultPort
        default: return nil
        }
        return Address.split(text, defaultPort: port).map { Endpoint(host: $0.host, port: $0.port) }
    }

    func credentials(_ section: String) -> Credentials? {
        guard let username = nonEmpty("\(section).username"), let password = text("\(section).password") else {
            return nil
        }
        return Credentials(username: username, password: password)
    }
}
