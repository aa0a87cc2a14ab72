// A member's REST address taken apart: `http://host:port/patroni`.

/// Scheme, host and port; the path is chosen by whoever asks.
public struct MemberURL: Sendable, Hashable {
    public let scheme: String
    public let host: String
    public let port: Int

    /// Nil when the text is no HTTP address.
    public init?(_ text: String) {
        guard let mark = text.firstRange(of: "://") else { return nil }
        scheme = text[..<mark.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        var authority = text[mark.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        guard let parts = Endpoint.split(String(authority), defaultPort: scheme == "https" ? 443 : 80) else {
            return nil
        }
        (host, port) = parts
    }

    /// Where the member of this address is asked about failsafe mode.
    public static func failsafe(_ address: String) -> String { MemberURL(address)?.url(path: "failsafe") ?? address }

    public func url(path: String) -> String { "\(scheme)://\(Endpoint(host: host, port: port))/\(path)" }
}
