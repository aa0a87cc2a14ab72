// A Kubernetes API server for tests: HTTPS, tokens, rights, versions, watches, several addresses, and faults at will.

import Glibc
import NIOCore
import PatroniCore
import PatroniPlatform
import Synchronization

/// How a test server is set up.
public struct KubernetesTestOptions: Sendable {
    public var namespace = "patroni-lab"
    /// The service account, also the value of the label `cluster-name` of the pods.
    public var cluster = "patronidemo"
    /// So many API servers, each with an address of its own: 127.0.0.2 and on, same port.
    public var nodes = 1
    /// The pods made in advance; their addresses are 10.77.0.11 and on.
    public var pods = ["patronidemo-0", "patronidemo-1", "patronidemo-2"]
    /// The certificate names the single API servers, not only the service.
    public var namesNodes = false
    public var hasEndpointSlices = true

    public init() {}
}

/// One state behind a service address (127.0.0.1) and one address for each API server.
public final class KubernetesTestServer: Sendable {
    public let namespace: String
    public let cluster: String
    /// Where the certificate authority and the pods' files are.
    public let folder: String
    /// `host:port` of the service, what `KUBERNETES_SERVICE_HOST` and `_PORT` name: each connection goes to the next of
    /// the API servers that are listed.
    public let service: Endpoint
    /// The API servers' own addresses, what `default/kubernetes` lists.
    public let nodes: [Endpoint]

    let core: ServerCore
    private let servers: [Node]
    private let front: any Channel
    private let listing: Listing

    /// Which API servers the service and `default/kubernetes` know.
    private final class Listing: Sendable {
        let state: Mutex<(listed: [Int], next: Int)>
        init(_ count: Int) { state = Mutex((Array(0..<count), 0)) }
        func next() -> Int? {
            state.withLock { state in
                guard !state.listed.isEmpty else { return nil }
                state.next = (state.next + 1) % state.listed.count
                return state.listed[state.next]
            }
        }
    }

    public static func start(_ options: KubernetesTestOptions = .init()) async throws -> KubernetesTestServer {
        let server = try await KubernetesTestServer(options)
        running.withLock { $0[ObjectIdentifier(server)] = server }
        return server
    }

    private init(_ options: KubernetesTestOptions) async throws {
        folder = try await "\(Self.root.value)/\(Self.count.add(1, ordering: .relaxed).newValue)"
        mkdir(folder, 0o755)
        namespace = options.namespace
        cluster = options.cluster
        let hosts = (0..<options.nodes).map { "127.0.0.\($0 + 2)" }
        let certificates = try await Certificates(
            in: folder, addresses: ["127.0.0.1"] + (options.namesNodes ? hosts : []))
        let core = ServerCore(namespace: options.namespace, time: SystemTime())
        core.state.withLock { $0.hasEndpointSlices = options.hasEndpointSlices }
        let servers = hosts.enumerated().map {
            Node(number: $0.offset, host: $0.element, core: core, certificates: certificates)
        }
        let port = try await Self.listen(servers)
        let listing = Listing(servers.count)
        front = try await Node.bind(host: "127.0.0.1", port: 0) { channel in
            // As kube-proxy does: a listed server that is dead gets its share too.
            guard let number = listing.next() else { throw ChannelError.eof }
            try servers[number].prepare(channel)
        }
        self.core = core
        self.servers = servers
        self.listing = listing
        service = Endpoint(host: "127.0.0.1", port: front.localAddress?.port ?? 0)
        nodes = hosts.map { Endpoint(host: $0, port: port) }
        try core.change { (state) throws(StatusError) in
            _ = try state.store.create(["metadata": ["name": "default"]], .namespaces, "")
            _ = try state.store.create(["metadata": ["name": .string(options.namespace)]], .namespaces, "")
        }
        list(Array(0..<servers.count))
        for (index, pod) in options.pods.enumerated() { try addPod(pod, address: "10.77.0.\(11 + index)") }
    }

    /// Servers live until they are stopped, or as long as the process: who only talks to one keeps no reference to it.
    private static let running = Mutex<[ObjectIdentifier: KubernetesTestServer]>([:])

    private static let count = Atomic(0)

    /// Where all servers of this process have their folders; it goes with the process.
    private static let root = Task { () throws -> String in
        var template = Array("/tmp/kubernetes-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestServerError(description: "no folder in /tmp") }
        let root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        chmod(root, 0o755)
        // It must not hold our output open: whoever runs the tests waits for its end.
        let script =
            "exec >/dev/null 2>&1 </dev/null; while kill -0 \(getpid()) 2>/dev/null; do sleep 1; done; rm -rf \(root)"
        _ = try DetachedProcess.start("/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
        return root
    }

    /// All on one port, which the first one finds.
    private static func listen(_ servers: [Node]) async throws -> Int {
        for attempt in 1... {
            do {
                var port = 0
                for server in servers { port = try await server.listen(port: port) }
                return port
            } catch {
                for server in servers { await server.kill() }
                if attempt == 5 { throw error }
            }
        }
        return 0
    }

    /// Ends everything; watches and connections are cut.
    public func stop() async {
        try? await front.close()
        for server in servers { await server.kill() }
        Self.running.withLock { $0[ObjectIdentifier(self)] = nil }
    }

    /// The certificate authority's file.
    public var authorityFile: String { folder + "/ca.crt" }

    // MARK: the API servers

    /// SIGKILL: connections are reset, new ones refused. It stays listed until ``list(_:)`` says otherwise.
    public func kill(node: Int) async { await servers[node].kill() }
    /// SIGTERM: watches end properly, connections are closed, new ones refused.
    public func end(node: Int) async { await servers[node].end() }
    /// SIGSTOP: connections are accepted, nothing is answered.
    public func freeze(node: Int) async { await servers[node].freeze() }
    public func thaw(node: Int) async { await servers[node].thaw() }
    public func restart(node: Int) async throws { _ = try await servers[node].listen(port: nodes[node].port) }
    public func connectionCount(node: Int) -> Int { servers[node].connectionCount }

    /// Which API servers `default/kubernetes` lists and the service leads to.
    public func list(_ numbers: [Int]) {
        listing.state.withLock { $0 = (numbers, 0) }
        let port = nodes.first?.port ?? 0
        let hosts = numbers.map { nodes[$0].host }
        let subset: JSON = [
            "addresses": .array(hosts.map { ["ip": .string($0)] }),
            "ports": [["name": "https", "port": .int(Int64(port)), "protocol": "TCP"]],
        ]
        let skip: JSON = ["endpointslice.kubernetes.io/skip-mirror": "true"]
        let owner: JSON = ["kubernetes.io/service-name": "kubernetes"]
        core.change { state in
            // Not by the front door: there loopback addresses are refused.
            _ = state.store.load(
                [
                    "metadata": ["name": "kubernetes", "namespace": "default", "labels": skip],
                    "subsets": hosts.isEmpty ? .array([]) : [subset],
                ], .endpoints, "default")
            _ = state.store.load(
                [
                    "metadata": ["name": "kubernetes", "namespace": "default", "labels": owner], "addressType": "IPv4",
                    "endpoints": .array(hosts.map { ["addresses": [.string($0)], "conditions": ["ready": true]] }),
                    "ports": [["name": "https", "port": .int(Int64(port)), "protocol": "TCP"]],
                ], .endpointSlices, "default")
        }
    }
}
