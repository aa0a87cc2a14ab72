// The root of all tests with whole clusters: they run one after the other, two cores are few.

import Testing

@Suite("Integration", .serialized, .timeLimit(.minutes(5))) enum IntegrationTests {}

/// A cluster that the gentle scenarios share; each begins by making it healthy.
actor SharedCluster {
    static let etcd = SharedCluster(.etcd3)
    static let embedded = SharedCluster(.embedded)

    nonisolated let store: StoreKind
    private var cluster: TestCluster?

    private init(_ store: StoreKind) { self.store = store }

    private func healthy() async throws -> TestCluster {
        if let cluster {
            do {
                try await cluster.becomeHealthy()
                return cluster
            } catch {
                // An earlier test left it broken and has said so; this one gets a new cluster.
                print("---- a new cluster is made: \(error)")
                self.cluster = nil
                try await Janitor.release(cluster.folder)
            }
        }
        let made = try await TestCluster.start(store)
        cluster = made
        return made
    }

    nonisolated func run(_ body: (TestCluster) async throws -> Void) async throws {
        try await healthy().run(body)
    }
}
