// Which API servers there are and which one is asked: stay with one while it works (DCS-170, DCS-173). Pure.

import PatroniCore

/// The Service's address and, when it is bypassed, the servers behind it.
struct KubernetesServers: Sendable, Hashable {
    let service: KubernetesServer
    /// What is tried, the working one first.
    private(set) var list: [KubernetesServer]
    private(set) var current: KubernetesServer
    private(set) var bypass: Bypass
    /// The address of the servers' list that works: API servers before 1.21 have no EndpointSlices.
    private(set) var source = Source.endpointSlice

    enum Bypass: Sendable, Hashable {
        case off
        /// Looked up at this time; nil: never yet.
        case on(since: Moment?)
        /// We may not read the list: asked again later, rights can be given while we run.
        case refused(until: Moment)
    }

    enum Source: Sendable, Hashable {
        case endpointSlice
        case endpoints

        var path: String {
            let resource: KubernetesResource = self == .endpointSlice ? .endpointslices : .endpoints
            return resource.path("default", "kubernetes")
        }
    }

    /// How long a refusal is believed.
    static let refusalLasts: Duration = .seconds(600)

    init(service: KubernetesServer, bypasses: Bool) {
        self.service = service
        list = [service]
        current = service
        bypass = bypasses ? .on(since: nil) : .off
    }

    /// The Service comes last: it may know a server that we don't.
    var inOrder: [KubernetesServer] {
        [current] + list.filter { $0 != current } + (list.contains(service) || current == service ? [] : [service])
    }

    /// Is the list of servers to be looked up (again)?
    func isDue(at now: Moment, after age: Duration) -> Bool {
        switch bypass {
        case .off: false
        case .on(let since): since.map { now - $0 >= age } ?? true
        case .refused(let until): now >= until
        }
    }

    /// The list as it is now. The current server stays when it is still listed.
    mutating func learn(_ addresses: [Address], certificateName: String, startingAt seed: Int, at now: Moment) {
        if bypass == .off || addresses.isEmpty { return }
        bypass = .on(since: now)
        let servers = addresses.map { address in
            KubernetesServer(
                url: KubernetesServer.url("https", certificateName, String(address.port)), address: address.ip)
        }
        list = servers
        // Members begin at different servers, so that not all depend on the first.
        if !list.contains(current) { current = servers[abs(seed % servers.count)] }
    }

    struct Address: Sendable, Hashable {
        var ip: String
        var port: Int
    }

    /// We may not read the list. True when that is news.
    mutating func noteRefusal(at now: Moment) -> Bool {
        let wasKnown = if case .refused = bypass { true } else { false }
        bypass = .refused(until: now + Self.refusalLasts)
        list = [service]
        current = service
        return !wasKnown
    }

    /// There are no EndpointSlices here.
    mutating func fallBack() { source = .endpoints }

    /// This one answered: it stays the first.
    mutating func pin(_ server: KubernetesServer) { current = server }

    /// None of them answered: ask for a new list as soon as possible, the Service among those to ask.
    mutating func doubt() { if case .on = bypass { bypass = .on(since: nil) } }

    /// How long one try may take, and how many there are (DCS-173): with one server two, with more one each.
    static func share(of time: Duration, servers: Int) -> Duration {
        let tries = servers == 1 ? 2 : 1
        return min(time, max(.seconds(1), time / (max(1, servers) * tries)))
    }

    /// The addresses that serve https, out of Endpoints or an EndpointSlice.
    static func addresses(in json: JSON) -> [Address] {
        func port(_ ports: JSON?) -> Int? {
            ports?.array?.first { $0["name"]?.string == "https" && ($0["protocol"]?.string ?? "TCP") == "TCP" }?[
                "port"]?
                .int.map { Int(clamping: $0) }
        }
        if let endpoints = json["endpoints"]?.array {
            guard let port = port(json["ports"]) else { return [] }
            return endpoints.filter { $0["conditions"]?["ready"]?.bool ?? true }
                .flatMap { $0["addresses"]?.array ?? [] }.compactMap { $0.string.map { Address(ip: $0, port: port) } }
        }
        return (json["subsets"]?.array ?? []).flatMap { subset -> [Address] in
            guard let port = port(subset["ports"]) else { return [] }
            return (subset["addresses"]?.array ?? []).compactMap {
                $0["ip"]?.string.map { Address(ip: $0, port: port) }
            }
        }
    }
}
