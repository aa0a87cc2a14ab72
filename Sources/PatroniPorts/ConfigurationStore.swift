// The contract every store keeps. One test suite (StoreContract) holds all of them to it.

import PatroniCore

/// A distributed configuration store as the agent sees it: one cluster's keys, this member's session.
///
/// Every call ends by its deadline, whatever the servers do. A call that got no answer says so (`unknown`, or a
/// ``StoreFailure``) and is never reported as a refusal. Waiting for a deadline blocks no thread.
public protocol ConfigurationStore: Sendable {
    /// The store's section name in the configuration (`etcd3`, `embedded`).
    var kind: String { get }

    /// Reads everything below the cluster's path as one consistent view.
    func readCluster(by deadline: Moment) async throws(StoreFailure) -> Cluster

    // MARK: the leader key

    /// Takes the leader key if nobody holds it. Taking it when it is ours already succeeds.
    func acquireLeader(by deadline: Moment) async -> LeaderKeyOutcome
    /// Keeps the leader key alive for another `ttl`. A key under an earlier session of ours is taken over; one that is gone
    /// is `lostTo(nil)`, as somebody else may have led since.
    func renewLeader(by deadline: Moment) async -> LeaderKeyOutcome
    /// The leader's report stands in the object of the leader key: ``renewLeader(reporting:by:)`` takes it along.
    var hasReportBesideLeader: Bool { get }
    /// The same with the leader's report: one write does for two. Elsewhere the report waits for ``writeStatus(_:by:)``,
    /// which finds nothing left to write where it came along.
    func renewLeader(reporting status: ClusterStatus, by deadline: Moment) async -> LeaderKeyOutcome
    /// Gives the leader key up, only if it is ours; with `position` the status is written first (DCS-049).
    func releaseLeader(position: LSN?, by deadline: Moment) async -> WriteOutcome

    // MARK: what the leader and the members write

    /// Publishes this member under the session; skipped when nothing changed and the session lives (DCS-052).
    func publishMember(_ value: JSONObject, by deadline: Moment) async -> WriteOutcome
    /// Removes this member's key at once instead of letting it expire.
    func removeMember(by deadline: Moment) async -> WriteOutcome
    /// Writes the leader's report; parts that are nil keep their last value, an unchanged report is not written.
    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome
    func writeHistory(_ history: TimelineHistory, by deadline: Moment) async -> WriteOutcome
    func writeFailsafe(_ members: [MemberName: String], by deadline: Moment) async -> WriteOutcome

    // MARK: compare-and-swap; a nil version writes unconditionally

    /// A nil request clears the key (`{}`).
    func writeFailover(_ request: FailoverRequest?, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome
    func writeConfiguration(_ values: JSONObject, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome
    /// Only where there is none, or none that can be read: an operator may have been faster than the leader who has seen
    /// that it is missing (HA-023).
    func restoreConfiguration(_ values: JSONObject, by deadline: Moment) async -> WriteOutcome
    /// Here nil means "only if the key is absent or its version unknown to us", as Patroni does.
    func writeSync(_ state: SyncState, ifVersion: KeyVersion?, by deadline: Moment) async -> WriteOutcome

    // MARK: the initialize key

    /// Claims the right to bootstrap: creates the key, empty, if it is absent (HA-046).
    func claimInitialize(by deadline: Moment) async -> WriteOutcome
    /// Writes the system identifier: after bootstrap, or to repair a lost key.
    func writeInitialize(_ identifier: SystemIdentifier, by deadline: Moment) async -> WriteOutcome
    /// Withdraws an unfinished bootstrap: the key disappears.
    func cancelInitialize(by deadline: Moment) async -> WriteOutcome

    /// Deletes everything below the cluster's path (`patronictl remove`).
    func deleteCluster(by deadline: Moment) async -> WriteOutcome

    // MARK: life

    /// News as they happen, until the store is closed. Losing the connection ends nothing: the stream resumes by
    /// itself, and `missedSome` tells that a fresh read is needed.
    var changes: AsyncStream<StoreChange> { get }
    /// New timings from the dynamic configuration; keys get the new ttl at their next renewal.
    func setTimings(ttl: Duration, loopWait: Duration, retryTimeout: Duration) async
    /// Ends streams and connections. The session is left to run out.
    func close() async
}

extension ConfigurationStore {
    public var hasReportBesideLeader: Bool { false }
    public func renewLeader(reporting status: ClusterStatus, by deadline: Moment) async -> LeaderKeyOutcome {
        await renewLeader(by: deadline)
    }
}

/// Something in the store changed, or the session did.
public enum StoreChange: Sendable, Hashable {
    /// The leader key was created, changed hands or went away.
    case leader(MemberName?)
    case configuration
    case failover
    case sync
    /// Where the leader is; replicas wake up on it.
    case status
    case member(MemberName)
    case initialize
    /// The stream was interrupted: anything may have changed.
    case missedSome
}
