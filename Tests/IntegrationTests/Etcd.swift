// A real etcd of one node, on free ports.

import Glibc

struct Etcd: Sendable {
    let port: Int
    let daemon: Daemon

    static func start(in folder: String, lab: Lab) async throws -> Etcd {
        let (port, peerPort) = (Lab.freePort(), Lab.freePort())
        let url = "http://127.0.0.1:\(port)"
        let peerURL = "http://127.0.0.1:\(peerPort)"
        let program = try await Shell.check("command -v etcd")
        let daemon = try Daemon(
            "etcd",
            command: lab.asUser + [
                program, "--name=lab", "--data-dir=\(folder)/etcd", "--listen-client-urls=\(url)",
                "--advertise-client-urls=\(url)", "--listen-peer-urls=\(peerURL)",
                "--initial-advertise-peer-urls=\(peerURL)", "--initial-cluster=lab=\(peerURL)",
            ], logFile: "\(folder)/etcd.log")
        let etcd = Etcd(port: port, daemon: daemon)
        try await eventually("etcd answers") {
            try await Shell.run("curl -sf -m 2 \(url)/health").succeeded ? true : nil
        }
        return etcd
    }

    private func etcdctl(_ arguments: String) async throws -> String {
        try await Shell.check(
            "ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:\(port) --dial-timeout=3s --command-timeout=5s \(arguments)")
    }

    /// A key's value; empty when absent.
    func get(_ key: String) async throws -> String { try await etcdctl("get --print-value-only \(key)") }
    func put(_ key: String, _ value: String) async throws {
        _ = try await etcdctl("put \(key) -- \(Shell.quoted(value))")
    }
    func keys(below prefix: String) async throws -> [String] {
        try await etcdctl("get --prefix --keys-only \(prefix)").split(separator: "\n").map(String.init)
    }
}
