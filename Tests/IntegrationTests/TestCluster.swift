// A whole cluster of real servers: its store, its members, and the questions tests ask about it.

import Glibc
import PatroniCore
import Testing

/// Which store a cluster lives in.
enum StoreKind: String, Sendable, CaseIterable, CustomTestStringConvertible {
    case etcd3, embedded, kubernetes
    var testDescription: String { rawValue }
}

/// What differs between the clusters of different tests, as lines of YAML.
struct ClusterOptions: Sendable {
    var dynamic: [String] = ["ttl: 20", "loop_wait: 2", "retry_timeout: 3", "maximum_lag_on_failover: 1048576"]
    var dynamicPostgres: [String] = ["use_pg_rewind: true", "parameters: {wal_keep_size: 64MB}"]
    /// Whole sections, as lines.
    var sections: [String] = []
    /// In section `postgresql`.
    var postgres: [String] = []
    var scope = "batman"
    /// Members are called so, with a number behind it.
    var prefix = "pg"
    /// How many API servers there are, when the store is Kubernetes.
    var apiServers = 1
    /// In section `kubernetes`.
    var kubernetes: [String] = []
}

final class TestCluster: Sendable {
    let scope: String
    let folder: String
    let lab: Lab
    let store: StoreKind
    /// Nil on the embedded store.
    let etcd: Etcd?
    /// Only on Kubernetes.
    let api: (any KubernetesAPI)?
    let members: [TestMember]

    private init(
        scope: String, folder: String, lab: Lab, store: StoreKind, etcd: Etcd?, api: (any KubernetesAPI)?,
        members: [TestMember]
    ) {
        self.scope = scope
        self.folder = folder
        self.lab = lab
        self.store = store
        self.etcd = etcd
        self.api = api
        self.members = members
    }

    // MARK: life

    /// Writes everything a cluster needs; no agent runs yet.
    static func prepare(
        _ store: StoreKind, members: [Implementation], options: ClusterOptions = .init()
    ) async throws -> TestCluster {
        let lab = try await Lab.shared.value
        let folder = try await Shell.check("mktemp -d \(lab.folder)/c.XXXXXX")
        try await Janitor.watch(folder)
        try await Shell.check("chmod 755 \(folder) && chown \(lab.user ?? "$(id -un)"): \(folder)")
        let etcd = store == .etcd3 ? try await Etcd.start(in: folder, lab: lab) : nil
        let api = store == .kubernetes ? try await startAPI(options, count: members.count, folder: folder) : nil
        let cluster = TestCluster(
            scope: options.scope, folder: folder, lab: lab, store: store, etcd: etcd, api: api,
            members: members.enumerated().map { offset, implementation in
                let folder = "\(folder)/pg\(offset)"
                return TestMember(
                    "\(options.prefix)\(offset)", folder: folder, implementation: implementation, lab: lab,
                    environment: api == nil ? [:] : ["KUBECONFIG": "\(folder)/kubeconfig"])
            })
        for member in cluster.members { try await cluster.writeFiles(of: member, options) }
        return cluster
    }

    func writeFiles(of member: TestMember, _ options: ClusterOptions) async throws {
        let yaml = configuration(of: member, options)
        try await Shell.check(
            """
            mkdir -p \(member.folder) && cat > \(member.configurationFile) <<'YAML'
            \(yaml)
            YAML
            chown -R \(lab.user ?? "$(id -un)"): \(member.folder)
            """)
        if api != nil { try await writeKubeconfig(of: member) }
    }

    func configuration(of member: TestMember, _ options: ClusterOptions = .init()) -> String {
        let storeSection =
            switch store {
            case .etcd3: "etcd3: {hosts: ['127.0.0.1:\(etcd?.port ?? 0)']}"
            case .embedded: "embedded: {path: \(folder)/store.db}"
            case .kubernetes: kubernetesSection(options)
            }
        return """
            scope: \(scope)
            name: \(member.name)
            restapi: {listen: '127.0.0.1:\(member.restPort)', connect_address: '127.0.0.1:\(member.restPort)'}
            \(storeSection)
            bootstrap:
              dcs:
            \(options.dynamic.indented(by: 4))
                postgresql:
            \(options.dynamicPostgres.indented(by: 6))
              initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
              pg_hba:
              - local all all trust
              - host replication replicator 127.0.0.1/32 md5
              - host all all 127.0.0.1/32 md5
            postgresql:
              listen: 127.0.0.1:\(member.postgresPort)
              connect_address: 127.0.0.1:\(member.postgresPort)
              data_dir: \(member.dataDirectory)
              bin_dir: \(lab.postgresPrograms)
              pgpass: \(member.folder)/pgpass
              authentication:
                superuser: {username: postgres, password: secret-s}
                replication: {username: replicator, password: secret-r}
                rewind: {username: rewinder, password: secret-w}
              parameters: {unix_socket_directories: \(member.folder), logging_collector: off, shared_buffers: 16MB}
            \(options.postgres.indented(by: 2))
            \(options.sections.joined(separator: "\n"))
            """
    }

