// A PostgreSQL made of a few numbers: enough for the agent to lead it through its life.

import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import PatroniPostgres
import Synchronization

@testable import PatroniLoop

/// Time that runs five times as fast, so that leases end while one waits. All members share it.
struct FastTime: TimeSource {
    static let factor: Int64 = 5
    private static let origin = SystemTime().now

    var now: Moment {
        let passed = (SystemTime().now - Self.origin).inNanoseconds
        return Self.origin + .nanoseconds(passed * Self.factor)
    }
    var wallTime: WallTime { SystemTime().wallTime }
    func sleep(until deadline: Moment) async {
        let left = deadline - now
        if left > .zero { try? await Task.sleep(for: left / Int(Self.factor)) }
    }
}

/// The servers that can reach each other.
final class World: Sendable {
    private let servers = Mutex<[MemberName: ModelServer]>([:])
    subscript(name: MemberName?) -> ModelServer? { servers.withLock { all in name.flatMap { all[$0] } } }
    var all: [ModelServer] { servers.withLock { Array($0.values) } }
    func add(_ server: ModelServer) { servers.withLock { $0[server.name] = server } }

    private let agents = Mutex<[MemberName: Agent]>([:])
    private let unreachable = Mutex<Set<MemberName>>([])
    /// The agent of a member whose REST API can be reached.
    func agent(_ name: MemberName) -> Agent? {
        unreachable.withLock { $0.contains(name) } ? nil : agents.withLock { $0[name] }
    }
    func add(_ agent: Agent, as name: MemberName) { agents.withLock { $0[name] = agent } }
    func cutOff(_ name: MemberName) { unreachable.withLock { _ = $0.insert(name) } }
}

/// What goes wrong.
struct Troubles: Sendable {
    var startFails = false
    var startTakes: Duration = .zero
    /// A fast stop doesn't end.
    var fastStopHangs = false
    var checkpointHangs = false
    /// It is told, and not through when the time is up.
    var promotionHangs = false
    /// The server is silent, as under SIGSTOP, and its look does not even keep its deadline.
    var looksHang = false
    var comparingTakes: Duration = .zero
    /// A standby that receives nothing.
    var isCutOff = false
    /// What is called off goes on regardless.
    var ignoresCancellation = false
    /// No trouble, but it takes part in a shutdown.
    var archives = false
}

