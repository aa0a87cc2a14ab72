// A server's life: it starts, is promoted, stops, crashes, hangs.

import PatroniCore

extension ModelFleet {
    /// Sizes of records; only that they are not zero matters.
    static let checkpointRecord: UInt64 = 120
    static let endOfRecoveryRecord: UInt64 = 56

    // MARK: starting

    /// The postmaster is started; it lets connections in after `takes`, and a standby when it is consistent.
    public mutating func start(
        _ id: ServerID, as role: ServerRole, takes: Duration, at moment: Moment
    ) throws(ModelFailure) {
        advance(to: moment)
        let index = id.index
        guard let files = servers[index].files else { throw ModelFailure("there is no data directory to start from") }
        guard servers[index].phase == .stopped else { throw ModelFailure("another server is running there") }
        var asPrimary = true
        servers[index].upstream = nil
        if case .standby(let upstream) = role {
            asPrimary = false
            servers[index].upstream = upstream
        }
        servers[index].files?.state = Self.state(whileStarting: files, asPrimary: asPrimary)
        if !asPrimary, files.minimumRecoveryEnd < files.checkpoint {
            servers[index].files?.minimumRecoveryEnd = files.checkpoint
            servers[index].files?.minimumRecoveryTimeline = files.checkpointTimeline
        }
        servers[index].starts += 1
        servers[index].started = now
        servers[index].receiver = ModelReceiver()
        servers[index].track.restart(at: now, files.log.end)
        bringNamesInForce(index)
        servers[index].phase = .starting(asPrimary: asPrimary, until: now + takes.inNanoseconds)
        topologyChanged()
    }

    private static func state(whileStarting files: ModelFiles, asPrimary: Bool) -> ControlState {
        if !asPrimary { return .inArchiveRecovery }
        return files.state.isUnclean ? .inCrashRecovery : .startingUp
    }

    mutating func becomeReady(_ index: Int) {
        guard case .starting(let asPrimary, _) = servers[index].phase, let files = servers[index].files else { return }
        servers[index].files?.hasBackupLabel = false
        guard asPrimary else {
            servers[index].receiver.state = .idle(firstTry: now)
            servers[index].phase = .recovering
            topologyChanged()
            servers[index].files?.replayed = files.log.end
            becomeConsistent(index)
            return
        }
        servers[index].files?.replayed = files.log.end
        if files.log.writer != servers[index].ownWriter {
            // A standby's log without a promotion: the old timeline goes on under another hand.
            beginBranch(index, files.log.timeline)
        }
        servers[index].phase = .primary
        if files.state == .inCrashRecovery { writeCheckpoint(index) }
        servers[index].files?.state = .inProduction
        topologyChanged()
    }

    mutating func becomeConsistent(_ index: Int) {
        guard let files = servers[index].files, files.replayed >= files.minimumRecoveryEnd else { return }
        servers[index].phase = .standby
    }

    // MARK: promoting

    public mutating func promote(_ id: ServerID, takes: Duration, at moment: Moment) throws(ModelFailure) {
        advance(to: moment)
        // Told twice is told once.
        if case .promoting = servers[id.index].phase { return }
        guard servers[id.index].phase == .standby else { throw ModelFailure("only a running standby can be promoted") }
        servers[id.index].phase = .promoting(until: now + takes.inNanoseconds)
        disconnect(id.index, firstTry: now)
        topologyChanged()
    }

    mutating func becomePrimary(_ index: Int) {
        guard let files = servers[index].files else { return }
        beginBranch(index, max(files.knownTimeline, files.log.timeline).next)
        servers[index].phase = .primary
        servers[index].upstream = nil
        servers[index].files?.replayed = files.log.end
        servers[index].files?.state = .inProduction
        append(to: index, upTo: LSN(files.log.end.rawValue + Self.endOfRecoveryRecord))
        topologyChanged()
    }

    private mutating func beginBranch(_ index: Int, _ timeline: Timeline) {
        guard let log = servers[index].files?.log else { return }
        let writer = newWriter()
        let missed = promotions.last.flatMap { log.holds($0.writer) ? nil : $0.writer }
        promotions.append(
            ModelPromotion(
                server: ServerID(index), at: Moment(nanoseconds: now), timeline: timeline, position: log.end,
                writer: writer, missed: missed, lost: lostCommits(in: log)))
        servers[index].files?.log.begin(writer, timeline)
        servers[index].files?.knownTimeline = timeline
        servers[index].ownWriter = writer
    }

    mutating func newWriter() -> LogWriter {
        ledger.append(Ledger())
        return LogWriter(ledger.count - 1)
    }

    // MARK: stopping

