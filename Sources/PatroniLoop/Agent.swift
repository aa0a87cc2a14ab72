// The agent beside one PostgreSQL server: takes turns until it is told to end.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import PatroniPostgres

/// How the agent ended.
package enum AgentEnd: Sendable, Equatable {
    /// On request; PostgreSQL is stopped, or left alone in maintenance mode.
    case asked
    /// Going on could have damaged something; the reason has been logged.
    case halted(String)
}

/// One member of the cluster. All of its state is confined to this actor; long tasks run beside it and report back.
package actor Agent {
    /// What the agent is made of, for tests and the simulator to exchange.
    package struct Parts: Sendable {
        package var time: any TimeSource
        package var store: any ConfigurationStore
        package var server: any ManagedServer
        package var members: any Peers
        package var callbacks: any RoleCallbacks
        package var logger: Logger
        /// Where health checks read what is going on.
        package var status: StatusHolder
        package var surroundings: any AgentSurroundings
        /// What decides. The simulator spoils single rules to see whether it would notice.
        package var rules = Rules.tables
        /// Is told what the agent decides and believes.
        package var witness: (any AgentWitness)?
        /// Where changes are written down.
        package var recorder: any FlightRecording = NoFlightRecord()

        package init(
            time: any TimeSource, store: any ConfigurationStore, server: any ManagedServer, members: any Peers,
            callbacks: any RoleCallbacks, logger: Logger, status: StatusHolder, surroundings: any AgentSurroundings
        ) {
            self.time = time
            self.store = store
            self.server = server
            self.members = members
            self.callbacks = callbacks
            self.logger = logger
            self.status = status
            self.surroundings = surroundings
        }
    }

    let parts: Parts
    let wakeUps = WakeUps()
    var configuration: ConfigurationKeeper
    var settings: ClusterSettings

    var memory = Memory()
    var lease = Lease.none { didSet { parts.witness?.believes(in: lease) } }
    /// How many are giving the key away just now: nobody may renew it meanwhile.
    var keyReleases = 0
    /// Grows whenever the lease is given up. What a request of before brings must not be believed any more.
    var leaseEra = 0
    /// The request about the leader key that is under way.
    var keyRequest: Task<LeaderKeyOutcome, Never>?
    var job: JobUnderway?
    var jobTask: Task<Void, Never>?
    /// Grows with every job, so that one that was given up can't end another.
    var jobNumber = 0
    /// Jobs that have ended since the last turn began.
    var endedJobs: [(job: Job, outcome: JobOutcome)] = []
    /// Who waits for a job to end (restart and reinitialize requests).
    var jobWaiters: [CheckedContinuation<JobOutcome, Never>] = []
    /// What operators want; done between turns, as a turn works with what it saw at its beginning.
    var requests: [@Sendable (isolated Agent) async -> Void] = []
    var hasEnded = false
    /// A look that has not come back yet. There is never a second one behind it.
    var lookUnderway: PendingAnswer<ServerLook>?
    /// How each stop that was ordered went; none while it is under way. A shutdown can begin beside a demotion that is
    /// still waiting for its own.
    var stopOutcomes: [Int: Result<Void, JobFailure>] = [:]
    var stopNumber = 0

    var cluster: Cluster?
    var lastClusterWithLeader: Cluster?
    var storeLastSeen: WallTime?
    var look = ServerLook(directory: .empty, status: .stopped)
    var lookedAt: Moment
    var walSenders: [WalSender] = []
    var lastReason: Reason?
    /// The last changes, for whoever asks why.
    var flight: FlightLog
    /// Somebody is being asked what stands against them.
    var isExplaining = false
    /// The first checkpoint after a promotion is being written (HA-130).
    var isCheckpointUnderway = false
    var retainedSlots = RetainedSlots()
    var synchronous = SynchronousReplication()
    /// Until then voters have time to come back to a primary that has just begun (HA-191).
    var synchronousGrace: Moment?
    /// What `/sync` said when the votes were counted that won the leader key.
    var racedSync: SyncState?
    /// What else was known then.
    var racedView: RacedView?
    /// Whom the log last said that commits wait for.
    var saidNames: SynchronousNames?
    var failsafe: FailsafeMemory
    /// Asks the leader to let no commit wait for this member any more (HA-155).
    var asksForRelease = false
    var isSlotWorkUnderway = false
    var scheduledRestart: ScheduledRestart?
    var nudgesLeft = 0
    /// PostgreSQL has been told to promote; whether it is through yet is another question.
    var isPromotionTold = false
    /// As asked when the data directory was last seen empty.
    var mayCloneWithoutLeader = false
    var hasAnnouncedStart = false
    var api: (any StatusService)?
    var isShuttingDown = false
    var isReloadRequested = false
    var lastTurn: Moment
    /// The version of the dynamic configuration that was last taken over.
    var adoptedVersion: KeyVersion?

    package init(parts: Parts, configuration: ConfigurationKeeper) {
        self.parts = parts
        self.configuration = configuration
        settings = configuration.cluster
        lastTurn = parts.time.now
        failsafe = FailsafeMemory(startedAt: parts.time.now)
        lookedAt = parts.time.now
        flight = FlightLog(parts.recorder.earlier)
    }

    var me: MemberName { configuration.local.name }
    var now: Moment { parts.time.now }
    var log: Logger { parts.logger }

    /// Takes turns until asked to end, or until going on would be wrong.
    package func run() async -> AgentEnd {
        let watchers = [watchStore(), watchServer()]
        defer { for watcher in watchers { watcher.cancel() } }
        record(.started(version: PatroniVersion.text))
        while !isShuttingDown {
            let began = now
            if isReloadRequested { await reload() }
            lastTurn = began
            switch await turn() {
            case .halt(let reason):
                await close()
                await shutDown(because: reason)
                return .halted(reason.text(me))
            case .settled(let again):
                await attendToRequests()
                let pause = min(again ?? settings.loopWait, attendToSchedule() ?? settings.loopWait, settings.loopWait)
                await rest(until: began + pause)
            }
        }
        await close()
        await shutDown()
        return .asked
    }

    /// From here on operators are told at once that it is too late.
    private func close() async {
        hasEnded = true
        await attendToRequests()
    }

    /// End after the current turn, cleanly.
    package func requestShutdown() {
        isShuttingDown = true
        wakeUps.wake()
    }

    /// The REST API follows the configuration; it needs the agent to exist first.
    package func use(_ service: any StatusService) { api = service }

    /// Sleeps, but not through a request to end.
    func pause(until deadline: Moment) async {
        if !isShuttingDown { await wakeUps.wait(until: deadline, time: parts.time) }
    }

    /// Read the configuration file again before the next turn.
    package func requestReload() {
        isReloadRequested = true
        wakeUps.wake()
    }

    private func watchStore() -> Task<Void, Never> {
        let changes = parts.store.changes
        return Task { for await change in changes { self.noticed(change) } }
    }

    private func watchServer() -> Task<Void, Never> {
        let exits = parts.server.exits
        return Task { [wakeUps] in for await _ in exits { wakeUps.wake() } }
    }

    /// Which news start a turn (DCS-104): who leads, what is wanted, and what the leader itself reports.
    private func noticed(_ change: StoreChange) {
        switch change {
        case .leader, .configuration, .failover, .sync, .initialize, .missedSome: wakeUps.wake()
        case .status: break
        case .member(let name):
            // The leader has become a primary, or a new member needs a slot.
            // While we stream from the leader its reports tell us nothing that the stream doesn't.
            let isStreaming = look.status.running?.standby?.replicationState == "streaming"
            let isNews = cluster?.hasMember(name) != true || (name == cluster?.leader?.name && !isStreaming)
            if isNews, name != me {
                wakeUps.wake()
            } else if name != me, settings.managesSynchronousStandbys, cluster?.leader?.name == me {
                Task { await self.reconsider(name) }
            }
        }
    }
}
