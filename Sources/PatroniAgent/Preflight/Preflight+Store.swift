// The store: does it answer, how fast, what time does it think it is, what does it let us do?

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniLoop
import PatroniPlatform
import PatroniPorts
import PatroniPostgres

extension Preflight {
    /// A few: a slow one stands out, and the store is not burdened.
    private static let reads = 7

    func storeFindings() async -> (findings: [Finding], manifest: String) {
        let deadline = time.now + patience
        var quiet = Logger(label: "patroni.dcs")
        quiet.logLevel = .critical
        let store: any ConfigurationStore
        do throws(StoreFailure) {
            store = try StoreFactory.make(configuration: local, isControl: true, time: time, logger: quiet)
        } catch { return ([Finding("store", .bad, error.description)], "") }
        var findings: [Finding] = []
        switch await timings(store, by: deadline) {
        case .success(let (times, cluster)):
            findings.append(.good("store", "\(store.kind): \(Self.words(cluster))"))
            findings.append(Self.speedFinding(times, settings: configuration.cluster))
            findings.append(await systemFinding(cluster))
        case .failure(let failure):
            let text = "\(failure)"
            findings.append(
                Finding(
                    "store", .bad, text.hasPrefix(store.kind) ? text : "\(store.kind): \(text)",
                    remedy: failure.kind == .denied ? "it answers, and refuses us: see what it says" : nil))
        }
        await store.close()
        let (rights, manifest) = Self.rightsFindings(await StoreProbe.rights(local, time: time, by: deadline))
        findings += rights
        switch await StoreProbe.clock(local, time: time, by: deadline) {
        case .difference(let difference): findings.append(Self.clockFinding(difference))
        case .sameMachine, .unknown: break
        }
        return (findings, manifest)
    }

    static func rightsFindings(_ rights: StoreProbe.Rights) -> (findings: [Finding], manifest: String) {
        switch rights {
        case .none: return ([], "")
        case .unknown(let failure): return ([Finding("rights", .bad, "can't be asked for: \(failure)")], "")
        case .known(let missing, let all, let account):
            let who = "\(account.namespace)/\(account.name)"
            if missing.isEmpty { return ([.good("rights", "all \(all.count) that \(who) needs")], "") }
            let needed = missing.filter { $0.need == .always }.map(\.words)
            var findings: [Finding] = []
            if !needed.isEmpty {
                findings.append(
                    Finding("rights", .bad, "\(who) may not: \(needed.joined(separator: ", "))", remedy: "see below"))
            }
            for right in missing {
                guard case .optional(let purpose) = right.need else { continue }
                findings.append(
                    Finding(
                        "rights", .doubtful, "\(who) may not \(right.words)", remedy: "only needed for \(purpose)"))
            }
            // The whole role, where something is missing: applying a part would take the rest of it away.
            let namespaces = Set(missing.map(\.namespace))
            let granted = all.filter { namespaces.contains($0.namespace) }
            return (findings, KubernetesRight.manifest(granting: granted, to: account))
        }
    }

    private func timings(
        _ store: any ConfigurationStore, by deadline: Moment
    ) async -> Result<(times: [Duration], cluster: Cluster), StoreFailure> {
        do throws(StoreFailure) {
            // The first one connects; it is not counted.
            var cluster = try await store.readCluster(by: deadline)
            var times: [Duration] = []
            for _ in 0..<Self.reads where time.now < deadline {
                let start = time.now
                cluster = try await store.readCluster(by: deadline)
                times.append(time.now - start)
            }
            return .success((times, cluster))
        } catch { return .failure(error) }
    }

    private static func words(_ cluster: Cluster) -> String {
        if cluster.members.isEmpty, cluster.initialize == .absent {
            return "answers, knows nothing of this cluster yet"
        }
        let leader = cluster.leader.map { "leader \($0.name)" } ?? "no leader"
        return "answers, \(cluster.members.count) members, \(leader)"
    }

    /// Every turn needs an answer within `retry_timeout`, and a primary without one gives up within `ttl`.
    static func speedFinding(_ times: [Duration], settings: ClusterSettings) -> Finding {
        let sorted = times.sorted()
        guard let worst = sorted.last else {
            return Finding("store's speed", .doubtful, "there was no time to measure")
        }
        let median = sorted[sorted.count / 2]
        let saw =
            "median \(median.words), longest \(worst.words) of \(times.count) reads; retry_timeout "
            + "\(settings.retryTimeout.words), loop_wait \(settings.loopWait.words)"
        if worst >= settings.retryTimeout {
            return Finding(
                "store's speed", .bad, saw, remedy: "a primary would be demoted: make it faster, or raise ttl")
        }
        if worst * 4 >= settings.retryTimeout || median * 10 >= settings.loopWait {
            return Finding("store's speed", .doubtful, saw, remedy: "slow disks under the store are the usual reason")
        }
        return .good("store's speed", saw)
    }

    /// Leases don't need clocks that agree; certificates, tokens, schedules and people do.
    static func clockFinding(_ difference: Duration) -> Finding {
        let distance = difference < .zero ? .zero - difference : difference
        let saw = "ours is \(distance.words) \(difference < .zero ? "behind" : "ahead of") the store's"
        // It is told in whole seconds.
        if distance <= .seconds(2) { return .good("clock", "agrees with the store's") }
        let remedy =
            "let something like chrony set it: certificates and tokens are refused, schedules come at wrong times"
        return Finding("clock", distance > .seconds(60) ? .bad : .doubtful, saw, remedy: remedy)
    }

    /// Data of one cluster under the name of another are never to be led.
    private func systemFinding(_ cluster: Cluster) async -> Finding {
        let reader = ControlDataReader(dataDirectory: postgres.dataDirectory, programs: programs, time: time)
        let ours = (try? await reader.read(by: time.now + .seconds(5)))?.systemIdentifier
        return Self.systemFinding(ours: ours, cluster.initialize, scope: local.scope)
    }

    static func systemFinding(ours: SystemIdentifier?, _ stored: InitializeKey, scope: String) -> Finding {
        let name = "cluster's identity"
        switch stored {
        case .absent:
            guard let ours else { return .good(name, "not made yet") }
            return .good(name, "not in the store yet; our data are of system \(ours)")
        case .inProgress: return .good(name, "somebody is making the cluster")
        case .invalid(let text):
            return Finding(
                name, .bad, "the store's initialize key is no system identifier: \(text)",
                remedy: "if the cluster is to be made anew: patronictl remove \(scope)")
        case .done(let theirs):
            guard let ours, ours != theirs else { return .good(name, "system \(theirs)") }
            return Finding(
                name, .bad, "our data are of system \(ours), the cluster's of \(theirs)",
                remedy: "another cluster's data directory, or another cluster's scope: check scope and data_dir")
        }
    }
}
