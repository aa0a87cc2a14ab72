// For tests of the whole REST API: a real server on a free port, over an agent that remembers what it was asked.

import Logging
import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts
import Synchronization
import Testing

/// An agent that only keeps notes. Its store is a value that tests set.
final class NotingBackend: APIBackend {
    struct Notes {
        var cluster: Result<Cluster, StoreFailure> = .success(Cluster())
        var calls: [String] = []
        var writeOutcome = WriteOutcome.written(KeyVersion(8))
        /// What the next writes of the configuration meet, before ``writeOutcome``.
        var firstOutcomes: [WriteOutcome] = []
        var peers: [PeerStatus] = []
        var restart = RestartOutcome.restarted
        var scheduled = true
        var reinitializeRefusal: String?
        var flight = FlightLog()
        var failsafe = FailsafeAnswer.accepted(LSN(77), for: .seconds(30))
        /// What the loop makes of a failover request.
        var onWake: (@Sendable (inout Cluster) -> Void)?
    }

    let notes = Mutex(Notes())
    let status: StatusHolder

    init(_ status: StatusHolder) { self.status = status }

    var calls: [String] { notes.withLock { $0.calls } }
    func change(_ body: (inout Notes) -> Void) { notes.withLock { body(&$0) } }
    func changeCluster(_ body: (inout Cluster) -> Void) {
        change { notes in
            guard case .success(var cluster) = notes.cluster else { return }
            body(&cluster)
            notes.cluster = .success(cluster)
        }
    }
    private func note(_ call: String) { change { $0.calls.append(call) } }

    func freshStatus() async -> StatusSnapshot { status.current }
    func flightLog() async -> FlightLog { notes.withLock { $0.flight } }
    func readCluster() async throws(StoreFailure) -> Cluster { try notes.withLock { $0.cluster }.get() }

    func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?) async -> WriteOutcome {
        note("config \(values.text()) if \(ifVersion?.text ?? "any")")
        return notes.withLock { $0.firstOutcomes.isEmpty ? $0.writeOutcome : $0.firstOutcomes.removeFirst() }
    }

    func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?) async -> WriteOutcome {
        note("failover \(request?.json.text() ?? "{}") if \(ifVersion?.text ?? "any")")
        let outcome = notes.withLock { $0.writeOutcome }
        if outcome != .conflict { changeCluster { $0.failover = request } }
        return outcome
    }

    func wakeLoop() {
        note("wake")
        if let onWake = notes.withLock({ $0.onWake }) { changeCluster { onWake(&$0) } }
    }

    func reload() { note("reload") }

    func peerStatus(of members: [Member]) async -> [PeerStatus] {
        note("ask \(members.map(\.name.text).joined(separator: ","))")
        return notes.withLock { $0.peers }
    }

    func restart(_ request: RestartRequest) async -> RestartOutcome {
        note("restart \(Self.words(request))")
        return notes.withLock { $0.restart }
    }

    func scheduleRestart(_ request: RestartRequest, at: WallTime) async -> Bool {
        note("restart at \(at.iso8601()) \(Self.words(request))")
        return notes.withLock { $0.scheduled }
    }

    private static func words(_ request: RestartRequest) -> String {
        "role=\(request.role?.rawValue ?? "-") older=\(request.olderThan.map { String($0) } ?? "-") "
            + "pending=\(request.onlyIfPending) timeout=\(request.timeout.map { "\($0.wholeSeconds)" } ?? "-")"
    }

    func deleteScheduledRestart() async -> Bool { notes.withLock { $0.scheduled } }

    func reinitialize(force: Bool, fromLeader: Bool) async -> String? {
        note("reinitialize force=\(force) fromLeader=\(fromLeader)")
        return notes.withLock { $0.reinitializeRefusal }
    }

    func failsafe(_ notice: FailsafeNotice) async -> FailsafeAnswer {
        note("failsafe \(notice.json.text())")
        return notes.withLock { $0.failsafe }
    }
}

struct Answer: Equatable {
    var status: Int
    var body: String
}

/// One running API.
final class APIRig: Sendable {
    let status: StatusHolder
    let backend: NotingBackend
    let server: APIServer
    let http: HTTPTransport
    let port: Int

    /// Snapshots are dated by the real clock here.
    init(_ snapshot: StatusSnapshot, _ change: (inout RestAPISettings) -> Void = { _ in }) async throws {
        var snapshot = snapshot
        let now = SystemTime().now
        snapshot.serverSeen = now
        snapshot.nextTurn = now + .seconds(10)
        if snapshot.leaderUntil != nil { snapshot.leaderUntil = now + .seconds(600) }
        snapshot.maximumAge = .seconds(600)
        status = StatusHolder(snapshot)
        backend = NotingBackend(status)
        let endpoint = Endpoint(host: "127.0.0.1", port: 0)
        var settings = RestAPISettings(listen: endpoint, connectAddress: endpoint)
        change(&settings)
        server = APIServer(status: status, backend: backend, settings: settings, log: Logger(label: "test"))
        try await server.apply(settings)
        http = try HTTPTransport()
        port = await server.port ?? 0
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil,
        headers: [(name: String, value: String)] = []
    ) async throws -> HTTPAnswer {
        let request = HTTPRequest(
            method, "http://127.0.0.1:\(port)\(path)", headers: headers, body: body.map { Array($0.utf8) })
        return try await http.send(request, by: SystemTime().now + .seconds(20))
    }

    func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) async throws -> Answer {
        let answer = try await send(method, path, body)
        return Answer(status: answer.status, body: answer.text)
    }
}

func withAPI(
    _ snapshot: StatusSnapshot = .primary(), _ change: (inout RestAPISettings) -> Void = { _ in },
    _ body: (APIRig) async throws -> Void
) async throws {
    let rig = try await APIRig(snapshot, change)
    do { try await body(rig) } catch {
        await rig.server.stop(by: SystemTime().now + .seconds(1))
        throw error
    }
    await rig.server.stop(by: SystemTime().now + .seconds(1))
    await rig.http.shutdown()
}

/// A cluster of a leader and two replicas with a configuration.
func threeMembers(_ configuration: JSONObject = ["ttl": 30, "loop_wait": 10]) -> Cluster {
    var cluster = batman()
    cluster.members = ["p0", "p1", "p2"].map { name in
        var member = Member(name: MemberName(name))
        member.connectionURL = "postgres://127.0.0.1:5432/postgres"
        member.apiURL = "http://127.0.0.1:8008/patroni"
        member.state = .running
        return member
    }
    cluster.configuration = StoredConfiguration(values: configuration, version: KeyVersion(7))
    return cluster
}

func peer(_ name: MemberName, nofailover: Bool = false, watchdogFailed: Bool = false) -> PeerStatus {
    PeerStatus(
        name: name,
        answer: PeerAnswer(
            isInRecovery: true, position: LSN(5), timeline: Timeline(1),
            tags: Tags(nofailover ? ["nofailover": true] : [:]), hasWatchdogFailed: watchdogFailed))
}
