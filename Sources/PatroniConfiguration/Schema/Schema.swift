// Every setting there is, in one list (DESIGN principle 10), and the questions it can answer.

import PatroniCore

/// The one schema of settings.
public enum Schema {
    /// What stands in the file or the environment.
    public static let local: [Setting] = agent + restAPI + control + postgres + bootstrap + stores + kubernetes
    /// What stands in the store's `config` key.
    public static let dynamic: [Setting] = cluster + dynamicPostgres

    static let localByPath = byPath(local)
    static let dynamicByPath = byPath(dynamic)

    private static func byPath(_ settings: [Setting]) -> [String: Setting] {
        Dictionary(settings.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Sections of stores that Patroni has and we have not.
    static let missingStores = ["consul", "etcd", "exhibitor", "raft", "zookeeper"]
    static let availableStores = ["embedded", "etcd3", "kubernetes"]

    /// One line for every value that may not stand where it stands. Missing values and unknown keys are no problem
    /// here; null counts as missing.
    static func problems(in tree: JSONObject, settings: [Setting], prefix: String = "") -> [String] {
        var problems: [String] = []
        var brokenSections: Set<String> = []
        for setting in settings {
            switch tree.look(at: setting.keys) {
            case .missing: break
            case .found(let value):
                if let complaint = setting.complaint(about: value) {
                    problems.append(
                        "\(prefix)\(setting.path): \(value.shown(for: setting)) is not allowed, \(complaint)")
                }
            case .blocked(let section, let value):
                if brokenSections.insert(section).inserted {
                    problems.append(
                        "\(prefix)\(section): \(value.pythonRepresentation.shortened) is not allowed,"
                            + " expected names with values")
                }
            }
        }
        return problems
    }
}

/// What stands at a path.
enum Lookup {
    case missing
    case found(JSON)
    /// Something else than a table stands on the way.
    case blocked(section: String, value: JSON)
}

extension JSONObject {
    func look(at keys: [String]) -> Lookup {
        var current = JSON.object(self)
        for (index, key) in keys.enumerated() {
            guard let object = current.object else {
                return .blocked(section: keys[..<index].joined(separator: "."), value: current)
            }
            guard let next = object[key], !next.isNull else { return .missing }
            current = next
        }
        return .found(current)
    }

    /// The value at a dotted path; nil when it is missing or null.
    func value(_ path: String) -> JSON? {
        if case .found(let value) = look(at: path.split(separator: ".").map(String.init)) { value } else { nil }
    }
}

extension JSON {
    /// The value in a message; secrets stay secret.
    fileprivate func shown(for setting: Setting) -> String {
        setting.path.hasSuffix("password") ? "the value" : pythonRepresentation.shortened
    }
}

extension String {
    /// At most 80 characters: a message is one line.
    var shortened: String { count > 80 ? prefix(77) + "..." : self }
}
