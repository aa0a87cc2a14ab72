// libpq's connection parameters and their text form, for our own connections and for primary_conninfo.

import PatroniCore

/// Connection parameters by libpq's names.
public struct ConnectionString: Sendable, Hashable, CustomStringConvertible, ExpressibleByDictionaryLiteral {
    public var parameters: [String: String]

    public init(_ parameters: [String: String] = [:]) { self.parameters = parameters }
    public init(dictionaryLiteral elements: (String, String)...) {
        parameters = Dictionary(elements, uniquingKeysWith: { $1 })
    }

    public subscript(name: String) -> String? {
        get { parameters[name] }
        set { parameters[name] = newValue }
    }

    /// Patroni writes the keywords in this order; anything else follows by name.
    private static let order = [
        "dbname", "user", "passfile", "password", "host", "port", "sslmode", "sslcompression", "sslcert", "sslkey",
        "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "application_name", "krbsrvname", "gssencmode",
        "channel_binding", "target_session_attrs", "sslnegotiation",
    ]

    /// `key=value key=value`, values escaped; readable by libpq and by Patroni.
    public var text: String {
        let known = Self.order.filter { parameters[$0] != nil }
        let others = parameters.keys.filter { !Self.order.contains($0) }.sorted()
        return (known + others).map { "\($0)=\(Self.escape(parameters[$0] ?? ""))" }.joined(separator: " ")
    }

    /// As ``text``, but no password: for logs.
    public var description: String {
        var shown = self
        for secret in ["password", "sslpassword"] where shown[secret] != nil { shown[secret] = "***" }
        return shown.text
    }

    /// A value as it stands behind `key=`.
    public static func escape(_ value: String) -> String {
        if value.isEmpty { return "''" }
        var escaped = ""
        for scalar in value.unicodeScalars {
            if scalar == "'" || scalar == "\\" || scalar.properties.isWhitespace { escaped += "\\" }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }

    /// Reads `key=value key='value'`; nil when it is malformed. Also reads back ``text``.
    public init?(_ text: String) {
        parameters = [:]
        var rest = text.unicodeScalars[...]
        while true {
            rest = rest.drop { $0.properties.isWhitespace }
            if rest.isEmpty { return }
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let name = String(Substring(rest[..<equals])).trimmedSpaces
            guard !name.isEmpty, !name.contains(where: \.isWhitespace) else { return nil }
            rest = rest[rest.index(after: equals)...].drop { $0.properties.isWhitespace }
            guard let value = Self.readValue(&rest) else { return nil }
            parameters[name] = value
        }
    }

    private static func readValue(_ rest: inout Substring.UnicodeScalarView) -> String? {
        var value = String.UnicodeScalarView()
        let isQuoted = rest.first == "'"
        if isQuoted { rest.removeFirst() }
        while let scalar = rest.first {
            rest.removeFirst()
            if scalar == "\\", let next = rest.first {
                value.append(next)
                rest.removeFirst()
            } else if isQuoted, scalar == "'" {
                return String(value)
            } else if !isQuoted, scalar.properties.isWhitespace {
                return String(value)
            } else {
                value.append(scalar)
            }
        }
        return isQuoted ? nil : String(value)
    }
}

extension String {
    var trimmedSpaces: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
