// A PostgreSQL, or an agent's hand on it, that makes mistakes.

import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPostgres

/// Everything goes through to the server beneath, but for the one mistake.
struct SpoiledServer: ManagedServer {
    let inner: SimulatedServer
    let spoil: Spoil

    var exits: AsyncStream<Void> { inner.exits }

    // MARK: the mistakes

    func synchronousStatus(by deadline: Moment) async -> SynchronousStatus? {
        var status = await inner.synchronousStatus(by: deadline)
        // Everybody has reached the beginning of the log.
        if spoil == .confirmedTooEarly { status?.position = .zero }
        return status
    }

    func setSynchronousNames(_ names: SynchronousStandbyNames, by deadline: Moment) async throws(JobFailure) {
        let isRunning = inner.world.fleet[inner.id].hasPostmaster
        let names = spoil == .restartsWithoutNames && !isRunning ? .managed(nil) : names
        try await inner.setSynchronousNames(names, by: deadline)
    }

    func stop(_ mode: StopMode, by deadline: Moment?) async throws(JobFailure) {
        if spoil == .keyBeforeStop, mode != .immediate { _ = await inner.pass(.seconds(10)...(.seconds(20))) }
        try await inner.stop(mode, by: deadline)
    }

    func shutdownCheckpoint(by deadline: Moment) async -> ShutdownCheckpoint? {
        if spoil == .keyBeforeStop, inner.world.fleet.acceptsWrites(on: inner.id) {
            return ShutdownCheckpoint(location: LSN(1))
        }
        return await inner.shutdownCheckpoint(by: deadline)
    }

    func promote(
        by deadline: Moment, before leaseEnd: Moment, told: @Sendable () async -> Void
    ) async throws(JobFailure) {
        if spoil == .promotesLate { _ = await inner.pass(.seconds(5)...(.seconds(60))) }
        try await inner.promote(by: deadline + .seconds(60), before: leaseEnd + .seconds(60), told: told)
    }

    // MARK: everything else

    func look(leaderTimeline: Timeline?, by deadline: Moment) async -> ServerLook {
        await inner.look(leaderTimeline: leaderTimeline, by: deadline)
    }
    func walSenders(by deadline: Moment) async -> [WalSender] { await inner.walSenders(by: deadline) }
    func bootstrap(_ settings: BootstrapSettings) async throws(JobFailure) { try await inner.bootstrap(settings) }
    func setAsideFailedBootstrap() async { await inner.setAsideFailedBootstrap() }
    func clone(from source: Member?) async throws(JobFailure) { try await inner.clone(from: source) }
    func removeDataDirectory() async throws(JobFailure) { try await inner.removeDataDirectory() }
    func start(_ start: ServerStart, timeout: Duration) async throws(JobFailure) {
        try await inner.start(start, timeout: timeout)
    }
    func checkpoint(by deadline: Moment) async throws(JobFailure) { try await inner.checkpoint(by: deadline) }
    func divergence(from leader: Member) async -> Divergence { await inner.divergence(from: leader) }
    func rewind(from leader: Member) async -> RewindOutcome { await inner.rewind(from: leader) }
    func compare(with upstream: Upstream, by deadline: Moment) async -> UpstreamState {
        await inner.compare(with: upstream, by: deadline)
    }
    func follow(_ upstream: Upstream, restart: Bool) async throws(JobFailure) {
        try await inner.follow(upstream, restart: restart)
    }
    func nudge() async { await inner.nudge() }
    func apply(_ settings: PostgresSettings, cluster: ClusterSettings, force: Bool) async {
        await inner.apply(settings, cluster: cluster, force: force)
    }
    func arrangeSlots(_ wanted: SlotWishes, by deadline: Moment) async {
        await inner.arrangeSlots(wanted, by: deadline)
    }
    func history(of timeline: Timeline, by deadline: Moment) async -> TimelineHistory? {
        await inner.history(of: timeline, by: deadline)
    }
}