    /// Fast and smart: no more writes from now on, the shutdown checkpoint after `takes`, and a primary then waits for
    /// those who stream. A server that doesn't move obeys when it moves again.
    public mutating func stop(_ id: ServerID, _ mode: StopMode, takes: Duration, at moment: Moment) {
        advance(to: moment)
        guard servers[id.index].isWorking else {
            if servers[id.index].ordered != .immediate { servers[id.index].ordered = mode }
            return
        }
        carryOut(mode, id.index, takes.inNanoseconds)
    }

    private mutating func carryOut(_ mode: StopMode, _ index: Int, _ takes: Int64) {
        servers[index].ordered = nil
        if mode == .immediate { return end(index) }
        switch servers[index].phase {
        case .primary:
            servers[index].files?.state = .shuttingDown
            servers[index].phase = .stopping(wasPrimary: true, until: now + takes)
        case .standby, .recovering, .promoting:
            servers[index].phase = .stopping(wasPrimary: false, until: now + takes)
            for sender in servers[index].senders { dropSender(sender.number, of: index) }
            disconnect(index, firstTry: now)
        case .starting: end(index)
        case .stopped, .stopping, .waitingForSenders: break
        }
        topologyChanged()
    }

    mutating func afterCheckpoint(_ index: Int) {
        guard case .stopping(let wasPrimary, _) = servers[index].phase else { return }
        if wasPrimary {
            writeCheckpoint(index)
            servers[index].files?.state = .shutDown
            servers[index].phase = .waitingForSenders
        } else {
            noteRestartPoint(index)
            servers[index].files?.state = .shutDownInRecovery
            end(index)
        }
    }

    /// The process is gone, whatever it was doing. What its files say stays as it was.
    mutating func end(_ index: Int) {
        servers[index].phase = .stopped
        servers[index].ordered = nil
        servers[index].receiver.state = .idle(firstTry: now)
        servers[index].receiver.unread = nil
        for sender in servers[index].senders { dropSender(sender.number, of: index) }
        tidyConnections()
        topologyChanged()
    }

    /// SIGKILL, or the machine is gone. Nothing that was flushed is lost.
    public mutating func kill(_ id: ServerID, at moment: Moment) {
        advance(to: moment)
        if servers[id.index].phase != .stopped { end(id.index) }
    }

    // MARK: standing still

    /// SIGSTOP.
    public mutating func setFrozen(_ isFrozen: Bool, _ id: ServerID, at moment: Moment) {
        advance(to: moment)
        servers[id.index].isFrozen = isFrozen
        moveAgain(id.index)
    }

    /// Nothing gets written or flushed while this is so.
    public mutating func setDiskStalled(_ isStalled: Bool, _ id: ServerID, at moment: Moment) {
        advance(to: moment)
        servers[id.index].isDiskStalled = isStalled
        moveAgain(id.index)
    }

    private mutating func moveAgain(_ index: Int) {
        readCollected(index)
        tidyConnections()
        guard servers[index].isWorking, let mode = servers[index].ordered else { return }
        if servers[index].phase != .stopped { carryOut(mode, index, 100_000_000) }
    }

    // MARK: checkpoints

    /// A checkpoint of a primary, a restartpoint of a standby. False while nothing gets written.
    public mutating func checkpoint(_ id: ServerID, at moment: Moment) -> Bool {
        advance(to: moment)
        guard servers[id.index].phase.isOpen, servers[id.index].isWorking else { return false }
        if servers[id.index].phase == .primary { writeCheckpoint(id.index) } else { noteRestartPoint(id.index) }
        return true
    }

    mutating func writeCheckpoint(_ index: Int) {
        guard let log = servers[index].files?.log else { return }
        servers[index].files?.checkpoint = log.end
        servers[index].files?.checkpointTimeline = log.timeline
        append(to: index, upTo: LSN(log.end.rawValue + Self.checkpointRecord))
    }

    private mutating func noteRestartPoint(_ index: Int) {
        guard let files = servers[index].files else { return }
        servers[index].files?.minimumRecoveryEnd = max(files.minimumRecoveryEnd, files.replayed)
        servers[index].files?.minimumRecoveryTimeline = files.log.timeline
    }

    // MARK: synchronous_standby_names

    /// Reports say the new names at once; what commits wait for follows after `takes`, as every process of the server
    /// reads its files for itself.
    public mutating func setNames(
        _ names: String?, on id: ServerID, takes: Duration = .zero, at moment: Moment
    ) throws(ModelFailure) {
        advance(to: moment)
        guard let rule = ModelSyncRule(names, servers: servers) else {
            throw ModelFailure("synchronous_standby_names can't be \(names ?? "")")
        }
        servers[id.index].names = names
        servers[id.index].coming = (rule, now + takes.inNanoseconds)
        if !servers[id.index].hasPostmaster || takes == .zero { bringNamesInForce(id.index) }
    }

    private mutating func bringNamesInForce(_ index: Int) {
        if let coming = servers[index].coming { servers[index].rule = coming.rule }
        servers[index].coming = nil
    }
}