actor ModelServer: ManagedServer {
    enum Kind: Sendable { case stopped, primary, standby }

    nonisolated let name: MemberName
    nonisolated let exits: AsyncStream<Void>
    private let exited: AsyncStream<Void>.Continuation
    private let world: World
    private let time = FastTime()
    private(set) var kind = Kind.stopped
    private var control: ControlState?
    private(set) var timeline: UInt32 = 1
    /// Of the latest checkpoint.
    private var checkpointed: UInt32 = 1
    private(set) var position: UInt64 = 100
    private var upstream: MemberName?
    /// Of a standby cluster's leader.
    private(set) var followsRemote = false
    private var checkpoint: ShutdownCheckpoint?
    private(set) var did: [String] = []
    /// When it last began and ceased to accept writes.
    private(set) var primarySince: Moment?
    private(set) var primaryUntil: Moment?
    private var troubles = Troubles()

    static let identifier = SystemIdentifier("7000000000000000001")

    init(_ name: MemberName, _ world: World) {
        self.name = name
        self.world = world
        (exits, exited) = AsyncStream.makeStream()
        world.add(self)
    }

    func trouble(_ change: @Sendable (inout Troubles) -> Void) { change(&troubles) }

    /// A database that is there before the agent is.
    func place(_ kind: Kind, control: ControlState, timeline: UInt32 = 1, checkpointed: UInt32? = nil) {
        self.control = control
        self.timeline = timeline
        self.checkpointed = checkpointed ?? timeline
        become(kind)
    }

    func crash() {
        become(.stopped)
        exited.yield()
    }

    /// Nil when it has no positions to show.
    var answer: PeerAnswer? {
        get async {
            await receive()
            if kind == .stopped || control == .shutDown { return nil }
            return PeerAnswer(
                isInRecovery: kind == .standby, position: LSN(position),
                timeline: Timeline(timeline))
        }
    }

    private func become(_ kind: Kind) {
        if self.kind == .primary, kind != .primary { primaryUntil = time.now }
        if self.kind != .primary, kind == .primary { primarySince = time.now }
        self.kind = kind
        if kind == .primary { control = .inProduction }
        if kind == .standby { control = .inArchiveRecovery }
    }

    /// What the upstream has, a standby has too.
    private func receive() async {
        guard kind == .standby, !troubles.isCutOff, let source = world[upstream], source.name != name else { return }
        guard let tip = await source.tip, tip.timeline >= timeline, kind == .standby else { return }
        (timeline, position) = (tip.timeline, max(position, tip.position))
        checkpointed = timeline
    }

    var tip: (timeline: UInt32, position: UInt64)? { kind == .stopped ? nil : (timeline, position) }
    var hasReceived: UInt64 { get async { await receive(); return position } }
    func follows(_ other: MemberName) -> Bool { kind == .standby && upstream == other }

    // MARK: looking

    func look(leaderTimeline: Timeline?, by deadline: Moment) async -> ServerLook {
        while troubles.looksHang { await time.sleep(until: time.now + .milliseconds(50)) }
        await receive()
        guard let control, let identifier = Self.identifier else {
            return ServerLook(directory: .empty, status: .stopped)
        }
        let data = ControlData(
            systemIdentifier: identifier, state: control, timeline: Timeline(checkpointed), checkpoint: LSN(position))
        return ServerLook(directory: .holds(data), status: await status)
    }

    private var status: ServerStatus {
        get async {
            switch kind {
            case .stopped: return .stopped
            case .primary:
                return .running(
                    RunningServer(
                        recovery: .primary(position: LSN(position)), timeline: Timeline(timeline), version: 150_018))
            case .standby:
                let source = await world[upstream]?.kind
                let streams = (source == .primary || source == .standby || followsRemote) && !troubles.isCutOff
                let progress = StandbyProgress(
                    received: LSN(position), replayed: LSN(position), replicationState: streams ? "streaming" : nil)
                return .running(
                    RunningServer(recovery: .standby(progress), timeline: Timeline(timeline), version: 150_018))
            }
        }
    }

    func walSenders(by deadline: Moment) async -> [WalSender] { [] }

    // MARK: long tasks

    func bootstrap(_ settings: BootstrapSettings) async throws(JobFailure) {
        did.append("bootstrap")
        become(.primary)
    }
    func setAsideFailedBootstrap() async { control = nil }

    func clone(from source: Member?) async throws(JobFailure) {
        guard let tip = await world[source?.name]?.tip else { throw JobFailure("nothing to copy from") }
        did.append("clone from \(source?.name.text ?? "")")
        (timeline, position) = (tip.timeline, tip.position)
        control = .inArchiveRecovery
    }

    func removeDataDirectory() async throws(JobFailure) { control = nil }

    func start(_ start: ServerStart, timeout: Duration) async throws(JobFailure) {
        did.append("start")
        let end = time.now + troubles.startTakes
        while time.now < end {
            if Task.isCancelled, !troubles.ignoresCancellation { throw JobFailure("called off") }
            let time = time
            await Task { await time.sleep(until: time.now + .milliseconds(50)) }.value
        }
        if troubles.startFails { throw JobFailure("it does not start") }
        switch start {
        case .primary: become(.primary)
        case .standby(let upstream):
            self.upstream = upstream.member?.name
            if case .remote = upstream { followsRemote = true } else { followsRemote = false }
            become(.standby)
        }
    }

    func stop(_ mode: StopMode, by deadline: Moment?) async throws(JobFailure) {
        guard kind != .stopped else { return }
        did.append("stop \(mode.rawValue)")
        if mode == .fast { try await stopFast(by: deadline) }
        if kind != .stopped, control != .shutDown { control = kind == .primary ? .inProduction : .shutDownInRecovery }
        become(.stopped)
    }

    private func stopFast(by deadline: Moment?) async throws(JobFailure) {
        let end = deadline ?? time.now + .seconds(3600)
        while troubles.fastStopHangs, kind != .stopped {
            if time.now >= end || Task.isCancelled { throw JobFailure("it does not stop") }
            await time.sleep(until: time.now + .milliseconds(50))
        }
        guard kind == .primary else { return }
        // Nothing is written any more; the postmaster stays until its standbys have everything.
        primaryUntil = time.now
        checkpoint = ShutdownCheckpoint(location: LSN(position))
        control = .shutDown
        position += 10
        while time.now < end, kind != .stopped, !Task.isCancelled {
            var isMissed = false
            for other in world.all where other.name != name {
                if await other.follows(name), await other.hasReceived < position { isMissed = true }
            }
            if !isMissed { return }
            await time.sleep(until: time.now + .milliseconds(50))
        }
    }

    func checkpoint(by deadline: Moment) async throws(JobFailure) {
        while troubles.checkpointHangs, !Task.isCancelled, time.now < deadline {
            await time.sleep(until: time.now + .milliseconds(50))
        }
        did.append("checkpoint")
        checkpointed = timeline
    }

    func promote(
        by deadline: Moment, before leaseEnd: Moment, told: @Sendable () async -> Void
    ) async throws(JobFailure) {
        guard kind == .standby else { throw JobFailure("not running") }
        guard time.now < leaseEnd else { throw JobFailure("the leader key was lost") }
        did.append("promote")
        await told()
        if troubles.promotionHangs { throw JobFailure("PostgreSQL was not promoted in time") }
        timeline += 1
        become(.primary)
    }

    func divergence(from leader: Member) async -> Divergence {
        did.append("compare")
        await time.sleep(until: time.now + troubles.comparingTakes)
        return .none
    }
    func rewind(from leader: Member) async -> RewindOutcome { .rewound }
    func compare(with upstream: Upstream, by deadline: Moment) async -> UpstreamState {
        if case .remote = upstream { return followsRemote ? .asWanted : .needsReload }
        return upstream.member?.name == self.upstream && !followsRemote ? .asWanted : .needsReload
    }
    func follow(_ upstream: Upstream, restart: Bool) async throws(JobFailure) {
        self.upstream = upstream.member?.name
        if case .remote = upstream { followsRemote = true } else { followsRemote = false }
    }
    func nudge() async {}
    func clone(from remote: RemoteSource) async throws(JobFailure) {
        did.append("clone from \(remote.hosts ?? "")")
        control = .inArchiveRecovery
    }
    func divergence(from remote: RemoteSource) async -> Divergence { .none }
    func isArchiving(by deadline: Moment) async -> Bool { troubles.archives }
    func archiveShutdownSegment(by deadline: Moment) async throws(JobFailure) { did.append("archive") }
    func shutdownCheckpoint(by deadline: Moment) async -> ShutdownCheckpoint? {
        control == .shutDown ? checkpoint : nil
    }
    func apply(_ settings: PostgresSettings, cluster: ClusterSettings, force: Bool) async {}
    func arrangeSlots(_ wanted: SlotWishes, by deadline: Moment) async {}
    func history(of timeline: Timeline, by deadline: Moment) async -> TimelineHistory? { nil }
    func synchronousStatus(by deadline: Moment) async -> SynchronousStatus? { nil }
    func setSynchronousNames(_ names: SynchronousStandbyNames, by deadline: Moment) async {}
}

