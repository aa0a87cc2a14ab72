// One request as the server hands it on: complete, bounded, without a type of the network library.

/// A request with its whole body.
public struct ServerRequest: Sendable {
    /// Upper case, `GET`.
    public var method: String
    /// As sent, without the query; never decoded (API-192 matches on it).
    public var path: String
    /// In order, decoded; blank values are left out, as Patroni does (API-014).
    public var query: [(name: String, value: String)]
    /// Names that stand in the query without a value: `?text`.
    public var queryFlags: Set<String>
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// The client's IP address in text form.
    public var clientAddress: String
    public var isTLS: Bool
    /// The client proved who it is by a certificate that our authorities signed.
    public var hasClientCertificate: Bool

    public init(
        method: String, target: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        clientAddress: String = "127.0.0.1", isTLS: Bool = false, hasClientCertificate: Bool = false
    ) {
        self.method = method
        let parts = Self.split(target: target)
        path = parts.path
        query = parts.query
        let words = (target.split(separator: "?", maxSplits: 1).dropFirst().first ?? "").split(separator: "&")
        queryFlags = Set(words.filter { !$0.contains("=") }.map(Self.decode))
        self.headers = headers
        self.body = body
        self.clientAddress = clientAddress
        self.isTLS = isTLS
        self.hasClientCertificate = hasClientCertificate
    }

    /// The first header of this name, whatever its case.
    public func header(_ name: String) -> String? {
        let name = name.lowercased()
        return headers.first { $0.name.lowercased() == name }?.value
    }

    /// The first value of `name` (API-014).
    public func queryValue(_ name: String) -> String? { query.first { $0.name == name }?.value }

    static func split(target: String) -> (path: String, query: [(name: String, value: String)]) {
        var rest = Substring(target)
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        // Absolute form, as proxies send it.
        if let scheme = rest.firstRange(of: "://"), !rest.hasPrefix("/") {
            rest = rest[scheme.upperBound...].drop { $0 != "/" }
        }
        guard let mark = rest.firstIndex(of: "?") else { return (String(rest), []) }
        let pairs = rest[rest.index(after: mark)...].split(separator: "&").compactMap { item in
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[1].isEmpty else { return nil as (name: String, value: String)? }
            return (decode(parts[0]), decode(parts[1]))
        }
        return (String(rest[..<mark]), pairs)
    }

    private static func decode(_ text: Substring) -> String {
        var out: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
                rest.first != UInt8(ascii: "+")
            {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
