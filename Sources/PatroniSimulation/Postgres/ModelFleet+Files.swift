// Data directories: made, copied, compared, rewound, removed.

import PatroniCore
import PatroniPostgres

extension ModelFleet {
    /// initdb: a cleanly shut down database of its own.
    public mutating func createDatabase(on id: ServerID, at moment: Moment) throws(ModelFailure) {
        advance(to: moment)
        guard servers[id.index].files == nil, !servers[id.index].hasDebris else {
            throw ModelFailure("the data directory is not empty")
        }
        databases += 1
        guard let identifier = SystemIdentifier("\(7_000_000_000_000_000_000 + databases)") else { return }
        let start = LSN(0x100_0000)
        let writer = newWriter()
        servers[id.index].files = ModelFiles(
            identifier: identifier, state: .shutDown, checkpoint: start, checkpointTimeline: Timeline(1),
            log: ModelLog(writer: writer, start: start), replayed: start, knownTimeline: Timeline(1))
        servers[id.index].ownWriter = writer
        servers[id.index].keptFrom = start
        servers[id.index].track.restart(at: now, start)
    }

    /// A copy begins: until it is finished the directory is good for nothing.
    public mutating func beginCopy(on id: ServerID, at moment: Moment) throws(ModelFailure) {
        advance(to: moment)
        guard servers[id.index].phase == .stopped, servers[id.index].files == nil else {
            throw ModelFailure("the data directory is not empty")
        }
        servers[id.index].hasDebris = true
    }

    /// pg_basebackup with the log that was written meanwhile.
    public mutating func finishCopy(on id: ServerID, from source: ServerID, at moment: Moment) throws(ModelFailure) {
        advance(to: moment)
        guard isReachable(source, from: id), let theirs = servers[source.index].files else {
            throw ModelFailure("the server to copy from does not answer")
        }
        guard servers[id.index].hasDebris, servers[id.index].isWorking, servers[source.index].isWorking else {
            throw ModelFailure("the copy can't be written")
        }
        var files = theirs
        files.hasBackupLabel = true
        files.replayed = theirs.checkpoint
        files.minimumRecoveryEnd = theirs.log.end
        files.minimumRecoveryTimeline = theirs.log.timeline
        place(files, on: id.index, keptFrom: servers[source.index].keptFrom)
    }

    private mutating func place(_ files: ModelFiles, on index: Int, keptFrom: LSN) {
        servers[index].files = files
        servers[index].hasDebris = false
        servers[index].ownWriter = nil
        servers[index].keptFrom = keptFrom
        servers[index].slots = []
        servers[index].track.restart(at: now, files.log.end)
    }

    /// Whatever lies there is gone.
    public mutating func removeData(on id: ServerID, at moment: Moment) throws(ModelFailure) {
        advance(to: moment)
        guard servers[id.index].phase == .stopped else { throw ModelFailure("the server is running") }
        servers[id.index].files = nil
        servers[id.index].hasDebris = false
        servers[id.index].slots = []
    }

    /// Does a connection from one server's machine reach the other and find it open?
    public func isReachable(_ server: ServerID, from other: ServerID) -> Bool {
        servers[server.index].phase.isOpen && !servers[server.index].isFrozen
            && (server == other || areLinked(server.index, other.index))
    }

    // MARK: divergence

    /// As the agent finds it out: from its own control data or progress, the leader's timeline and its history. A
    /// crashed primary recovers by itself first, which adds a record of its own.
    public mutating func divergence(of id: ServerID, from leader: ServerID, at moment: Moment) -> Divergence {
        advance(to: moment)
        guard let local = localPosition(id.index) else {
            return .unknown("PostgreSQL has crashed, and where its log ends can't be found out")
        }
        guard isReachable(leader, from: id), servers[leader.index].phase == .primary,
            let theirs = servers[leader.index].files
        else { return .unknown("the leader is not accessible, or still in recovery") }
        let (history, ownHistory) = (theirs.log.history, servers[id.index].files?.log.history)
        var verdict = DivergenceCheck.judge(
            local, leaderTimeline: theirs.log.timeline, history: history, ownHistory: ownHistory,
            leaderEnd: theirs.log.end)
        if let part = DivergenceCheck.shared(
            local, leaderTimeline: theirs.log.timeline, history: history, ownHistory: ownHistory,
            leaderEnd: theirs.log.end)
        {
            verdict = DivergenceCheck.judge(verdict, bytes: bytes(of: part, id.index, leader.index), of: part)
        }
        if case .dependsOnCheckpointEnd(let switchpoint) = verdict {
            verdict = DivergenceCheck.judge(checkpointEnd: servers[id.index].end, switchpoint: switchpoint)
        }
        switch verdict {
        case .same: return .none
        case .diverged: return .diverged
        case .forked(let why): return .needsCopy(why)
        case .unknown(let why): return .unknown(why)
        case .dependsOnCheckpointEnd: return .unknown("the end of our last checkpoint is not known")
        }
    }

