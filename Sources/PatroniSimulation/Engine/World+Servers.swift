// What happens to PostgreSQL besides what its agent does, and how long things take.

import PatroniCore

extension World {
    func startTime(afterCrash isCrashed: Bool) -> Duration {
        // Now and then a crash recovery takes long.
        if isCrashed, chance.chance(10) { return chance.duration(.seconds(10)...(.seconds(60))) }
        return chance.duration(.milliseconds(100)...(isCrashed ? .seconds(4) : .seconds(1)))
    }

    func stopTime() -> Duration {
        chance.chance(10)
            ? chance.duration(.seconds(2)...(.seconds(20))) : chance.duration(.milliseconds(20)...(.seconds(1)))
    }

    func promotionTime() -> Duration {
        chance.chance(8)
            ? chance.duration(.seconds(2)...(.seconds(15))) : chance.duration(.milliseconds(30)...(.milliseconds(500)))
    }

    // MARK: ends

    /// The postmaster is gone at once; its agent sees it.
    func killServer(_ member: Int) {
        guard fleet[ServerID(member)].hasPostmaster else { return }
        fleet.kill(ServerID(member), at: now)
        frozenProcessesAreGone(member)
        trace.note(now, .member(member), "killed")
        sawExit(member)
    }

    /// SIGKILL. Processes that wait for a disk hang on until that answers, but never run another instruction of their own.
    func putDown(_ member: Int) {
        if members[member].isDiskStalled { members[member].isPutDown = true } else { killServer(member) }
    }

    func sawExit(_ member: Int) {
        guard let life = members[member].life, !life.isDead else { return }
        after(.milliseconds(2)) {
            if !life.isDead { life.deliver { life.exited.yield() } }
        }
    }

    func serverStarted(_ member: Int) { trace.note(now, .member(member), "started") }

    // MARK: copying

    /// pg_basebackup is a program of its own: it goes on when the agent dies.
    func beginCopy(_ member: Int, from source: ServerID) -> Int {
        statistics.copies += 1
        let number = statistics.copies
        members[member].copy = number
        members[member].copier = members[member].life?.number
        after(chance.duration(.seconds(1)...(.seconds(12)))) {
            guard self.members[member].copy == number else { return }
            self.members[member].copy = nil
            guard !self.members[member].isDiskStalled else { return self.copyFailed(member) }
            do throws(ModelFailure) {
                try self.fleet.finishCopy(on: ServerID(member), from: source, at: self.now)
                self.trace.note(self.now, .member(member), "copied")
            } catch {
                self.trace.say(self.now, .member(member), "the copy failed: \(error)")
                self.copyFailed(member)
            }
        }
        return number
    }

    /// pg_basebackup clears away what it has written when it fails, whether or not somebody still waits for it.
    private func copyFailed(_ member: Int) {
        if case .holds = fleet.directory(of: ServerID(member)) { return }
        try? fleet.removeData(on: ServerID(member), at: now)
    }
}
