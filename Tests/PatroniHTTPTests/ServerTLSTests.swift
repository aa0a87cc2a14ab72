// The server over TLS: with and without client certificates, and certificates renewed while it runs.

import Glibc
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

/// Keys and certificates of one test, made by openssl, gone when the test is.
private final class Certificates {
    let directory: String

    init() throws {
        var template = Array("/tmp/patroni-tls-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        directory = String(cString: made)
        try openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt"
        )
    }

    deinit { _ = system("rm -rf '\(directory)'") }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    private func openssl(_ arguments: String) throws {
        try #require(system("cd '\(directory)' && openssl \(arguments) 2>>openssl.log") == 0, "openssl \(arguments)")
    }

    /// A certificate of our authority; a serial of its own tells renewals apart.
    func issue(_ name: String, serial: Int = 1, password: String? = nil) throws -> TLSIdentity {
        let secret = password.map { "-aes256 -passout pass:\($0)" } ?? "-nodes"
        try openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \(password == nil ? secret : "-passout pass:\(password ?? "")") -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout \(name).key -out \(name).csr"
        )
        try openssl(
            "x509 -req -in \(name).csr -CA ca.crt -CAkey ca.key -set_serial \(serial) -days 2 -copy_extensions copy -out \(name).crt"
        )
        return TLSIdentity(
            certificateFile: path("\(name).crt"), keyFile: path("\(name).key"), keyPassword: password)
    }

    func server(_ verify: ServerTLSSettings.ClientVerification, _ identity: TLSIdentity) -> ServerTLSSettings {
        var settings = ServerTLSSettings(identity: identity)
        settings.clientAuthorities = path("ca.crt")
        settings.verifyClient = verify
        return settings
    }

    func client(_ identity: TLSIdentity? = nil) throws -> HTTPTransport {
        var settings = ClientTLSSettings()
        settings.authorities = path("ca.crt")
        settings.identity = identity
        return try HTTPTransport(tls: settings)
    }
}

private func get(_ client: HTTPTransport, _ port: Int) async throws -> String {
    let request = HTTPRequest(.get, "https://127.0.0.1:\(port)/at-once")
    return try await client.send(request, by: SystemTime().now + .seconds(10)).text
}

@Suite("HTTP server: TLS") struct ServerTLSTests {
    @Test func `a client that trusts our authority is served`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server")
        try await withServer {
            $0.tls = files.server(.none, identity)
        } _: { rig in
            let answer1 = try await get(files.client(), rig.port)
            #expect(answer1 == "GET /at-once 0 bytes from 127.0.0.1.")
        }
    }

    @Test func `an optional client certificate is seen when it is there`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server")
        let mine = try files.issue("client")
        try await withServer {
            $0.tls = files.server(.optional, identity)
        } _: { rig in
            let answer2 = try await get(files.client(), rig.port)
            #expect(answer2.hasSuffix("127.0.0.1."))
            let answer3 = try await get(files.client(mine), rig.port)
            #expect(answer3.hasSuffix("127.0.0.1 with certificate."))
        }
    }

    @Test func `a required client certificate keeps others out`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server")
        let mine = try files.issue("client")
        let stranger = try Certificates().issue("client")
        try await withServer {
            $0.tls = files.server(.required, identity)
        } _: { rig in
            let answer4 = try await get(files.client(mine), rig.port)
            #expect(answer4.hasSuffix("with certificate."))
            await #expect(throws: HTTPFailure.self) { try await get(files.client(), rig.port) }
            await #expect(throws: HTTPFailure.self) { try await get(files.client(stranger), rig.port) }
        }
    }

    @Test func `a stranger's certificate is refused even where none is needed`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server")
        let stranger = try Certificates().issue("client")
        try await withServer {
            $0.tls = files.server(.optional, identity)
        } _: { rig in
            await #expect(throws: HTTPFailure.self) { try await get(files.client(stranger), rig.port) }
        }
    }

    @Test func `a key behind a password opens with it, and not without`() async throws {
        let files = try Certificates()
        var identity = try files.issue("server", password: "secret")
        try await withServer {
            $0.tls = files.server(.none, identity)
        } _: { rig in
            let answer5 = try await get(files.client(), rig.port)
            #expect(answer5.hasPrefix("GET"))
        }
        identity.keyPassword = "wrong"
        let failure = await #expect(throws: ServerFailure.self) {
            _ = try await Rig { $0.tls = files.server(.none, identity) }
        }
        #expect(failure?.description.contains("restapi.keyfile") == true)
    }

    @Test func `renewed certificates count for new clients, the old connection goes on`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server", serial: 1)
        try await withServer {
            $0.tls = files.server(.none, identity)
        } _: { rig in
            let old = try files.client()
            _ = try await get(old, rig.port)
            // Another authority signs the new one: whoever trusts only the old can't begin any more.
            let others = try Certificates()
            let renewed = try others.issue("server", serial: 2)
            var options = ServerOptions(listen: Endpoint(host: "127.0.0.1", port: 0))
            options.tls = others.server(.none, renewed)
            try await rig.server.apply(options)
            #expect(await rig.server.port == rig.port)
            let answer6 = try await get(old, rig.port)
            #expect(answer6.hasPrefix("GET"))
            let answer7 = try await get(others.client(), rig.port)
            #expect(answer7.hasPrefix("GET"))
            await #expect(throws: HTTPFailure.self) { try await get(files.client(), rig.port) }
        }
    }

    @Test func `unreadable files are named and the server goes on as it was`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server")
        try await withServer {
            $0.tls = files.server(.none, identity)
        } _: { rig in
            var options = ServerOptions(listen: Endpoint(host: "127.0.0.1", port: 0))
            options.tls = files.server(.none, TLSIdentity(certificateFile: files.path("nowhere.crt")))
            let failure = await #expect(throws: ServerFailure.self) { try await rig.server.apply(options) }
            #expect(failure?.description.contains("restapi.certfile") == true)
            #expect(failure?.description.contains("nowhere.crt") == true)
            let answer8 = try await get(files.client(), rig.port)
            #expect(answer8.hasPrefix("GET"))
        }
    }

    @Test func `plain text at a TLS port ends without an answer and without harm`() async throws {
        let files = try Certificates()
        let identity = try files.issue("server")
        try await withServer {
            $0.tls = files.server(.none, identity)
        } _: { rig in
            let client = try await RawClient(rig.port)
            client.push("GET /at-once HTTP/1.1\r\n\r\n")
            #expect(await !client.waitForEnd().contains("HTTP/1.1 200"))
            let answer9 = try await get(files.client(), rig.port)
            #expect(answer9.hasPrefix("GET"))
        }
    }
}
