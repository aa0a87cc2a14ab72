// What a store that keeps keys under a path must be able to do; PathStore makes a ConfigurationStore of it.

import PatroniCore
import PatroniPorts

/// When a write may happen.
enum WriteCondition: Sendable, Hashable {
    case always
    /// Only if the key does not exist.
    case absent
    /// Only if nobody wrote the key since.
    case version(KeyVersion)
    case value(String)
}

/// The primitive operations of one store. Keys are named relative to the cluster's path (``ClusterKey``).
///
/// An outcome is `conflict` only when the store said so: a backend whose answer got lost finds out what became of the
/// write while there is time, and says `unknown` otherwise.
protocol KeyBackend: Sendable {
    var kind: String { get }
    var changes: AsyncStream<StoreChange> { get }

    /// All keys at one moment; own successful writes are among them.
    func readAll(by deadline: Moment) async throws(StoreFailure) -> [String: StoredKey]

    /// The living session's name, kept alive when that is due, made anew when it was lost.
    func session(by deadline: Moment) async throws(StoreFailure) -> String

    func put(
        _ key: String, _ value: String, underSession: Bool, if condition: WriteCondition, by deadline: Moment
    ) async -> WriteOutcome
    /// A key that is absent already counts as deleted.
    func delete(_ key: String, if condition: WriteCondition, by deadline: Moment) async -> WriteOutcome

    func acquireLeader(_ name: String, by deadline: Moment) async -> LeaderKeyOutcome
    /// `known` is the leader key as it was last read.
    func renewLeader(_ name: String, known: StoredKey?, by deadline: Moment) async -> LeaderKeyOutcome
    /// Deletes the leader key if it is `name`'s, writing `keys` with it, all or nothing.
    func releaseLeader(
        _ name: String, writing keys: [(key: String, value: String)], by deadline: Moment
    ) async -> WriteOutcome
    /// Creates the empty initialize key; of many claimants exactly one is told `written`.
    func claimInitialize(by deadline: Moment) async -> WriteOutcome
    func deleteAll(by deadline: Moment) async -> WriteOutcome

    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async
    func close() async
}

/// Where a cluster's keys are.
struct ClusterPath: Sendable, Hashable {
    /// `/<namespace>/<scope>/`
    let prefix: String

    init(namespace: String, scope: String) {
        let space = namespace.split(separator: "/").joined(separator: "/")
        prefix = (space.isEmpty ? "/" : "/\(space)/") + scope + "/"
    }

    func full(_ key: String) -> String { prefix + key }

    /// The key relative to the cluster; nil when it is none of its keys.
    func relative(_ path: String) -> String? {
        path.utf8.starts(with: prefix.utf8)
            ? String(decoding: path.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : nil
    }

    /// The first text behind all keys with the prefix: its last byte, a slash, plus one.
    var end: String { String(prefix.dropLast()) + "0" }
}
