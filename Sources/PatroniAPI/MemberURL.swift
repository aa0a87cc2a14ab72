// A member's REST address taken apart: `http://host:port/patroni`.

import PatroniCore

/// Scheme, host and port; the path is chosen by whoever asks.
struct MemberURL: Sendable, Hashable {
    let scheme: String
    let host: String
    let port: Int

    /// Nil when the text is no HTTP address.
    init?(_ text: String) {
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

    func url(path: String) -> String { "\(scheme)://\(Endpoint(host: host, port: port))/\(path)" }
}
