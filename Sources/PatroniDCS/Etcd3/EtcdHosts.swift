// Which etcd servers there are, and which one is asked first.

import PatroniConfiguration
import PatroniCore

/// The list of base addresses and the one that works.
struct EtcdHosts: Sendable, Hashable {
    /// From the configuration.
    let configured: [String]
    /// What is tried, in this order.
    private(set) var list: [String]
    private(set) var current: String
    /// Counts how often ``current`` changed: streams move with it.
    private(set) var generation = 0

    init(_ settings: Etcd3Settings, startingAt number: Int) {
        let scheme = settings.usesTLS ? "https" : "http"
        configured = settings.endpoints.map { "\(scheme)://\(Endpoint(host: $0.host, port: $0.port))" }.unique
        list = configured
        // Members begin at different servers, so that not all depend on the first.
        current = configured.isEmpty ? "" : configured[abs(number % configured.count)]
    }

    /// All addresses, the working one first, the others in the list's order behind it.
    var inOrder: [String] {
        guard let start = list.firstIndex(of: current) else { return list }
        return Array(list[start...] + list[..<start])
    }

    /// This one answered: it stays the first.
    mutating func pin(_ host: String) {
        if host == current { return }
        current = host
        generation += 1
    }

    /// The servers told us where they are (DCS-076).
    mutating func learn(_ announced: [String]) {
        let addresses = announced.filter { $0.hasPrefix("http://") || $0.hasPrefix("https://") }
            .map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }.unique
        if addresses.isEmpty { return }
        list = addresses
        // A working connection is kept, even if the server calls itself by another name.
        if !list.contains(current) { list.append(current) }
    }

    /// Nobody answered: what was configured may know better (DCS-077).
    mutating func reconsider() { list = (configured + list).unique }

    /// How long one of them may take (DCS-081): small clusters are asked more than once within the time.
    func share(of time: Duration) -> Duration {
        let tries = 4 - min(list.count, 3)
        return min(time, max(.seconds(1), time / (max(1, list.count) * tries)))
    }
}

extension Array where Element: Hashable {
    fileprivate var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
