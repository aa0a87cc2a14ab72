// The agent was told to end: what becomes of PostgreSQL and of the leader key, in which order.

/// The end of an agent as a value: ask ``next()`` what to do, do it, tell ``learn(_:)``, until ``Step/finished(_:)``.
///
/// Order (HA-012 to HA-015): end the job; leave everything in maintenance mode; else stop PostgreSQL fast; release the
/// key as soon as somebody has everything, or when PostgreSQL has ended; publish "stopped".
public struct Shutdown: Sendable, Hashable, Codable {
    public enum Step: Sendable, Hashable, Codable {
        /// End the long task and whatever it started.
        case cancelJob(Job)
        /// Order the stop and go on without waiting for its end.
        case orderStop(StopMode)
        /// Wait for whichever comes first: `pg_control` says "shut down", or the postmaster ends; with a limit, at most
        /// so long.
        case watchServer(atMost: Duration?)
        /// Ask these members where they are.
        case askPeers([Member])
        /// Release the leader key; write the position first.
        case releaseKey(position: LSN?)
        /// Write how far the log goes, and keep the key.
        case writePosition(LSN)
        /// Publish the member as stopped.
        case publishMember
        case finished(Ending)
    }

    public enum Event: Sendable, Hashable, Codable {
        case jobEnded
        case stopOrdered
        /// `pg_control` says "shut down" while the postmaster is still there.
        case checkpointWritten(ShutdownCheckpoint, at: Moment)
        /// Nothing new within the limit.
        case nothingYet
        case peers([PeerStatus], at: Moment)
        /// The postmaster has ended. Without a checkpoint it did not end cleanly.
        case serverStopped(ShutdownCheckpoint?)
        /// It could not be stopped in time.
        case stopFailed(String)
        case keyReleased(WriteOutcome)
        case positionWritten
        case memberPublished
    }

    public enum Ending: Sendable, Hashable, Codable {
        /// PostgreSQL and the key stay as they are.
        case leftRunning(Reason)
        case stopped
        /// PostgreSQL still runs, so its key must stay (HA-015).
        case stopFailed(String)

        public enum Reason: String, Sendable, Hashable, Codable {
            case paused
            /// The agent never joined the cluster (HA-031).
            case neverJoined
        }

        /// The log line (HA-366, HA-367); nil when there is nothing to tell.
        public var text: String? {
            switch self {
            case .leftRunning(.paused): "Leader key is not deleted and Postgresql is not stopped due paused state"
            case .leftRunning(.neverJoined): "PostgreSQL is left running: this member never joined the cluster"
            case .stopped: nil
            case .stopFailed(let why): "PostgreSQL shutdown failed, leader key not removed. \(why)"
            }
        }
    }

    /// Why PostgreSQL stops.
    public enum Purpose: Sendable, Hashable, Codable {
        /// The agent ends, or an operator moves the leadership.
        case handingOver
        /// The cluster becomes a standby of another one (HA-144). The key is kept, unless somebody has received
        /// everything; with archiving it is kept in any case, as the last segment has yet to be archived, and its
        /// position stays as it was told last (HA-394).
        case becomingStandby(isArchiving: Bool)
        /// The rules halted before this member became part of the cluster (HA-031).
        case neverJoined
    }

    private enum Phase: Sendable, Hashable, Codable {
        case begin
        case stopping
        case handingOver(Handover, Handing)
        case releasing(position: LSN?, thenStopped: Bool)
        case released
        case stopped(LSN?)
        case publishing
        case ended(Ending)
    }

    private enum Handing: Sendable, Hashable, Codable {
        case ask
        case wait(Duration)
        case report(then: Duration?)
        case waitForEnd
    }

    private let me: MemberName
    private let cluster: Cluster?
    private let settings: ClusterSettings
    private let isLeader: Bool
    private let purpose: Purpose
    private let staysUp: Ending.Reason?
    private var job: Job?
    private var phase = Phase.begin
    private var hasReported = false
    private var hasReleased = false

