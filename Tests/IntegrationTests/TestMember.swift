// One member: its files, its ports, its agent, and how to talk to its REST API and its PostgreSQL.

import Glibc
import PatroniCore
import Synchronization

/// What a REST call answered.
struct Answer: Sendable {
    var status: Int
    var body: String

    /// The body as a JSON object; empty when it is none.
    var json: JSONObject { (try? JSON.parse(body))?.object ?? [:] }
}

final class TestMember: Sendable {
    let name: String
    let folder: String
    let restPort: Int
    let postgresPort: Int
    let implementation: Implementation
    let lab: Lab
    /// Of the agent and the control command.
    let environment: [String: String]
    private let agents = Mutex<[Daemon]>([])

    var dataDirectory: String { "\(folder)/data" }
    var configurationFile: String { "\(folder)/patroni.yml" }
    var logFile: String { "\(folder)/agent.log" }

    init(
        _ name: String, folder: String, implementation: Implementation, lab: Lab, environment: [String: String] = [:]
    ) {
        self.environment = environment
        self.name = name
        self.folder = folder
        self.implementation = implementation
        self.lab = lab
        restPort = Lab.freePort()
        postgresPort = Lab.freePort()
    }

    // MARK: the agent

    var agent: Daemon? { agents.withLock { $0.last } }
    var isAgentRunning: Bool { agent?.isRunning ?? false }

    @discardableResult
    func start() throws -> Daemon {
        let command = lab.asUser + implementation.agent.split(separator: " ").map(String.init) + [configurationFile]
        let daemon = try Daemon("agent of \(name)", command: command, logFile: logFile, environment: environment)
        agents.withLock { $0.append(daemon) }
        return daemon
    }

    /// SIGTERM: the agent stops PostgreSQL and gives up what it holds.
    func stop() async throws { try await agent?.end(SIGTERM, within: .seconds(60)) }
    func killAgent() async throws { try await agent?.end(SIGKILL) }

    /// Agent and PostgreSQL at once, as when the machine goes.
    func killNode() async throws {
        let postmaster = await postmasterPID()
        agent?.send(SIGKILL)
        if let postmaster { kill(postmaster, SIGKILL) }
        try await agent?.end(SIGKILL)
        try await eventually("PostgreSQL of \(name) is gone", every: .milliseconds(50)) {
            await postmasterPID() == nil ? true : nil
        }
    }

    // MARK: PostgreSQL

    /// The living postmaster's pid.
    func postmasterPID() async -> Int32? {
        let script = """
            pid=$(head -1 \(dataDirectory)/postmaster.pid) && grep -q '^State:.*[RSDTt] (' /proc/$pid/status \
            && tr '\\0' ' ' < /proc/$pid/cmdline | grep -qF \(folder)/ && echo $pid
            """
        guard let result = try? await Shell.run(script), result.succeeded else { return nil }
        return Int32(result.text)
    }

    func killPostmaster(_ signal: Int32 = SIGKILL) async throws {
        guard let pid = await postmasterPID() else { throw Missing(what: "postmaster of \(name)") }
        kill(pid, signal)
    }

    static func conninfo(_ ports: [Int], extra: String = "") -> String {
        let hosts = ports.map { _ in "127.0.0.1" }.joined(separator: ",")
        let list = ports.map(String.init).joined(separator: ",")
        return "host=\(hosts) port=\(list) user=postgres password=secret-s dbname=postgres connect_timeout=3 \(extra)"
    }

    /// Runs SQL as the superuser over TCP and returns psql's unaligned output.
    @discardableResult
    func sql(_ text: String) async throws -> String {
        try await Self.sql(text, conninfo: Self.conninfo([postgresPort]), lab: lab)
    }

    static func sql(_ text: String, conninfo: String, lab: Lab) async throws -> String {
        try await Shell.check(
            "PGOPTIONS='-c statement_timeout=10s' \(lab.postgresPrograms)/psql -XAtq -v ON_ERROR_STOP=1 "
                + "\(Shell.quoted(conninfo)) -c \(Shell.quoted(text))", seconds: 20)
    }

    var isWritable: Bool {
        get async { (try? await sql("SELECT pg_is_in_recovery()")) == "f" }
    }

    // MARK: REST

    func rest(_ method: String, _ path: String, _ body: String? = nil, extra: String = "") async throws -> Answer {
        let data = body.map { "-H 'Content-Type: application/json' --data-binary \(Shell.quoted($0))" } ?? ""
        let result = try await Shell.run(
            "curl -s -m 40 -X \(method) \(data) \(extra) -w '\\n%{http_code}' "
                + Shell.quoted("http://127.0.0.1:\(restPort)\(path)"))
        let parts = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        return Answer(
            status: parts.last.flatMap { Int($0) } ?? 0, body: parts.dropLast().joined(separator: "\n"))
    }

    func status(of path: String) async throws -> Int { try await rest("GET", path).status }
    /// The member's own report.
    func report() async throws -> JSONObject { try await rest("GET", "/patroni").json }
    func timeline() async throws -> Int { Int(try await report()["timeline"]?.int ?? 0) }

    // MARK: the control command

    /// `patronictl` with this member's configuration.
    func control(_ arguments: String, with other: Implementation? = nil, input: String = "") async throws
        -> CommandResult
    {
        let variables = environment.map { "\($0.key)=\(Shell.quoted($0.value)) " }.joined()
        return try await Shell.run(
            "\(Shell.quoted(input).isEmpty ? "" : "printf %s \(Shell.quoted(input)) |") "
                + "\(variables)\((other ?? implementation).control) -c \(configurationFile) \(arguments)", seconds: 90)
    }
}

struct Missing: Error, CustomStringConvertible {
    var what: String
    var description: String { "there is no \(what)" }
}
