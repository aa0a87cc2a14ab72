// The HTTP client against real sockets: nobody there, somebody silent, somebody who answers nonsense.

import NIOCore
import NIOPosix
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

/// Answers every connection with fixed bytes, or with silence.
private final class FixedServer: Sendable {
    let channel: any Channel
    var port: Int { channel.localAddress?.port ?? 0 }

    init(answering text: String?) async throws {
        channel = try await ServerBootstrap(group: PatroniEventLoop.shared)
            .childChannelInitializer { $0.pipeline.addHandler(Talker(text: text)) }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func stop() async { try? await channel.close() }

    private final class Talker: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let text: String?
        init(text: String?) { self.text = text }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let text else { return }
            context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        }
    }
}

private func deadline(_ seconds: Double) -> Moment { SystemTime().now + .seconds(seconds) }

@Suite struct ClientTests {
    @Test func nobodyListeningIsSaidAtOnceWithTheAddress() async throws {
        // Not a port just given up: another test's server would take it.
        let port = 1
        let http = try HTTPTransport()
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await http.send(HTTPRequest(.get, "http://127.0.0.1:\(port)/x?secret=1"), by: deadline(20))
        }
        #expect(failure == .cannotConnect("http://127.0.0.1:\(port)/x: Connection refused"))
        #expect(failure?.wasNotSent == true)
        await http.shutdown()
    }

    @Test func aNameThatDoesNotResolveIsSaid() async throws {
        let http = try HTTPTransport()
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await http.send(HTTPRequest(.get, "http://no-such-host.invalid/"), by: deadline(10))
        }
        #expect(failure?.description.contains("no-such-host.invalid") == true)
        #expect(failure?.wasNotSent == true)
    }

    @Test func silenceEndsByTheDeadline() async throws {
        let server = try await FixedServer(answering: nil)
        let http = try HTTPTransport()
        let start = SystemTime().now
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await http.send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/"), by: start + .seconds(0.3))
        }
        #expect(failure?.wasNotSent == false)
        #expect(SystemTime().now - start < .seconds(5))
        await server.stop()
    }

    @Test func aBodyThatNeverEndsEndsByTheDeadline() async throws {
        let server = try await FixedServer(answering: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        let http = try HTTPTransport()
        let start = SystemTime().now
        await #expect(throws: HTTPFailure.self) {
            _ = try await http.send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/"), by: start + .seconds(0.3))
        }
        #expect(SystemTime().now - start < .seconds(5))
        await server.stop()
    }

    @Test func statusHeadersAndBodyArrive() async throws {
        let server = try await FixedServer(answering: "HTTP/1.1 503 No\r\nX-One: 1\r\nContent-Length: 3\r\n\r\nabc")
        let http = try HTTPTransport()
        let answer = try await http.send(
            HTTPRequest(.post, "http://127.0.0.1:\(server.port)/", body: [1]), by: deadline(5))
        #expect(answer.status == 503)
        #expect(answer.header("x-one") == "1")
        #expect(answer.text == "abc")
        await server.stop()
    }

    @Test func anOversizedBodyIsRefused() async throws {
        let server = try await FixedServer(
            answering: "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n\(String(repeating: "x", count: 30))")
        let http = try HTTPTransport()
        await #expect(throws: HTTPFailure.tooLarge(limit: 10)) {
            _ = try await http.send(
                HTTPRequest(.get, "http://127.0.0.1:\(server.port)/"), by: deadline(5), maximumBody: 10)
        }
        await server.stop()
    }

    @Test func noHTTPIsABrokenAnswer() async throws {
        let server = try await FixedServer(answering: "+OK POP3 ready\r\n")
        let http = try HTTPTransport()
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await http.send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/"), by: deadline(5))
        }
        if case .broken? = failure {} else { Issue.record("\(String(describing: failure))") }
        await server.stop()
    }

    @Test func aStreamDeliversWhatIsThereAndEndsWithItsTask() async throws {
        let server = try await FixedServer(
            answering: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        let http = try HTTPTransport()
        let stream = try await http.stream(
            HTTPRequest(.post, "http://127.0.0.1:\(server.port)/watch"), headBy: deadline(5))
        #expect(stream.status == 200)
        let reader = Task {
            var chunks: [[UInt8]] = []
            try? await stream.forEach {
                chunks.append($0)
                return true
            }
            return chunks
        }
        try await Task.sleep(for: .milliseconds(200))
        reader.cancel()
        #expect(await reader.value == [Array("abc".utf8)])
        await server.stop()
    }

    @Test func aMissingCertificateFileIsNamed() {
        var tls = ClientTLSSettings()
        tls.authorities = "/nonexistent/ca.pem"
        let failure = #expect(throws: HTTPFailure.self) { _ = try HTTPTransport(tls: tls) }
        #expect(failure?.description.contains("/nonexistent/ca.pem") == true)
    }

    @Test func aPasswordInAnAddressStaysOutOfMessages() async throws {
        let http = try HTTPTransport()
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await http.send(HTTPRequest(.get, "http://me:secret@127.0.0.1:1/x"), by: deadline(5))
        }
        #expect(failure?.description.contains("secret") == false)
    }
}

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("ü/?", "w7wvPw=="),
    ])
    func textsGoBothWays(plain: String, coded: String) {
        #expect(Base64.encode(plain) == coded)
        #expect(Base64.decodeText(coded) == plain)
    }

    @Test(arguments: ["a", "ab=c", "Zm9\u{0}", "*"]) func garbageIsRefused(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