    public init(_ observation: Observation, purpose: Purpose = .handingOver) {
        me = observation.me
        self.purpose = purpose
        settings = observation.settings
        job = observation.job?.job
        // An operator's failover is carried out in maintenance mode, the end of the agent is not (HA-169, HA-172).
        staysUp =
            observation.settings.isPaused && observation.isShuttingDown
            ? .paused : purpose == .neverJoined ? .neverJoined : nil
        if case .cluster(let cluster) = observation.store {
            self.cluster = cluster
            isLeader = cluster.leader?.name == observation.me && observation.lease.isValid(at: observation.now)
        } else {
            cluster = observation.lastClusterWithLeader
            isLeader = observation.lease.isValid(at: observation.now)
        }
    }

    /// What to do now. Asking again gives the same answer.
    public func next() -> Step {
        if let job { return .cancelJob(job) }
        switch phase {
        case .begin: return staysUp.map { .finished(.leftRunning($0)) } ?? .orderStop(.fast)
        case .stopping, .released: return .watchServer(atMost: nil)
        case .handingOver(let handover, .ask): return .askPeers(handover.candidates)
        case .handingOver(_, .wait(let pause)): return .watchServer(atMost: pause)
        case .handingOver(let handover, .report): return .writePosition(position(handover.checkpoint))
        case .handingOver(_, .waitForEnd): return .watchServer(atMost: nil)
        case .releasing(let position, _), .stopped(let position): return .releaseKey(position: position)
        case .publishing: return .publishMember
        case .ended(let ending): return .finished(ending)
        }
    }

    /// What came of it. Events that come too late change nothing.
    public mutating func learn(_ event: Event) {
        switch (phase, event) {
        case (_, .jobEnded): job = nil
        case (.ended, _): break
        case (_, .stopFailed(let why)): phase = .ended(.stopFailed(why))
        case (_, .serverStopped(let checkpoint)): serverStopped(checkpoint)
        case (.begin, .stopOrdered): phase = .stopping
        case (.stopping, .checkpointWritten(let checkpoint, let now)): checkpointWritten(checkpoint, now)
        case (.handingOver(let handover, .ask), .peers(let peers, let now)): judge(handover, peers, now)
        case (.handingOver(let handover, .report(let pause)), .positionWritten):
            hasReported = true
            phase = .handingOver(handover, pause.map(Handing.wait) ?? .waitForEnd)
        case (.handingOver(let handover, .wait), .nothingYet): phase = .handingOver(handover, .ask)
        case (.releasing(_, let thenStopped), .keyReleased(let outcome)):
            hasReleased = outcome.isWritten || outcome == .conflict
            phase = thenStopped ? .publishing : .released
        case (.stopped, .keyReleased): phase = .publishing
        case (.publishing, .memberPublished): phase = .ended(.stopped)
        default: break
        }
    }

    private mutating func checkpointWritten(_ checkpoint: ShutdownCheckpoint, _ now: Moment) {
        guard isLeader, purpose != .becomingStandby(isArchiving: true), let cluster else { return }
        let handover = Handover(me: me, cluster: cluster, settings: settings, checkpoint: checkpoint, since: now)
        phase = .handingOver(handover, handover.candidates.isEmpty ? .report(then: nil) : .ask)
    }

    /// Who goes on as a standby cluster starts from the checkpoint itself.
    private func position(_ checkpoint: ShutdownCheckpoint) -> LSN {
        if case .becomingStandby = purpose { checkpoint.location } else { checkpoint.lastPosition }
    }

    private mutating func judge(_ handover: Handover, _ peers: [PeerStatus], _ now: Moment) {
        switch handover.answer(peers, at: now) {
        case .release: phase = .releasing(position: position(handover.checkpoint), thenStopped: false)
        // After a second of waiting it is worth telling the others how far the log goes.
        case .askAgain(let pause) where !hasReported && now - handover.since >= .seconds(1):
            phase = .handingOver(handover, .report(then: pause))
        case .askAgain(let pause): phase = .handingOver(handover, .wait(pause))
        case .nobodyToAsk: phase = .handingOver(handover, .report(then: nil))
        }
    }

    private mutating func serverStopped(_ checkpoint: ShutdownCheckpoint?) {
        if case .releasing(let position, _) = phase {
            phase = .releasing(position: position, thenStopped: true)
        } else if case .publishing = phase {
            return
        } else {
            let releases = isLeader && !hasReleased && purpose == .handingOver
            phase = releases ? .stopped(checkpoint?.lastPosition) : .publishing
        }
    }
}
