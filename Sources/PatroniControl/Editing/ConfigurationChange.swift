// `edit-config`: what the options do to the dynamic configuration (CTL-106 to CTL-109).

import PatroniConfiguration
import PatroniCore

enum ConfigurationChange {
    /// Sets `path.to.key=value` for each pair; null removes, emptied tables disappear.
    static func apply(_ pairs: [String], to values: JSONObject) throws(ControlError) -> JSONObject {
        var values = values
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "=") else { throw .failed("Invalid parameter setting \(pair)") }
            let path = Self.path(String(pair[..<equals]))
            let text = String(pair[pair.index(after: equals)...])
            let value = try yaml(Array(text.utf8), source: pair)
            set(value, at: path[...], in: &values)
        }
        return values
    }

    /// Names of PostgreSQL's parameters may hold dots: below `postgresql.parameters` the rest is one name.
    private static func path(_ text: String) -> [String] {
        var blanks = Substring(text).drop { $0 == " " }
        while blanks.hasSuffix(" ") { blanks.removeLast() }
        let parts = blanks.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 2, parts[0] == "postgresql", parts[1] == "parameters" else { return parts }
        return [parts[0], parts[1], parts[2...].joined(separator: ".")]
    }

    private static func set(_ value: JSON, at path: ArraySlice<String>, in values: inout JSONObject) {
        guard let key = path.first else { return }
        if path.count == 1 {
            // Not `value.isNull ? nil : value`: that nil would be a JSON null.
            values[key] = value.isNull ? .none : .some(value)
            return
        }
        var inner = values[key]?.object ?? JSONObject()
        set(value, at: path.dropFirst(), in: &inner)
        values[key] = inner.isEmpty ? .none : .some(.object(inner))
    }

    /// Merges a YAML text into the values.
    static func merge(_ bytes: [UInt8], source: String, into values: JSONObject) throws(ControlError) -> JSONObject {
        guard let patch = try yaml(bytes, source: source).object else {
            throw .failed("\(source): expected names with values")
        }
        return values.patched(with: patch)
    }

    static func yaml(_ bytes: [UInt8], source: String) throws(ControlError) -> JSON {
        do throws(YAMLError) { return try YAML.parse(bytes, source: source) } catch { throw .failed("\(error)") }
    }
}
