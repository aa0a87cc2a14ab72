// The HTTP server against clients that behave, and clients that don't.

import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

@Suite("HTTP server") struct ServerTests {
    @Test func `a connection is kept and serves one request after another`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send("GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n")
            let first = await client.wait { $0.hasSuffix(".") }
            #expect(first.statusLine == "HTTP/1.1 200 OK")
            #expect(first.contains("Content-Length: 36\r\n"))
            #expect(!first.contains("Connection: close"))
            try await client.send("POST /later HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
            await client.wait { $0.hasSuffix("POST /later 5 bytes from 127.0.0.1.") }
            client.close()
        }
    }

    @Test func `requests sent all at once are answered in their order, quick ones do not overtake slow ones`()
        async throws
    {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send(
                "GET /a HTTP/1.1\r\n\r\nGET /at-once/b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
                    + "GET /at-once/d HTTP/1.1\r\nConnection: close\r\n\r\n")
            let text = await client.waitForEnd()
            let places = ["GET /a ", "GET /at-once/b ", "POST /c 2 ", "GET /at-once/d "].map {
                text.firstRange(of: $0)?.lowerBound
            }
            #expect(!places.contains(nil))
            #expect(places.compactMap { $0 } == places.compactMap { $0 }.sorted())
        }
    }

    @Test func `thousands of requests in one piece do no harm`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            client.push(String(repeating: "GET /at-once HTTP/1.1\r\n\r\n", count: 5000))
            await client.wait { $0.count(of: "HTTP/1.1 200 OK") == 5000 }
            client.close()
        }
    }

    @Test func `a client of HTTP 1_0 is answered in kind and let go`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send("GET /at-once HTTP/1.0\r\n\r\n")
            let text = await client.waitForEnd()
            #expect(text.statusLine == "HTTP/1.0 200 OK")
            #expect(text.hasSuffix("GET /at-once 0 bytes from 127.0.0.1."))
        }
    }

    @Test(arguments: ["GET", "HEAD", "OPTIONS"])
    func `a bare status is a status line and nothing else`(_ method: String) async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send("\(method) /bare HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await client.waitForEnd() == "HTTP/1.0 200 OK\r\n\r\n")
        }
    }

    @Test func `a client that has nothing more to send still gets its answer`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send("GET /later HTTP/1.1\r\n\r\n")
            try await client.finishSending()
            #expect(await client.waitForEnd().hasSuffix("GET /later 0 bytes from 127.0.0.1."))
        }
    }

    @Test func `the answer comes in spite of a client that has left`() async throws {
        try await withServer { rig in
            let gone = try await RawClient(rig.port)
            try await gone.send("GET /held HTTP/1.1\r\n\r\n")
            gone.close()
            let client = try await RawClient(rig.port)
            try await client.send("GET /at-once HTTP/1.1\r\n\r\n")
            await client.wait { $0.hasSuffix(".") }
            rig.handler.release()
            client.close()
        }
    }

    @Test func `a body is invited when the client asks first`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send("POST /later HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            await client.wait { $0 == "HTTP/1.1 100 Continue\r\n\r\n" }
            try await client.send("ok")
            await client.wait { $0.hasSuffix("POST /later 2 bytes from 127.0.0.1.") }
            client.close()
        }
    }

    @Test func `a chunked body is put together`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            try await client.send(
                "POST /later HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            await client.wait { $0.hasSuffix("POST /later 5 bytes from 127.0.0.1.") }
            client.close()
        }
    }

    @Test func `headers of ours and of the operator stand in the answer, line breaks can't add more`() async throws {
        try await withServer {
            $0.serverToken = "Patroni"
            $0.extraHeaders = [("X-Frame-Options", "DENY"), ("X-Evil", "a\r\nSet-Cookie: b")]
        } _: { rig in
            let client = try await RawClient(rig.port)
            try await client.send("GET /at-once HTTP/1.1\r\nConnection: close\r\n\r\n")
            let text = await client.waitForEnd()
            #expect(text.contains("\r\nServer: Patroni\r\nDate: "))
            #expect(text.contains("\r\nX-Frame-Options: DENY\r\n"))
            #expect(!text.contains("\r\nSet-Cookie"))
            #expect(text.contains("\r\nConnection: close\r\n"))
        }
    }
}

