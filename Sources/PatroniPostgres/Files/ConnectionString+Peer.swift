// How this server and its tools reach another server: addresses and logins as libpq's keywords.

import PatroniConfiguration
import PatroniCore

/// Where another server listens: a member, or the remote of a standby cluster, which may have several addresses.
public struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    public var host: String?
    public var port: String?
    public var database: String?

    public init(_ endpoint: Endpoint) {
        host = endpoint.host
        port = String(endpoint.port)
        database = endpoint.database
    }

    /// Nil when there is only an archive.
    public init?(_ remote: RemoteSource) {
        guard remote.hasServer else { return nil }
        host = remote.hosts
        port = remote.ports
    }

    public var description: String { "\(host ?? "localhost"):\(port ?? "5432")" }
}

extension ConnectionString {
    /// The version whose libpq learnt the keyword.
    private static let since = [
        "gssencmode": 120_000, "channel_binding": 130_000, "sslpassword": 130_000, "sslcrldir": 140_000,
        "sslnegotiation": 170_000,
    ]

    /// A connection to `endpoint` as `user`; the database is `endpoint`'s, or else `database`.
    public init(to endpoint: Endpoint, as user: PostgresUser, database: String? = nil) {
        self.init(to: ServerAddress(endpoint), as: user, database: database)
    }

    public init(to address: ServerAddress, as user: PostgresUser, database: String? = nil) {
        self.init(user.options)
        self["host"] = address.host
        self["port"] = address.port
        self["dbname"] = address.database ?? database
        self["user"] = user.username.isEmpty ? nil : user.username
        self["password"] = user.password
    }

    /// The keyword, unless it has a value already.
    mutating func setDefault(_ keyword: String, _ value: String) {
        if self[keyword] == nil { self[keyword] = value }
    }

    /// The text for a server or tool of this version. With a passfile the password is left out.
    public func text(version: Int) -> String {
        var known = self
        for (keyword, since) in Self.since where version < since { known[keyword] = nil }
        if known["passfile"] != nil { known["password"] = nil }
        return known.text
    }

    /// Without the password: for a command line, with the password in a passfile.
    public func withoutPassword() -> ConnectionString {
        var copy = self
        copy["password"] = nil
        return copy
    }

    /// Reads a `keyword = value` string or a `postgresql://` one; nil when it is neither.
    init?(parsing text: String) {
        if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            guard let values = Self.parse(url: text) else { return nil }
            self.init(values)
        } else {
            self.init(text)
        }
    }

    private static func parse(url text: String) -> [String: String]? {
        guard let scheme = text.firstRange(of: "://") else { return nil }
        var rest = text[scheme.upperBound...]
        var result: [String: String] = [:]
        if let mark = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: mark)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { return nil }
                result[decode(parts[0])] = decode(parts[1])
            }
            rest = rest[..<mark]
        }
        if let slash = rest.firstIndex(of: "/") {
            let name = rest[rest.index(after: slash)...]
            if !name.isEmpty { result["dbname"] = decode(name) }
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at].split(separator: ":", maxSplits: 1)
            if let user = login.first { result["user"] = decode(user) }
            if login.count == 2 { result["password"] = decode(login[1]) }
            rest = rest[rest.index(after: at)...]
        }
        let addresses = rest.split(separator: ",").compactMap { Endpoint.split(String($0), defaultPort: 5432) }
        if !addresses.isEmpty {
            result["host"] = addresses.map(\.host).joined(separator: ",")
            result["port"] = addresses.map { String($0.port) }.joined(separator: ",")
        }
        return result
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: Array(rest.prefix(2)), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let code = UInt8(digits, radix: 16) {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
