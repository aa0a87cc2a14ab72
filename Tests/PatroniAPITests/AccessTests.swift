// Who may change things, and how members talk to each other.

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniAPI

@Suite("REST API: access") struct AccessTests {
    private static let unsafe: [(HTTPRequest.Method, String)] = [
        (.patch, "/config"), (.put, "/config"), (.post, "/reload"), (.post, "/failsafe"), (.post, "/sigterm"),
        (.post, "/restart"), (.post, "/reinitialize"), (.post, "/failover"), (.post, "/switchover"),
        (.post, "/citus"), (.delete, "/restart"), (.delete, "/switchover"),
    ]

    @Test func `whoever changes something needs the password, whoever reads does not`() async throws {
        let settings = { (settings: inout RestAPISettings) in
            settings.credentials = Credentials(username: "u", password: "p:ä")
        }
        try await withAPI(.primary(), settings) { rig in
            for (method, path) in Self.unsafe {
                let answer = try await rig.send(method, path, "{}")
                #expect(answer.status == 401, "\(method) \(path)")
                #expect(answer.text == "no auth header received")
                #expect(answer.header("www-authenticate") == "Basic realm=\"Patroni\"")
            }
            for path in ["/", "/patroni", "/metrics", "/liveness"] {
                let answer = try await rig.send(.get, path)
                #expect(answer.status == 200)
            }
            let open = try await rig.ask(.post, "/mpp", #"{"a": 1}"#)
            #expect(open.status == 200)
            #expect(rig.backend.calls.isEmpty)
        }
    }

    @Test(arguments: [
        ("Basic " + Base64.encode("u:p"), 202), ("Basic " + Base64.encode("u:x"), 401),
        ("Basic " + Base64.encode("u:p2"), 401), ("Basic " + Base64.encode("u:"), 401), ("Basic ", 401),
        ("basic " + Base64.encode("u:p"), 401), ("Bearer x", 401), ("", 401),
    ])
    func `only the right password opens`(_ header: String, _ status: Int) async throws {
        try await withAPI(.primary(), { $0.credentials = Credentials(username: "u", password: "p") }) { rig in
            let answer = try await rig.send(.post, "/reload", "", headers: [(name: "Authorization", value: header)])
            #expect(answer.status == status)
            if status == 401 { #expect(answer.text == "not authenticated") }
        }
    }

    @Test(arguments: [
        (["127.0.0.1"], 202), (["127.0.0.0/8"], 202), (["10.0.0.1", "localhost"], 202), (["10.0.0.0/8"], 403),
        (["nonsense/8"], 403),
    ])
    func `an allowlist names who may come at all`(_ list: [String], _ status: Int) async throws {
        try await withAPI(.primary(), { $0.allowlist = list }) { rig in
            let answer = try await rig.ask(.post, "/reload")
            #expect(answer.status == status)
            if status == 403 { #expect(answer.body == "Access is denied") }
            let reading = try await rig.send(.get, "/patroni")
            #expect(reading.status == 200)
        }
    }

    @Test func `members may come when the operator says so, known ones only`() async throws {
        let change = { (settings: inout RestAPISettings) in settings.allowlistIncludesMembers = true }
        for (url, status) in [("http://127.0.0.1:8008/patroni", 202), ("http://10.0.0.1:8008/patroni", 403)] {
            var snapshot = StatusSnapshot.primary()
            var member = Member(name: "p1")
            member.apiURL = url
            snapshot.cluster?.members = [member]
            try await withAPI(snapshot, change) { rig in
                let answer = try await rig.ask(.post, "/reload")
                #expect(answer.status == status)
            }
        }
        try await withAPI(.primary { $0.cluster = nil }, change) { rig in
            let unknown = try await rig.ask(.post, "/reload")
            #expect(unknown.status == 403)
            // API-028: the primary may call before it is known.
            let failsafe = try await rig.ask(.post, "/failsafe", "{}")
            #expect(failsafe.status == 502)
        }
    }

    @Test(arguments: [
        (ServerTLSSettings.ClientVerification.none, false, true), (.optional, false, false), (.optional, true, true),
        (.required, false, false), (.required, true, true),
    ])
    func `where certificates are looked at, changing needs one`(
        _ verify: ServerTLSSettings.ClientVerification, _ shown: Bool, _ allowed: Bool
    ) async {
        let endpoint = Endpoint(host: "127.0.0.1", port: 0)
        var settings = RestAPISettings(listen: endpoint, connectAddress: endpoint)
        settings.tls = ServerTLSSettings(identity: TLSIdentity(certificateFile: "server.crt"))
        settings.tls?.verifyClient = verify
        let access = AccessControl(settings, time: SystemTime())
        let request = ServerRequest(method: "POST", target: "/reload", isTLS: true, hasClientCertificate: shown)
        let refusal = await access.refusal(request, members: [])
        #expect(refusal?.status == (allowed ? nil : 403))
        #expect(
            refusal.map { String(decoding: $0.body, as: UTF8.self) } ?? "client certificate required"
                == "client certificate required")
    }

    @Test func `changed settings count at once`() async throws {
        try await withAPI { rig in
            var settings = RestAPISettings(
                listen: Endpoint(host: "127.0.0.1", port: 0), connectAddress: Endpoint(host: "127.0.0.1", port: 0))
            settings.credentials = Credentials(username: "u", password: "p")
            try await rig.server.apply(settings)
            let answer = try await rig.ask(.post, "/reload")
            #expect(answer.status == 401)
        }
    }
}

@Suite("Member client") struct MemberClientTests {
    private func member(_ name: MemberName, _ port: Int) -> Member {
        var member = Member(name: name)
        member.apiURL = "http://127.0.0.1:\(port)/patroni"
        return member
    }

    @Test func `members are asked at once and answer in their order, silence is told`() async throws {
        let client = try MemberClient(ControlSettings())
        try await withAPI(.replica()) { replica in
            try await withAPI(.primary()) { primary in
                try await withAPI(.replica { $0.server = .stopped }) { stopped in
                    let answers = await client.status(
                        of: [
                            member("p1", replica.port), member("gone", 1), member("p0", primary.port),
                            Member(name: "silent"), member("stopped", stopped.port),
                        ], by: SystemTime().now + .seconds(10))
                    #expect(answers.map(\.name) == ["p1", "gone", "p0", "silent", "stopped"])
                    #expect(answers.map(\.isReachable) == [true, false, true, false, false])
                    #expect(answers[0].answer?.isInRecovery == true)
                    #expect(answers[2].answer?.position == LSN(50_615_896))
                }
            }
        }
        await client.shutdown()
    }

    @Test func `requests carry the password and reach the endpoint`() async throws {
        let credentials = Credentials(username: "u", password: "p")
        var control = ControlSettings()
        control.credentials = credentials
        let client = try MemberClient(control)
        try await withAPI(.primary(), { $0.credentials = credentials }) { rig in
            let answer = try await client.send(
                .post, to: member("p0", rig.port), "restart", body: ["timeout": 5],
                by: SystemTime().now + .seconds(10))
            #expect(answer.status == 200)
            #expect(rig.backend.calls == ["restart role=- older=- pending=false timeout=5"])
        }
        await client.shutdown()
    }

    @Test func `a name is taken when anybody answers at its address`() async throws {
        let client = try MemberClient(ControlSettings())
        try await withAPI { rig in
            let deadline = SystemTime().now + .seconds(10)
            let taken = await client.isAlive(member("p0", rig.port), by: deadline)
            let free = await client.isAlive(member("p0", 1), by: deadline)
            let nowhere = await client.isAlive(Member(name: "p0"), by: deadline)
            #expect(taken)
            #expect(!free)
            #expect(!nowhere)
        }
        await client.shutdown()
    }
}
