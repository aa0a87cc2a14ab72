// Talks to other members' REST APIs, for the agent and for patronictl.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// A client with the credentials and certificates that members expect (API-206).
public final class MemberClient: Sendable {
    private let credentials: Credentials?
    private let transport: HTTPTransport
    let time: any TimeSource

    /// Fails when a certificate can't be used. Members among themselves are always `insecure` (API-205).
    public init(_ control: ControlSettings, time: any TimeSource = SystemTime()) throws(HTTPFailure) {
        var tls = control.tls
        // `insecure` without a certificate of our own accepts any server; with one, any host name.
        if control.isInsecure {
            if tls.identity == nil { tls.verifiesServer = false } else { tls.verifiesHostname = false }
        }
        credentials = control.credentials
        transport = try HTTPTransport(tls: tls, time: time)
        self.time = time
    }

    /// Asks all members at once how they are; whoever doesn't answer sensibly within two seconds, or by the deadline,
    /// counts as silent (API-153, API-204). In the order of `members`.
    public func status(of members: [Member], by deadline: Moment) async -> [PeerStatus] {
        let deadline = min(deadline, time.now + .seconds(2))
        return await withTaskGroup(of: (Int, PeerAnswer?).self) { group in
            for (index, member) in members.enumerated() {
                group.addTask { (index, await self.answer(of: member, by: deadline)) }
            }
            var found = members.map { PeerStatus(name: $0.name, answer: nil) }
            for await (index, answer) in group { found[index].answer = answer }
            return found
        }
    }

    private func answer(of member: Member, by deadline: Moment) async -> PeerAnswer? {
        guard let url = member.apiURL,
            let answer = try? await transport.send(request(.get, url), by: deadline, maximumBody: 1 << 20),
            let page = try? JSON.parse(answer.body),
            // A member that can't show positions can't be judged, so it counts as silent, as for Patroni.
            page["xlog"]?.object != nil || page["wal"]?.object != nil
        else { return nil }
        return PeerAnswer(statusPage: page)
    }

    /// One request to a member: `endpoint` without a slash in front, such as `restart`.
    public func send(
        _ method: HTTPRequest.Method, to member: Member, _ endpoint: String, body: JSONObject? = nil,
        by deadline: Moment
    ) async throws(HTTPFailure) -> HTTPAnswer {
        guard let url = member.apiURL.flatMap(MemberURL.init) else {
            throw .cannotConnect("member \(member.name) has published no REST API address")
        }
        var request = request(method, url.url(path: endpoint))
        request.body = body.map { Array($0.text(.spaced).utf8) }
        if body != nil { request.headers.append(("Content-Type", "application/json")) }
        return try await transport.send(request, by: deadline)
    }

    /// Does anybody answer at this member's address? Asked before we take its name (DCS-058).
    public func isAlive(_ member: Member, by deadline: Moment) async -> Bool {
        let deadline = min(deadline, time.now + .seconds(3))
        return (try? await send(.get, to: member, "liveness", by: deadline)) != nil
    }

    public func shutdown() async { await transport.shutdown() }

    private func request(_ method: HTTPRequest.Method, _ url: String) -> HTTPRequest {
        var request = HTTPRequest(method, url)
        if let credentials { request.authorize(username: credentials.username, password: credentials.password) }
        return request
    }
}
