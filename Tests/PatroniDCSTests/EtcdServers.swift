// Real etcd servers for tests: on free ports, in temporary directories, gone with the test process.

import Glibc
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

/// One etcd cluster of one or three servers.
final class EtcdServers: @unchecked Sendable {
    // Set by init only.
    struct Server: Sendable {
        var endpoint: Endpoint
        var peerURL: String
        var directory: String
        var scheme = "http"
        var url: String { "\(scheme)://\(endpoint)" }
    }

    private(set) var servers: [Server] = []
    private let root: String

    /// The server that tests share when they do it no harm.
    static let shared = Task { try await EtcdServers() }

    private let certificates: TestCertificates?

    /// With `usesTLS` the servers want a certificate of the client too.
    init(count: Int = 1, usesTLS: Bool = false) async throws {
        root = try temporaryDirectory("etcd")
        certificates = usesTLS ? try await TestCertificates(in: root) : nil
        // A free port may be taken by somebody else before etcd gets it: then once more, with others.
        for attempt in 1...3 {
            servers = try (0..<count).map { number in
                Server(
                    endpoint: Endpoint(host: "127.0.0.1", port: try freePort()),
                    peerURL: "http://127.0.0.1:\(try freePort())", directory: "\(root)/s\(attempt)-\(number)",
                    scheme: usesTLS ? "https" : "http")
            }
            do {
                for number in servers.indices { try start(number) }
                for number in servers.indices { try await waitUntilHealthy(number) }
                return
            } catch {
                for number in servers.indices { end(number, SIGKILL) }
                if attempt == 3 { throw error }
            }
        }
    }

    deinit {
        close(open("\(root)/done", O_CREAT | O_WRONLY, 0o600))
        for number in servers.indices { end(number, SIGKILL) }
    }

    /// Also a server that was stopped before: its data are kept.
    func start(_ number: Int) throws {
        let server = servers[number]
        let etcd = try #require(Machine.findProgram("etcd"), "etcd is missing: apt-get install etcd-server")
        let all = servers.enumerated().map { "s\($0.offset)=\($0.element.peerURL)" }.joined(separator: ",")
        mkdir(server.directory, 0o700)
        // The shell ends the server when this process is no more, and clears up.
        let script = """
            exec >/dev/null 2>&1 </dev/null
            \(etcd) --name s\(number) --data-dir \(server.directory)/data \
              --listen-client-urls \(server.url) --advertise-client-urls \(server.url) \
              --listen-peer-urls \(server.peerURL) --initial-advertise-peer-urls \(server.peerURL) \
              --initial-cluster \(all) --heartbeat-interval 50 --election-timeout 500 \(certificates?.etcdOptions ?? "") \
              >\(server.directory)/log 2>&1 &
            echo $! >\(server.directory)/pid.new; mv \(server.directory)/pid.new \(server.directory)/pid
            while kill -0 \(getpid()) 2>/dev/null && kill -0 $! 2>/dev/null; do sleep 0.5; done
            if kill -0 \(getpid()) 2>/dev/null && ! [ -e \(root)/done ]; then exit; fi
            kill -9 $!; wait $!; rm -rf \(root)
            """
        unlink("\(server.directory)/pid")
        _ = try DetachedProcess.start(
            "/bin/sh", ["-c", script],
            environment: ["PATH": "/usr/bin:/bin"])
    }

    /// SIGKILL, SIGSTOP or SIGCONT. Returns when a stop has reached every thread: until then a server may still answer.
    func end(_ number: Int, _ signal: Int32) {
        guard let text = try? FileReading.text("\(servers[number].directory)/pid"),
            let pid = Int32(text.split(separator: "\n").first ?? "")
        else { return }
        // Once is enough: the number may be given to another process.
        if signal == SIGKILL { unlink("\(servers[number].directory)/pid") }
        kill(pid, signal)
        if signal == SIGSTOP { waitUntilStopped(pid) }
    }

    private func waitUntilStopped(_ pid: Int32) {
        let end = SystemTime().now + .seconds(5)
        while SystemTime().now < end {
            let threads = (try? FileReading.names(in: "/proc/\(pid)/task")) ?? []
            let isStopped = threads.allSatisfy { thread in
                guard let stat = try? FileReading.text("/proc/\(pid)/task/\(thread)/stat") else { return true }
                return stat.split(separator: ") ").last?.first == "T"
            }
            if isStopped { return }
            OwnThread.pause(.milliseconds(1))
        }
    }

    func waitUntilHealthy(_ number: Int) async throws {
        let http = try HTTPTransport(tls: settings.tls)
        let end = SystemTime().now + .seconds(20)
        while SystemTime().now < end {
            let answer = try? await http.send(
                HTTPRequest(.get, servers[number].url + "/health"), by: SystemTime().now + .seconds(2))
            if answer?.text.contains("true") == true { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NotStarted(log: (try? FileReading.text("\(servers[number].directory)/log")) ?? "")
    }

    struct NotStarted: Error { var log: String }

    /// A call of etcd's own, past the code under test.
    @discardableResult
    func call(_ path: String, _ body: JSONObject, token: String? = nil) async throws -> JSON {
        let http = try HTTPTransport()
        var request = HTTPRequest(.post, "\(servers[0].url)/v3/\(path)", body: Array(body.text().utf8))
        if let token { request.headers.append(("Authorization", token)) }
        let answer = try await http.send(request, by: SystemTime().now + .seconds(5))
        return try JSON.parse(answer.body)
    }

    var settings: Etcd3Settings {
        var settings = Etcd3Settings(endpoints: servers.map(\.endpoint))
        if let certificates {
            settings.usesTLS = true
            settings.tls = certificates.clientSettings
        }
        return settings
    }
}

func temporaryDirectory(_ what: String) throws -> String {
    var template = Array("/tmp/patroni-\(what)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FileError("make", "/tmp", .last) }
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
}

func freePort() throws -> Int { Int(try #require(Machine.freePort())) }
