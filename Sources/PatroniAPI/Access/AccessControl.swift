// Who may change things: allowlist, client certificate, password, in this order. Reading is free.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// Section 2 of the REST API's ledger.
struct AccessControl: Sendable {
    private let hasAllowlist: Bool
    private let networks: [IPNetwork]
    private let hostNames: [String]
    private let includesMembers: Bool
    private let wantsCertificate: Bool
    /// What a right `Authorization` header says behind `Basic `.
    private let expected: [UInt8]?
    private let time: any TimeSource

    init(_ settings: RestAPISettings, time: any TimeSource) {
        networks = settings.allowlist.compactMap(IPNetwork.init)
        hostNames = settings.allowlist.filter { IPNetwork($0) == nil && !$0.contains("/") }
        includesMembers = settings.allowlistIncludesMembers
        wantsCertificate = settings.tls.map { $0.verifyClient != .none } ?? false
        expected = settings.credentials.map { Array(Base64.encode("\($0.username):\($0.password)").utf8) }
        self.time = time
        hasAllowlist = !settings.allowlist.isEmpty
    }

    /// Entries of an allowlist that name nothing; they let nobody in.
    static func complaints(_ allowlist: [String]) -> [String] {
        allowlist.filter { IPNetwork($0) == nil && $0.contains("/") }.map { entry in
            "restapi.allowlist: '\(entry)' is not allowed, expected an address, a network such as 10.0.0.0/8, or a host name"
        }
    }

    /// Nil when the client may; otherwise the answer to give. `countsMembers` is false where the members' addresses
    /// don't count either way (API-028).
    func refusal(
        _ request: ServerRequest, members: [Member], countsMembers: Bool = true
    ) async -> ServerResponse? {
        let checksMembers = includesMembers && countsMembers
        if hasAllowlist || checksMembers {
            guard await isAllowed(request.clientAddress, checksMembers ? members : []) else {
                return .text(403, "Access is denied")
            }
        }
        if wantsCertificate, !request.hasClientCertificate { return .text(403, "client certificate required") }
        guard let expected else { return nil }
        guard let header = request.header("authorization") else { return unauthorized("no auth header received") }
        guard header.hasPrefix("Basic "), Self.isEqual(Array(header.dropFirst(6).utf8), expected) else {
            return unauthorized("not authenticated")
        }
        return nil
    }

    private func unauthorized(_ text: String) -> ServerResponse {
        .text(401, text, headers: [("WWW-Authenticate", "Basic realm=\"Patroni\"")])
    }

    /// The time it takes tells nothing about how much of the secret was right (API-031).
    private static func isEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
        var difference = given.count ^ expected.count
        for index in expected.indices {
            difference |= Int(expected[index] ^ (index < given.count ? given[index] : 0))
        }
        return difference == 0
    }

    private func isAllowed(_ client: String, _ members: [Member]) async -> Bool {
        guard let client = IPAddress(client) else { return false }
        if networks.contains(where: { $0.contains(client) }) { return true }
        let deadline = time.now + .seconds(2)
        let names = hostNames + members.compactMap { $0.apiURL.flatMap(MemberURL.init)?.host }
        for name in names {
            for address in await HostResolver.addresses(of: name, by: deadline, time: time)
            where IPAddress(address) == client {
                return true
            }
        }
        return false
    }
}