@Suite("HTTP server: bad clients") struct ServerRefusalTests {
    @Test(arguments: [
        ("nonsense\r\n\r\n", 400), ("GET / HTTP/9.9\r\n\r\n", 400), ("GET /\u{1} HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n", 400), ("BREW / HTTP/1.1\r\n\r\n", 400),
    ])
    func `what is no HTTP is answered with an error page`(_ request: String, _ status: Int) async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            client.push(request)
            let text = await client.waitForEnd()
            #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
            #expect(text.contains("Content-Type: text/html;charset=utf-8\r\n"))
            #expect(text.contains("<p>Error code: \(status)</p>"))
        }
    }

    @Test func `a good request before the nonsense is still answered`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            client.push("GET /later HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
            let text = await client.waitForEnd()
            #expect(text.contains("GET /later 0 bytes"))
            #expect(text.contains("HTTP/1.1 400 Bad Request"))
        }
    }

    @Test func `no garbage brings the server down`() async throws {
        let good = Array("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello".utf8)
        try await withServer {
            $0.limits.bodyTimeout = .milliseconds(100)
        } _: { rig in
            // A fixed sequence of changed bytes, so that a failure comes again.
            var state: UInt64 = 42
            func next(_ limit: Int) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % limit
            }
            for _ in 0..<200 {
                var bytes = good
                for _ in 0...next(4) { bytes[next(bytes.count)] = UInt8(next(256)) }
                let client = try await RawClient(rig.port)
                client.push(bytes)
                try? await client.finishSending()
                _ = await client.waitForEnd()
            }
            let client = try await RawClient(rig.port)
            client.push(good)
            #expect(await client.waitForEnd().hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    @Test func `headers have a limit, in size and in number`() async throws {
        try await withServer {
            $0.limits.head = 4096
        } _: { rig in
            for request in [
                "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 5000))\r\n\r\n",
                "GET /\(String(repeating: "x", count: 5000)) HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\n\(String(repeating: "X: y\r\n", count: 200))\r\n",
            ] {
                let client = try await RawClient(rig.port)
                client.push(request)
                #expect(await client.waitForEnd().hasPrefix("HTTP/1.1 431 "))
            }
        }
    }

    @Test func `a body announced as too large is refused before it is sent`() async throws {
        try await withServer { rig in
            let client = try await RawClient(rig.port)
            client.push("POST /later HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n")
            #expect(await client.waitForEnd().statusLine == "HTTP/1.1 413 Request Entity Too Large")
        }
    }

    @Test func `an endless body is cut off at the limit, and the client can read why`() async throws {
        try await withServer {
            $0.limits.body = 100_000
        } _: { rig in
            let client = try await RawClient(rig.port)
            client.push("POST /later HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "4000\r\n" + String(repeating: "x", count: 0x4000) + "\r\n"
            for _ in 0..<100 { client.push(chunk) }
            #expect(await client.waitForEnd().statusLine == "HTTP/1.1 413 Request Entity Too Large")
        }
    }

    @Test func `a body that comes too slowly is given up`() async throws {
        try await withServer {
            $0.limits.bodyTimeout = .milliseconds(200)
        } _: { rig in
            let client = try await RawClient(rig.port)
            try await client.send("POST /later HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
            for _ in 0..<4 {
                client.push("x")
                await pause(.milliseconds(60))
            }
            #expect(await client.waitForEnd().statusLine == "HTTP/1.1 408 Request Timeout")
        }
    }

    @Test func `a head that comes too slowly ends the connection, however it trickles`() async throws {
        try await withServer {
            $0.limits.headTimeout = .milliseconds(200)
        } _: { rig in
            let client = try await RawClient(rig.port)
            try await client.send("GET / HTTP/1.1\r\nX-A: ")
            for _ in 0..<10 where !client.isClosed {
                client.push("x")
                await pause(.milliseconds(50))
            }
            #expect(await client.waitForEnd() == "")
        }
    }

    @Test func `a connection that stays silent after its answer is closed`() async throws {
        try await withServer {
            $0.limits.idleTimeout = .milliseconds(200)
        } _: { rig in
            let client = try await RawClient(rig.port)
            try await client.send("GET /at-once HTTP/1.1\r\n\r\n")
            #expect(await client.waitForEnd().count(of: "HTTP/1.1") == 1)
        }
    }

    @Test func `at the limit of connections an idle one makes room, a busy one does not`() async throws {
        try await withServer {
            $0.limits.connections = 2
        } _: { rig in
            let idle = try await RawClient(rig.port)
            try await idle.send("GET /at-once HTTP/1.1\r\n\r\n")
            await idle.wait { $0.hasSuffix(".") }
            let busy = try await RawClient(rig.port)
            try await busy.send("GET /held HTTP/1.1\r\n\r\n")
            await pause(.milliseconds(50))
            let third = try await RawClient(rig.port)
            _ = await idle.waitForEnd()
            try await third.send("GET /held HTTP/1.1\r\n\r\n")
            let fourth = try await RawClient(rig.port)
            fourth.push("GET /at-once HTTP/1.1\r\n\r\n")
            #expect(await fourth.waitForEnd() == "")
            rig.handler.release()
            await busy.wait { $0.hasSuffix("GET /held 0 bytes from 127.0.0.1.") }
            await third.wait { $0.hasSuffix("GET /held 0 bytes from 127.0.0.1.") }
            busy.close()
            third.close()
        }
    }
}
