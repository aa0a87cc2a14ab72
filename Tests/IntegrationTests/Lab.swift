// What all clusters of a test run share: staged binaries, an unprivileged user, free ports, real Patroni for comparison.

import Glibc
import PatroniPlatform
import Synchronization

/// One implementation under test: how to start its agent and its control command.
struct Implementation: Sendable, Hashable {
    var name: String
    var agent: String
    var control: String
}

/// Made once a test run. Its folder and everything started below it end with the test process, however that ends.
struct Lab: Sendable {
    /// Owned by ``user``.
    var folder: String
    /// Nil: we are not root, everything runs as ourselves.
    var user: String?
    var postgresPrograms: String
    var ours: Implementation

    static let shared = Task { try await Lab.make() }

    static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    private static func make() async throws -> Lab {
        let user: String? = getuid() == 0 ? "postgres" : nil
        let folder = try await Shell.check("mktemp -d ${TMPDIR:-/tmp}/patroni-it.XXXXXX")
        var lab = Lab(
            folder: folder, user: user, postgresPrograms: try await Shell.check("\(root)/scripts/postgres-bindir"),
            ours: Implementation(name: "ours", agent: "\(folder)/bin/patroni", control: "\(folder)/bin/patronictl"))
        try await Shell.check("chmod 755 \(folder)")
        try await Janitor.watch(folder)
        if !isOverridden { try await Shell.check("\(root)/scripts/stage-binaries \(folder)/bin \(user ?? "")") }
        lab.ours.agent = variable("PATRONI_TEST_AGENT") ?? lab.ours.agent
        lab.ours.control = variable("PATRONI_TEST_CONTROL") ?? lab.ours.control
        if let user { try await Shell.check("chown \(user): \(folder)") }
        return lab
    }

    /// True when the scenarios run against another implementation, to test the tests.
    static var isOverridden: Bool { variable("PATRONI_TEST_AGENT") != nil }

    static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Real Patroni 4.1.5, installed into a virtual environment that is thrown away with the lab.
    func realPatroni() async throws -> Implementation {
        let folder = Self.variable("PATRONI_TEST_VENV") ?? "\(self.folder)/python"
        if getuid() == 0 { try await Shell.check("mkdir -p \(folder) && chmod 755 \(folder)") }
        try await Shell.check("\(Self.root)/scripts/python-patroni \(folder)", seconds: 240)
        return Implementation(name: "python", agent: "\(folder)/bin/patroni", control: "\(folder)/bin/patronictl")
    }

    /// The words that make a command run as the unprivileged user.
    var asUser: [String] {
        guard let user else { return [] }
        return ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--init-groups", "--"]
    }

    // MARK: ports

    /// Below the range that outgoing connections take theirs from. Rows of `scripts/side-by-side` have ports of their own: a
    /// free one is not taken before its server has started.
    private static let ports: ClosedRange<Int> = {
        guard let row = variable("PATRONI_TEST_ROW").flatMap({ Int($0) }) else { return 20_000...31_999 }
        let first = 20_000 + (row % 4) * 3_000
        return first...(first + 2_999)
    }()

    private static let nextPort = Mutex(ports.lowerBound + Int(getpid()) * 20 % ports.count)

    /// A port nobody listens on.
    static func freePort() -> Int {
        while true {
            let port = nextPort.withLock { next in
                next = next >= ports.upperBound ? ports.lowerBound : next + 1
                return next
            }
            if canBind(port) { return port }
        }
    }

    private static func canBind(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = 0
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        } == 0
    }
}

/// `scripts/cluster-janitor`: ends everything below a folder when this process lets go of it.
enum Janitor {
    /// Held open until this process ends; never read.
    private static let lifelines = Mutex<[String: Int32]>([:])

    static func watch(_ folder: String) async throws {
        try await Shell.check("mkfifo \(folder)/lifeline")
        _ = try DetachedProcess.start(
            "/bin/bash", ["\(Lab.root)/scripts/cluster-janitor", folder], environment: ["PATH": "/usr/bin:/bin"])
        // Opening for reading and writing does not wait for the other side; the janitor then waits for our end.
        let descriptor = open("\(folder)/lifeline", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw NoLifeline(folder: folder) }
        lifelines.withLock { $0[folder] = descriptor }
    }

    /// Lets go of a folder now and waits until it is cleaned up.
    static func release(_ folder: String) async throws {
        if let descriptor = lifelines.withLock({ $0.removeValue(forKey: folder) }) { close(descriptor) }
        try await eventually("\(folder) cleaned up", within: .seconds(30)) {
            access("\(folder)/lifeline", F_OK) != 0 ? true : nil
        }
    }

    struct NoLifeline: Error { var folder: String }
}
