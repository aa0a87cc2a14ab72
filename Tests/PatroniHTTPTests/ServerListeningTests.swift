// Where the server listens: addresses taken, changed and given up.

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

@Suite("HTTP server: listening") struct ServerListeningTests {
    private func answers(_ port: Int, host: String = "127.0.0.1") async -> Bool {
        guard let client = try? await RawClient(port, host: host) else { return false }
        client.push("GET /at-once HTTP/1.1\r\nConnection: close\r\n\r\n")
        return await client.waitForEnd().hasPrefix("HTTP/1.1 200 OK")
    }

    @Test func `an occupied port is named with the address and what to do`() async throws {
        try await withServer { rig in
            let second = HTTPServer(handler: EchoHandler(), log: Logger(label: "test"))
            let failure = await #expect(throws: ServerFailure.self) {
                try await second.apply(ServerOptions(listen: Endpoint(host: "127.0.0.1", port: rig.port)))
            }
            let text = failure?.description ?? ""
            #expect(text.contains("'127.0.0.1:\(rig.port)'"))
            #expect(text.contains("restapi.listen"))
            #expect(text.contains("another process already listens there"))
        }
    }

    @Test func `an address of another machine is said to be none of ours`() async throws {
        let server = HTTPServer(handler: EchoHandler(), log: Logger(label: "test"))
        let failure = await #expect(throws: ServerFailure.self) {
            try await server.apply(ServerOptions(listen: Endpoint(host: "192.0.2.1", port: 0)))
        }
        #expect(failure?.description.contains("this machine has no such address") == true)
    }

    @Test func `a host name is looked up`() async throws {
        try await withServer {
            $0.listen.host = "localhost"
        } _: { rig in
            #expect(await answers(rig.port, host: "localhost"))
        }
    }

    @Test(arguments: ["", "*"])
    func `no host means every address`(_ host: String) async throws {
        try await withServer {
            $0.listen.host = host
        } _: { rig in
            #expect(await answers(rig.port))
        }
    }

    @Test func `a new address is taken and the old one given up`() async throws {
        try await withServer { rig in
            try await rig.server.apply(ServerOptions(listen: Endpoint(host: "localhost", port: 0)))
            let port = await rig.server.port ?? 0
            #expect(port != rig.port)
            #expect(await answers(port, host: "localhost"))
            #expect(await !answers(rig.port))
        }
    }

    @Test func `the same port on more addresses can be taken over`() async throws {
        try await withServer { rig in
            try await rig.server.apply(ServerOptions(listen: Endpoint(host: "*", port: rig.port)))
            #expect(await rig.server.port == rig.port)
            #expect(await answers(rig.port))
        }
    }

    @Test func `when the new address can't be had the old one goes on`() async throws {
        try await withServer { other in
            try await withServer { rig in
                await #expect(throws: ServerFailure.self) {
                    try await rig.server.apply(ServerOptions(listen: Endpoint(host: "127.0.0.1", port: other.port)))
                }
                #expect(await answers(rig.port))
            }
        }
    }

    @Test func `stopping waits for an answer under way and takes no new clients`() async throws {
        let rig = try await Rig()
        let client = try await RawClient(rig.port)
        let idle = try await RawClient(rig.port)
        try await idle.send("GET /at-once HTTP/1.1\r\n\r\n")
        await idle.wait { $0.hasSuffix(".") }
        try await client.send("GET /held HTTP/1.1\r\n\r\n")
        await pause(.milliseconds(50))
        async let stopped: Void = rig.stop()
        _ = await idle.waitForEnd()
        #expect(await !answers(rig.port))
        rig.handler.release()
        await stopped
        #expect(await client.waitForEnd().hasSuffix("GET /held 0 bytes from 127.0.0.1."))
    }
}
