// The store stops answering: with failsafe mode the writes go on, without it the primary stops in time (HA-040, HA-041).

import Glibc
import PatroniCore
import Synchronization
import Testing

extension IntegrationTests {
    @Suite("When the store is gone", .serialized) struct WhenTheStoreIsGone {
        private static func cluster(
            isFailsafe: Bool, _ body: (TestCluster) async throws -> Void
        ) async throws {
            var options = ClusterOptions()
            if isFailsafe { options.dynamic.append("failsafe_mode: true") }
            try await TestCluster.with(.etcd3, options: options) { cluster in
                if isFailsafe {
                    try await eventually("all members are in the failsafe key") {
                        try JSON.parse(try await cluster.key("failsafe")).object?.pairs.count == 3 ? true : nil
                    }
                }
                try await body(cluster)
            }
        }

        @Test func `with failsafe mode the primary takes writes all through sixty seconds without a store`()
            async throws
        {
            try await Self.cluster(isFailsafe: true) { cluster in
                let leader = try await cluster.waitForLeader()
                let timeline = try await leader.timeline()
                let writer = try await SteadyWriter(leader)
                cluster.etcd?.daemon.send(SIGSTOP)
                try await eventually("it says that it goes on", within: .seconds(12)) {
                    try await leader.rest("GET", "/primary").json["failsafe_mode_is_active"]?.bool == true ? true : nil
                }
                for member in cluster.members where member !== leader {
                    #expect(try await member.rest("GET", "/replica").json["failsafe_mode_is_active"]?.bool == true)
                }
                try await Task.sleep(for: .seconds(60))
                #expect(try await leader.status(of: "/primary") == 200)
                cluster.etcd?.daemon.send(SIGCONT)
                try await cluster.becomeHealthy()
                try await Task.sleep(for: .seconds(5))
                let result = await writer.stop()
                print("store frozen 60 s with failsafe mode: \(result)")
                #expect(result.failures == 0)
                #expect(result.longestGap < .seconds(3))
                #expect(try await cluster.waitForLeader() === leader)
                #expect(try await leader.timeline() == timeline)
                let log = await leader.agent?.log ?? ""
                #expect(
                    log.contains(
                        "continue to run as a leader because failsafe mode is enabled and all members are accessible"))
                try await eventually("it does not say so any more") {
                    try await leader.rest("GET", "/primary").json["failsafe_mode_is_active"] == nil ? true : nil
                }
            }
        }

        @Test(arguments: [true, false])
        func `a primary stops before its lease ends when a member does not agree, or without failsafe mode`(
            _ isFailsafe: Bool
        ) async throws {
            try await Self.cluster(isFailsafe: isFailsafe) { cluster in
                let leader = try await cluster.waitForLeader()
                let others = try await cluster.replicas()
                let frozen = ContinuousClock.now
                cluster.etcd?.daemon.send(SIGSTOP)
                if isFailsafe { others.first?.agent?.send(SIGSTOP) }
                defer { others.first?.agent?.send(SIGCONT) }
                // The last renewal was before the store froze, so its lease ends at most ttl after that.
                try await eventually("no primary accepts writes", within: .seconds(25), every: .milliseconds(50)) {
                    await leader.isWritable ? nil : true
                }
                let passed = ContinuousClock.now - frozen
                print(
                    "store frozen, failsafe mode \(isFailsafe ? "on, a member silent" : "off"): stopped after \(passed)"
                )
                #expect(passed < .seconds(20))
                let log = await leader.agent?.log ?? ""
                #expect(log.contains("demoted self because DCS is not accessible and I was a leader"))
                others.first?.agent?.send(SIGCONT)
                cluster.etcd?.daemon.send(SIGCONT)
                try await cluster.becomeHealthy()
            }
        }
    }
}

/// Inserts a row every few milliseconds over one connection after another, and notes the longest pause between two that
/// were acknowledged.
final class SteadyWriter: Sendable {
    struct Result: Sendable, CustomStringConvertible {
        var rows = 0
        var failures = 0
        var longestGap: Duration = .zero
        var description: String { "\(rows) rows, \(failures) failures, longest gap \(longestGap)" }
    }

    private let state = Mutex((result: Result(), isDone: false))
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ member: TestMember) async throws {
        try await member.sql("CREATE TABLE IF NOT EXISTS written (id serial, at timestamptz DEFAULT clock_timestamp())")
        task.withLock { task in
            task = Task { [self] in
                var last = ContinuousClock.now
                while !state.withLock({ $0.isDone }) {
                    let worked = (try? await member.sql("INSERT INTO written DEFAULT VALUES")) != nil
                    let now = ContinuousClock.now
                    state.withLock { state in
                        if worked {
                            state.result.rows += 1
                            state.result.longestGap = max(state.result.longestGap, now - last)
                        } else {
                            state.result.failures += 1
                        }
                    }
                    if worked { last = now }
                    try? await Task.sleep(for: .milliseconds(100))
                }
            }
        }
    }

    func stop() async -> Result {
        state.withLock { $0.isDone = true }
        await task.withLock { $0 }?.value
        return state.withLock { $0.result }
    }
}
