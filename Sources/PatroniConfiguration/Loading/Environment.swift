// PATRONI_* variables as a configuration tree (config.md section 15).

import PatroniCore

/// What the environment says.
struct EnvironmentReader {
    static let prefix = "PATRONI_"

    private let variables: [String: String]
    private(set) var tree = JSONObject()
    /// Values that could not be used, one line each (CFG-046).
    private(set) var warnings: [String] = []

    /// Variables without a value count as not set.
    init(_ environment: [String: String]) {
        variables = environment.filter { !$0.value.isEmpty }
        readSchema()
        readOtherSections()
        for section in ["etcd", "etcd3"] { readStoreLogin(section) }
    }

    private func variable(_ name: String) -> String? { variables[Self.prefix + name] }

    private mutating func set(_ keys: [String], _ value: JSON) {
        var patch = value
        for key in keys.reversed() { patch = .object([key: patch]) }
        if let object = patch.object { tree.apply(patch: object) }
    }

    private mutating func readSchema() {
        for setting in Schema.local where !setting.path.hasPrefix("etcd3.") && !setting.path.hasPrefix("kubernetes.") {
            guard let name = setting.environment.first(where: { variable($0) != nil }), let text = variable(name)
            else { continue }
            if let value = convert(text, for: setting, variable: name) { set(setting.keys, value) }
        }
    }

    private mutating func convert(_ text: String, for setting: Setting, variable: String) -> JSON? {
        switch setting.kind {
        case .flag: return flag(text, variable)
        case .whole: return number(text, variable)
        case .list, .lines, .options: return list(text, variable)
        case .table: return table(text, variable)
        case .textOrList where !text.contains("%("): return list(text, variable)
        case .text, .choice, .address, .addresses, .textOrList, .anything: return .string(text)
        }
    }

    private mutating func number(_ text: String, _ variable: String) -> JSON? {
        if let number = SettingNumber.whole(text) { return .int(number) }
        warnings.append("\(Self.prefix)\(variable): \(text) is ignored, expected a whole number")
        return nil
    }

    private mutating func flag(_ text: String, _ variable: String) -> JSON? {
        if let value = Tags.truth(.string(text)) { return .bool(value) }
        warnings.append("\(Self.prefix)\(variable): \(text) is ignored, expected true or false")
        return nil
    }

    /// `one,two`, `'one','two'` or a YAML list (CFG-044).
    private mutating func list(_ text: String, _ variable: String) -> JSON? {
        let isYAML = text.trimmed.hasPrefix("-") || text.contains("[")
        return yaml(isYAML ? text : "[\(text)]", variable)
    }

    /// `a: 1, b: 2` or a YAML table (CFG-045).
    private mutating func table(_ text: String, _ variable: String) -> JSON? {
        yaml(text.trimmed.hasPrefix("{") ? text : "{\(text)}", variable)
    }

    private mutating func yaml(_ text: String, _ variable: String) -> JSON? {
        do throws(YAMLError) {
            let value = try YAML.parse(text, source: Self.prefix + variable)
            if value.isFalsy { return nil }
            return value
        } catch {
            warnings.append("\(error), the variable is ignored")
            return nil
        }
    }

    // MARK: sections named by the variable itself (CFG-493 to CFG-512)

    private enum Conversion { case text, number, list, table, flag }

    private static let suffixes: [String: Conversion] = {
        var all: [String: Conversion] = ["PORT": .number]
        let texts = [
            "HOST", "URL", "PROXY", "PROTOCOL", "SRV", "SRV_SUFFIX", "CACERT", "CERT", "KEY", "KEY_PASSWORD",
            "USE_SSL", "TOKEN", "DC", "CONSISTENCY", "SERVICE_CHECK_INTERVAL", "SERVICE_CHECK_TLS_SERVER_NAME",
            "NAMESPACE", "CONTEXT", "SCOPE_LABEL", "ROLE_LABEL", "LEADER_LABEL_VALUE", "FOLLOWER_LABEL_VALUE",
            "STANDBY_LEADER_LABEL_VALUE", "TMP_ROLE_LABEL", "POD_IP", "LEADER_OBJECT", "GROUP", "DATABASE",
        ]
        for suffix in texts { all[suffix] = .text }
        for suffix in ["HOSTS", "PORTS", "CHECKS", "SERVICE_TAGS", "RETRIABLE_HTTP_CODES"] { all[suffix] = .list }
        for suffix in ["LABELS", "SET_ACLS", "AUTH_DATA", "BOOTSTRAP_LABELS"] { all[suffix] = .table }
        for suffix in ["USE_PROXIES", "REGISTER_SERVICE", "USE_ENDPOINTS", "BYPASS_API_SERVICE", "VERIFY"] {
            all[suffix] = .flag
        }
        return all
    }()

    private mutating func readOtherSections() {
        for name in variables.keys.sorted() where name.hasPrefix(Self.prefix) {
            let rest = name.dropFirst(Self.prefix.count)
            let parts = rest.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty, var conversion = Self.suffixes[parts[1]],
                let text = variables[name]
            else { continue }
            if parts[0] == "CITUS" {
                guard parts[1] == "GROUP" || parts[1] == "DATABASE" else { continue }
                if parts[1] == "GROUP" { conversion = .number }
            }
            let variable = String(rest)
            let value: JSON?
            switch conversion {
            case .text: value = .string(text)
            case .number: value = number(text, variable)
            case .list: value = list(text, variable)
            case .table: value = table(text, variable)
            case .flag: value = flag(text, variable)
            }
            if let value { set([parts[0].lowercased(), parts[1].lowercased()], value) }
        }
    }

    /// Name and password alone make no section (CFG-513).
    private mutating func readStoreLogin(_ section: String) {
        guard tree[section]?.object != nil else { return }
        for key in ["username", "password"] {
            if let text = variable("\(section)_\(key)".uppercased()) { set([section, key], .string(text)) }
        }
    }
}