/// Asks the model servers, as the REST API would.
struct ModelPeers: Peers {
    let world: World
    func status(of members: [Member], by deadline: Moment) async -> [PeerStatus] {
        var found: [PeerStatus] = []
        for member in members {
            let answer = world.agent(member.name) == nil ? nil : await world[member.name]?.answer
            found.append(PeerStatus(name: member.name, answer: answer))
        }
        return found
    }
    func isAlive(_ member: Member, by deadline: Moment) async -> Bool { world[member.name] != nil }
    func failsafe(
        _ notice: FailsafeNotice, to circle: [MemberName: String], by deadline: Moment
    ) async -> [FailsafeReply] {
        var replies: [FailsafeReply] = []
        for name in circle.keys.sorted() {
            var answer = FailsafeReply.Answer.silent("no connection")
            if let agent = world.agent(name) {
                switch await agent.takeFailsafe(notice) {
                case .accepted(let position, for: let time): answer = .accepted(position, for: time)
                case .refused(let refusal): answer = .refused(refusal.text)
                }
            }
            replies.append(FailsafeReply(name: name, answer: answer))
        }
        return replies
    }
}

/// Remembers what the operator's programs would have been told.
final class HeardCallbacks: RoleCallbacks {
    private let calls = Mutex<[String]>([])
    var heard: [String] { calls.withLock { $0 } }
    private func hear(_ action: String, _ role: MemberRole) {
        calls.withLock { $0.append("\(action) \(role.callbackName)") }
    }
    func started(as role: MemberRole) async { hear("on_start", role) }
    func stopped(as role: MemberRole) async { hear("on_stop", role) }
    func restarted(as role: MemberRole) async { hear("on_restart", role) }
    func reloaded(as role: MemberRole) async { hear("on_reload", role) }
    func roleChanged(to role: MemberRole) async { hear("on_role_change", role) }
    func drain() async {}
    func runPrePromote() async -> String? { nil }
}