    /// A running cluster of three of ours, the first one leading.
    static func start(
        _ store: StoreKind, members: [Implementation]? = nil, options: ClusterOptions = .init()
    ) async throws -> TestCluster {
        let ours = try await Lab.shared.value.ours
        let cluster = try await prepare(store, members: members ?? [ours, ours, ours], options: options)
        do {
            try cluster.members[0].start()
            try await cluster.waitForLeader(within: .seconds(60))
            for member in cluster.members.dropFirst() { try member.start() }
            try await cluster.becomeHealthy()
        } catch {
            await cluster.tell(of: error)
            throw error
        }
        return cluster
    }

    /// Runs a test on a cluster of its own, and cleans up however it ends; on failure the logs' ends are printed.
    static func with(
        _ store: StoreKind, members: [Implementation]? = nil, options: ClusterOptions = .init(),
        _ body: (TestCluster) async throws -> Void
    ) async throws {
        let cluster = try await start(store, members: members, options: options)
        try await cluster.run(body)
        try await Janitor.release(cluster.folder)
    }

    /// Runs a test on this cluster; on failure the logs' ends are printed.
    func run(_ body: (TestCluster) async throws -> Void) async throws {
        do {
            try await body(self)
        } catch {
            await tell(of: error)
            throw error
        }
    }

    /// Prints what the members said last; `PATRONI_TEST_KEEP=1` keeps all files.
    func tell(of error: any Error) async {
        print("---- \(error)\n---- logs of \(folder) (PATRONI_TEST_KEEP=1 keeps them):")
        for member in members {
            let log = (try? await Shell.run("tail -n 40 \(member.logFile)").output) ?? ""
            print("---- \(member.name) (\(member.implementation.name), port \(member.postgresPort)):\n\(log)")
        }
        if Lab.variable("PATRONI_TEST_KEEP") != nil {
            _ = try? await Shell.run("touch \(folder)/keep \(lab.folder)/keep")
        }
    }

    // MARK: questions

    /// What `/cluster` of any answering member says.
    func view() async throws -> [MemberView] {
        for member in members where member.isAgentRunning {
            let answer = try await member.rest("GET", "/cluster")
            if answer.status == 200 { return (answer.json["members"]?.array ?? []).compactMap(MemberView.init) }
        }
        throw Missing(what: "member that answers /cluster")
    }

    func member(_ name: String) throws -> TestMember {
        guard let member = members.first(where: { $0.name == name }) else { throw Missing(what: "member \(name)") }
        return member
    }

    /// The member that holds the lock and accepts writes.
    @discardableResult
    func waitForLeader(
        otherThan former: TestMember? = nil, within limit: Duration = .seconds(40)
    ) async throws -> TestMember {
        let what = "a leader that accepts writes" + (former.map { ", other than \($0.name)" } ?? "")
        return try await eventually(what, within: limit) {
            guard let leader = try await view().first(where: { $0.role == "leader" && $0.state == "running" }),
                leader.name != former?.name
            else { return nil }
            let member = try member(leader.name)
            return await member.isWritable ? member : nil
        }
    }

    func waitForStreaming(_ member: TestMember, within limit: Duration = .seconds(60)) async throws {
        try await eventually("\(member.name) streams", within: limit) {
            let all = try await view()
            let leader = all.first { $0.role == "leader" }
            return all.contains {
                $0.name == member.name && ["replica", "sync_standby", "quorum_standby"].contains($0.role)
                    && $0.state == "streaming"
                    && $0.timeline == leader?.timeline
            } ? true : nil
        }
    }

    func replicas() async throws -> [TestMember] {
        let leader = try await waitForLeader()
        return members.filter { $0.name != leader.name }
    }

    /// Starts what is down and waits until there is one leader and all others stream from it.
    func becomeHealthy() async throws {
        etcd?.daemon.send(SIGCONT)
        for member in members where !member.isAgentRunning { try member.start() }
        let leader = try await waitForLeader(within: .seconds(60))
        for member in members where member !== leader { try await waitForStreaming(member) }
    }

    /// Writes one row through whoever accepts writes.
    func write(_ text: String) async throws {
        let conninfo = TestMember.conninfo(
            members.map(\.postgresPort), extra: "target_session_attrs=read-write")
        _ = try await TestMember.sql(text, conninfo: conninfo, lab: lab)
    }

    func key(_ name: String) async throws -> String {
        guard let etcd else { throw Missing(what: "etcd") }
        return try await etcd.get("/service/\(scope)/\(name)")
    }
}

/// One entry of `/cluster`.
struct MemberView: Sendable {
    var name: String
    var role: String
    var state: String
    var timeline: Int?
    var isPendingRestart: Bool

    init?(_ json: JSON) {
        guard let object = json.object, let name = object["name"]?.string else { return nil }
        self.name = name
        role = object["role"]?.string ?? ""
        state = object["state"]?.string ?? ""
        timeline = object["timeline"]?.int.map { Int($0) }
        isPendingRestart = object["pending_restart"]?.bool ?? false
    }
}

extension [String] {
    fileprivate func indented(by width: Int) -> String {
        map { String(repeating: " ", count: width) + $0 }.joined(separator: "\n")
    }
}
