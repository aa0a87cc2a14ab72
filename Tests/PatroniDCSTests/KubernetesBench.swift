// A namespace of its own on a real (or test) API server for each test, with pods for the members it wants.

import Glibc
import KubernetesTestServer
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Synchronization
import Testing

@testable import PatroniDCS

/// One API server for one test: the test server, or a namespace on a real one (`make test-kubernetes`).
final class KubernetesBench: Sendable {
    /// The administrator's kubeconfig of a real API server; nil: the test server is used.
    static let realKubeconfig = ProcessEnvironment.read()["PATRONI_TEST_KUBECONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    static var isReal: Bool { realKubeconfig != nil }

    let namespace: String
    let admin: KubernetesGateway
    let relay: Relay
    /// Nil on a real API server.
    let server: KubernetesTestServer?
    private let directory: String
    private let made = Mutex<Set<String>>([])

    /// `scope`: the value of the pods' cluster label on the test server.
    init(scope: String, nodes: Int = 1) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        directory = try temporaryDirectory("kube")
        let text: String
        let address: Endpoint
        if let file = Self.realKubeconfig {
            server = nil
            namespace = "t\(SystemTime().now.nanoseconds)"
            text = try FileReading.text(file)
            let url = try JSON.parse(text)["clusters"]?.array?.first?["cluster"]?["server"]?.string ?? ""
            let split = try #require(Endpoint.split(String(url.dropFirst("https://".count)), defaultPort: 443))
            address = Endpoint(host: split.host, port: split.port)
        } else {
            var options = KubernetesTestOptions()
            options.cluster = scope
            options.pods = ["administrator"]
            options.nodes = nodes
            let made = try await KubernetesTestServer.start(options)
            server = made
            namespace = made.namespace
            text = try made.kubeconfig(of: "administrator")
            address = made.service
        }
        relay = try Relay(to: address.host, address.port)
        let access = try Kubeconfig.access(Array(text.utf8), file: "kubeconfig", context: "")
        admin = try KubernetesGateway(
            access: access, bypasses: false, retriable: [500, 503, 504], seed: 0, time: SystemTime(), logger: logger)
        try writeKubeconfig("administrator", text, address)
        if server == nil {
            try await make("/api/v1/namespaces", ["metadata": ["name": .string(namespace)]])
            try await make("/api/v1/namespaces/\(namespace)/serviceaccounts", ["metadata": ["name": "default"]])
        }
    }

    /// Leads through the relay.
    private func writeKubeconfig(_ name: String, _ text: String, _ address: Endpoint) throws {
        let through = text.split(separator: "https://\(address)", omittingEmptySubsequences: false)
            .joined(separator: "https://127.0.0.1:\(relay.port)")
        try DurableFile.write("\(directory)/\(name)", through)
    }

    /// What a store of this member finds in its environment.
    func environment(_ name: String) throws -> [String: String] {
        guard let server, name != "administrator" else { return ["KUBECONFIG": "\(directory)/administrator"] }
        try writeKubeconfig(name, try server.kubeconfig(of: name), server.service)
        return ["KUBECONFIG": "\(directory)/\(name)"]
    }

    deinit {
        relay.close()
        for name in made.withLock({ $0 }).union(["administrator"]) { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    func settings(_ change: (inout KubernetesSettings) -> Void = { _ in }) -> KubernetesSettings {
        var settings = KubernetesSettings(labels: [KubernetesLabel("application", "patroni")])
        settings.namespace = namespace
        settings.podIP = "10.77.0.11"
        change(&settings)
        return settings
    }

    private func make(_ path: String, _ body: JSONObject) async throws {
        _ = try await admin.call(
            KubernetesCall(method: .post, path: path, body: body), by: SystemTime().now + .seconds(20))
    }

    /// The pod of a member, once.
    func makePod(_ name: String, scope: String) async throws {
        if !made.withLock({ $0.insert(name).inserted }) { return }
        if let server {
            try server.addPod(name, address: "10.77.0.11")
            return
        }
        try await make(
            "/api/v1/namespaces/\(namespace)/pods",
            [
                "metadata": [
                    "name": .string(name), "labels": ["application": "patroni", "cluster-name": .string(scope)],
                ],
                "spec": [
                    "containers": [["name": "patroni", "image": "patroni"]], "automountServiceAccountToken": false,
                ],
            ])
    }

    func read(_ resource: KubernetesResource, _ name: String) async throws -> JSON {
        try await admin.call(
            KubernetesCall(path: resource.path(namespace, name)), by: SystemTime().now + .seconds(10)
        ).json
    }

    func patch(_ resource: KubernetesResource, _ name: String, _ body: JSONObject) async throws {
        _ = try await admin.call(
            KubernetesCall(method: .patch, path: resource.path(namespace, name), body: body),
            by: SystemTime().now + .seconds(10))
    }
}

/// Passes connections on, and can stop doing so without closing them, as a frozen server would.
final class Relay: Sendable {
    let port: Int
    private let listener: Int32
    private let target: (host: String, port: Int)
    private let state = Mutex((isFrozen: false, isClosed: false))

    init(to host: String, _ port: Int) throws {
        target = (host, port)
        self.port = try freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.withAddress("127.0.0.1", self.port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0
        else {
            throw StoreFailure(.unreachable, "no relay on port \(self.port)")
        }
        OwnThread.start(name: "relay") { self.work() }
    }

    func freeze(_ isFrozen: Bool) { state.withLock { $0.isFrozen = isFrozen } }
    func close() { state.withLock { $0.isClosed = true } }

    private static func withAddress(
        _ host: String, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func work() {
        var other: [Int32: Int32] = [:]
        defer {
            for descriptor in other.keys { Glibc.close(descriptor) }
            Glibc.close(listener)
        }
        while true {
            let now = state.withLock { $0 }
            if now.isClosed { return }
            if now.isFrozen {
                usleep(5000)
                continue
            }
            var polled = ([listener] + other.keys).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            if poll(&polled, nfds_t(polled.count), 20) <= 0 { continue }
            for entry in polled where entry.revents != 0 {
                if entry.fd == listener { accept(into: &other) } else { pass(entry.fd, &other) }
            }
        }
    }

    private func accept(into other: inout [Int32: Int32]) {
        let here = Glibc.accept(listener, nil, nil)
        let there = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.withAddress(target.host, target.port, { connect(there, $0, $1) }) == 0 else {
            Glibc.close(here)
            Glibc.close(there)
            return
        }
        other[here] = there
        other[there] = here
    }

    private func pass(_ from: Int32, _ other: inout [Int32: Int32]) {
        guard let to = other[from] else { return }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(from, &buffer, buffer.count, 0)
        var sent = 0
        while sent < count {
            let written = buffer[sent..<count].withUnsafeBytes {
                send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if written <= 0 { break }
            sent += written
        }
        if count <= 0 || sent < count {
            Glibc.close(from)
            Glibc.close(to)
            other[from] = nil
            other[to] = nil
        }
    }
}