    /// What the bytes of both logs say, as long as the leader has them.
    private func bytes(of part: SharedLog, _ index: Int, _ leader: Int) -> LogComparison {
        guard let mine = servers[index].files?.log, let theirs = servers[leader].files?.log,
            servers[leader].keptFrom < part.end
        else { return .unknown("the leader's log is gone") }
        return mine.commonEnd(with: theirs) >= part.end ? .equal : .different(at: part.begin)
    }

    private mutating func localPosition(_ index: Int) -> LocalPosition? {
        guard let files = servers[index].files else { return nil }
        if case .standby = servers[index].phase {
            return servers[index].isFrozen ? nil : .standby(files.log.timeline, replayed: files.replayed)
        }
        guard servers[index].phase == .stopped else { return nil }
        if let position = LocalPosition(controlData(of: files)) { return position }
        guard servers[index].isWorking, settings.allowsRewind, !files.hasBackupLabel else { return nil }
        // Crash recovery in single user mode ends with a checkpoint.
        servers[index].files?.replayed = files.log.end
        writeCheckpoint(index)
        servers[index].files?.state = .shutDown
        return servers[index].files.flatMap { LocalPosition(controlData(of: $0)) }
    }

    func controlData(of files: ModelFiles) -> ControlData {
        ControlData(
            systemIdentifier: files.identifier, state: files.state, timeline: files.checkpointTimeline,
            checkpoint: files.checkpoint, minimumRecoveryEnd: files.minimumRecoveryEnd,
            minimumRecoveryTimeline: files.minimumRecoveryTimeline, allowsRewind: settings.allowsRewind)
    }

    // MARK: rewinding

    /// pg_rewind at the moment of its end: what the leader never had is gone, and up to the leader's end everything must
    /// be replayed before anybody is let in.
    public mutating func rewind(_ id: ServerID, from leader: ServerID, at moment: Moment) -> RewindOutcome {
        advance(to: moment)
        let index = id.index
        guard isReachable(leader, from: id), servers[leader.index].phase == .primary,
            let theirs = servers[leader.index].files
        else { return .notNow("the leader is not accessible, or still in recovery") }
        guard servers[index].phase == .stopped, let mine = servers[index].files else {
            return .failed("the server is running", isFinal: false)
        }
        guard mine.identifier == theirs.identifier, settings.allowsRewind, !mine.state.isUnclean else {
            return .failed("pg_rewind can't be used on this server", isFinal: true)
        }
        guard servers[index].isWorking, servers[leader.index].isWorking else {
            return .failed("nothing gets written", isFinal: false)
        }
        if theirs.checkpointTimeline == mine.checkpointTimeline {
            // It compares the numbers in both control data and sees no difference.
            return theirs.checkpointTimeline == theirs.log.timeline
                ? .failed("our timeline has the same number as the leader's", isFinal: true)
                : .notNow("leader has not run a checkpoint yet")
        }
        if theirs.checkpointTimeline != theirs.log.timeline {
            // Its control data still speak of the time before its promotion: pg_rewind sees no difference.
            return .rewound
        }
        if mine.log.apparentCommonEnd(with: theirs.log) > mine.log.commonEnd(with: theirs.log) {
            // It would have left what the leader never had.
            mixings.append(ModelMixing(standby: id, upstream: leader, at: Moment(nanoseconds: now)))
        }
        var files = theirs
        files.hasBackupLabel = true
        files.state = .inArchiveRecovery
        files.replayed = mine.log.commonEnd(with: theirs.log)
        files.minimumRecoveryEnd = theirs.log.end
        files.minimumRecoveryTimeline = theirs.log.timeline
        place(files, on: index, keptFrom: servers[leader.index].keptFrom)
        append(to: leader.index, upTo: LSN(theirs.log.end.rawValue + Self.endOfRecoveryRecord))
        return .rewound
    }
}
