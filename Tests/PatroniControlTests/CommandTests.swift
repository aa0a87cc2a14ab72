// Whole runs of patronictl on a real embedded store, with an operator who types what the test says.

import Glibc
import PatroniCore
import Synchronization
import Testing

@testable import PatroniControl

/// Types lines and remembers what was printed.
final class ScriptedTerminal: Terminal {
    private let state: Mutex<(lines: [String], output: String, complaints: String)>

    init(_ lines: [String]) { state = Mutex((lines, "", "")) }

    var isScreen: Bool { false }
    var output: String { state.withLock { $0.output } }
    var complaints: String { state.withLock { $0.complaints } }

    func write(_ text: String) { state.withLock { $0.output += text } }
    func complain(_ text: String) { state.withLock { $0.complaints += text + "\n" } }
    func readLine() async -> String? { state.withLock { $0.lines.isEmpty ? nil : $0.lines.removeFirst() } }
}

struct Run {
    var code: Int32
    var output: String
    var complaints: String
}

@Suite struct CommandTests {
    /// Runs commands one after the other on one fresh store.
    private func run(_ commands: [[String]], typing lines: [String] = []) async throws -> [Run] {
        var template = Array("/tmp/patronictl-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        defer {
            for name in ["store", "store-wal", "store-shm"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        var runs: [Run] = []
        for command in commands {
            let terminal = ScriptedTerminal(lines)
            let code = await ControlProgram.run(
                command, environment: ["PATRONI_EMBEDDED_PATH": "\(folder)/store", "PATRONI_SCOPE": "demo"],
                terminal: terminal)
            runs.append(Run(code: code, output: terminal.output, complaints: terminal.complaints))
        }
        return runs
    }

    @Test func `the environment alone is configuration enough`() async throws {
        let run = try await run([["list"]])[0]
        #expect(run.code == 0, "\(run.complaints)")
        #expect(run.output.hasPrefix("+ Cluster: demo (uninitialized) "))
    }

    static let codes: [([String], Int32)] = [
        (["--help"], 0), (["list", "--help"], 0), ([], 2), (["nonsense"], 2), (["list", "--nonsense"], 2),
        (["list", "-f", "xml"], 2), (["restart"], 2), (["flush", "demo", "what"], 2),
        (["-c", "/nonexistent", "list"], 1),
        (["version"], 0), (["switchover", "--force"], 1), (["pause"], 1),
        (["edit-config", "-s", "ttl=5", "--force"], 1),
        (["list", "--group", "1"], 2), (["-d", "foo://x", "list"], 1), (["dsn"], 1), (["show-config"], 0),
    ]

    @Test(arguments: codes)
    func `exit codes tell what went wrong`(arguments: [String], code: Int32) async throws {
        let run = try await run([arguments])[0]
        #expect(run.code == code, "\(run.output)\(run.complaints)")
        if code == 1 { #expect(run.complaints.hasPrefix("Error: ")) }
    }

    static let refusals: [([String], String)] = [
        (["switchover"], "Error: This cluster has no leader"),
        (["failover"], "Error: No candidates found to failover to"),
        (["resume"], "Error: Cluster is not paused"),
        (["pause"], "Error: Can not find accessible cluster member"),
        (["restart", "demo"], "Error: demo cluster doesn't have any members"),
        (["edit-config", "-s", "a=1"], "Error: The config key does not exist in the cluster demo"),
        (["dsn", "-r", "any", "-m", "x"], "Error: --role and --member are mutually exclusive options"),
        (["demote-cluster"], "Error: At least --host, --port or --restore-command should be specified"),
        (
            ["demote-cluster", "--primary-slot-name", "s"],
            "Error: At least --host, --port or --restore-command should be specified"
        ),
        (["demote-cluster", "--host", "h"], "Error: Cluster has no leader, demotion is not possible"),
        (["promote-cluster"], "Error: Cluster has no leader, promotion is not possible"),
        (["remove", "demo"], "Aborted!"),
    ]

    @Test(arguments: refusals)
    func `refusals have Patroni's words`(arguments: [String], message: String) async throws {
        let run = try await run([arguments])[0]
        #expect(run.code == 1)
        #expect(run.complaints == message + "\n")
    }

    @Test func `removing a cluster needs its name and a promise`() async throws {
        let wrong = try await run([["remove", "demo"]], typing: ["other"])[0]
        #expect(wrong.complaints == "Error: Cluster names specified do not match\n")
        let careless = try await run([["remove", "demo"]], typing: ["demo", "yes"])[0]
        #expect(careless.complaints == "Error: You did not exactly type \"Yes I am aware\"\n")
        let right = try await run([["remove", "demo"]], typing: ["demo", "Yes I am aware"])[0]
        #expect(right.code == 0)
    }

    @Test func `without a store's section one line says which there are`() async {
        let terminal = ScriptedTerminal([])
        let code = await ControlProgram.run(
            ["list"], environment: ["PATRONI_SCOPE": "x", "PATRONI_CONSUL_HOST": "h"], terminal: terminal)
        #expect(code == 1)
        #expect(
            terminal.complaints
                == "Error: consul: this store is not supported yet, expected one of embedded, etcd3, kubernetes\n")
    }
}
