// What every command works with: the operator, the store, the members.

import Logging
import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniHTTP
import PatroniPlatform
import PatroniPorts
import Synchronization

/// One run of patronictl.
final class ControlSession: Sendable {
    let terminal: any Terminal
    let configuration: ControlConfiguration
    let time: any TimeSource
    let logger: Logger
    private let stores = Mutex<[String: any ConfigurationStore]>([:])
    private let client = Mutex<MemberClient?>(nil)

    init(
        terminal: any Terminal, configuration: ControlConfiguration, time: any TimeSource = SystemTime(), logger: Logger
    ) {
        self.terminal = terminal
        self.configuration = configuration
        self.time = time
        self.logger = logger
    }

    var now: WallTime { time.wallTime }

    func deadline(_ limit: Duration = .seconds(10)) -> Moment { time.now + limit }

    /// The cluster a command is about when none is named (CTL-013).
    func scope(_ named: String?) throws(ControlError) -> String {
        if let name = named ?? configuration.scope { return name }
        throw .failed("No cluster name was given and the configuration has no scope")
    }

    func store(_ scope: String) throws(ControlError) -> any ConfigurationStore {
        if let store = stores.withLock({ $0[scope] }) { return store }
        do throws(StoreFailure) {
            let store = try StoreFactory.make(
                configuration: configuration.storeConfiguration(scope: scope), isControl: true, time: time,
                logger: logger)
            stores.withLock { $0[scope] = store }
            return store
        } catch {
            throw .failed(error.explanation)
        }
    }

    func cluster(_ scope: String) async throws(ControlError) -> ClusterView {
        let store = try store(scope)
        do throws(StoreFailure) {
            return ClusterView(scope: scope, cluster: try await store.readCluster(by: deadline()))
        } catch {
            throw .failed(error.explanation)
        }
    }

    /// One request to a member's REST API.
    func send(
        _ method: HTTPRequest.Method, _ endpoint: String, to member: Member, body: JSONObject? = nil,
        within limit: Duration = .seconds(30)
    ) async throws(HTTPFailure) -> HTTPAnswer {
        let client: MemberClient
        if let made = self.client.withLock({ $0 }) {
            client = made
        } else {
            client = try MemberClient(configuration.control, time: time)
            self.client.withLock { $0 = client }
        }
        return try await client.send(method, to: member, endpoint, body: body, by: deadline(limit))
    }

    /// As ``send(_:_:to:body:within:)`` where no answer ends the command.
    func demand(
        _ method: HTTPRequest.Method, _ endpoint: String, to member: Member, body: JSONObject? = nil,
        within limit: Duration = .seconds(30)
    ) async throws(ControlError) -> HTTPAnswer {
        do throws(HTTPFailure) {
            return try await send(method, endpoint, to: member, body: body, within: limit)
        } catch {
            throw .failed("Member \(member.name) is not accessible: \(error)")
        }
    }

    func close() async {
        for store in stores.withLock({ $0.values.map { $0 } }) { await store.close() }
        await client.withLock { $0 }?.shutdown()
    }
}

/// A cluster as it was read, with its name and what its configuration means.
struct ClusterView: Sendable {
    var scope: String
    var cluster: Cluster

    var settings: ClusterSettings { ClusterSettings(dynamic: cluster.configuration?.values ?? JSONObject()) }
    var leaderName: MemberName? { cluster.isUnlocked ? nil : cluster.leader?.name }

    /// Everybody with a REST API, the leader first.
    var reachableLeaderFirst: [Member] {
        let leader = cluster.leaderMember.flatMap { $0.apiURL == nil ? nil : $0 }
        return (leader.map { [$0] } ?? []) + cluster.members.filter { $0.apiURL != nil && $0.name != leader?.name }
    }
}
