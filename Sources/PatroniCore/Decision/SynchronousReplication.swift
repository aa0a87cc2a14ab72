// Synchronous replication: keeps `/sync` and `synchronous_standby_names` in step, one step at a time.

/// Every member that `/sync` lists holds every acknowledged commit, so it may take over without loss. That stays true
/// whatever happens between two steps, because the list shrinks before PostgreSQL waits for fewer, and grows only by
/// members that PostgreSQL waits for already and that have caught up (HA-185). That is priority mode; the steps of
/// quorum commit are those of ``QuorumState``.
public struct SynchronousReplication: Sendable, Hashable {
    /// What is looked at before each step.
    public struct View: Sendable, Hashable {
        public var me: MemberName
        public var settings: ClusterSettings
        public var members: [Member]
        /// What `/sync` says.
        public var sync: SyncState
        public var status: SynchronousStatus
        public var now: Moment
        /// Until then standbys have time to come (back) to a primary that has just started (HA-191).
        public var graceUntil: Moment?

        public init(
            me: MemberName, settings: ClusterSettings, members: [Member], sync: SyncState, status: SynchronousStatus,
            now: Moment = Moment(nanoseconds: 0), graceUntil: Moment? = nil
        ) {
            self.me = me
            self.settings = settings
            self.members = members
            self.sync = sync
            self.status = status
            self.now = now
            self.graceUntil = graceUntil
        }
    }

    public enum Step: Sendable, Hashable {
        /// Write `/sync`, on condition that it still has the version that was looked at.
        case publish(SyncState, because: Cause)
        /// Let commits wait for these.
        case setNames(SynchronousNames)
        /// Give `synchronous_standby_names` back to the operator.
        case useConfigured
        /// Everything is as it should be.
        case steady
        /// Standbys have yet to catch up.
        case wait
    }

    public enum Cause: Sendable, Hashable {
        /// The key was empty (HA-177).
        case enabled
        /// The mode was switched off (HA-176).
        case disabled
        /// The key names another leader (HA-186).
        case otherLeader(MemberName)
        /// It lists somebody whom PostgreSQL does not wait for, or stems from another mode (HA-186, HA-192).
        case mismatch
        /// Somebody is about to be left out.
        case shrinking
        /// A write without an answer may still land; the condition of this one makes it fail.
        case settling
        case confirmed
        /// A step of quorum commit.
        case quorum
    }

    /// What the server was last seen to wait for.
    var seen: SynchronousNames?
    /// What the server's setting said when it was last read, taken apart.
    var read = ReadNames()
    /// What it was last told. Something else may be on its way into force until it has been told by us.
    private(set) var ordered: SynchronousNames?
    /// The end of the log when that changed: who has it has everything from before.
    var mark = LSN.zero
    /// Who has reached the mark since, kept while commits wait for it (HA-184).
    var confirmed: Set<String> = []
    /// A write whose answer was lost may still land. From before this agent's start too, so it begins with true.
    private(set) var mayLand = true
    /// What was noted before belongs to the other kind of counting.
    private var countedVotes = false
    /// How far the standbys' confirmations get.
    public private(set) var progress = ConfirmationProgress()
    private var lastWritten: KeyVersion?
    /// Something was written since the beginning.
    public private(set) var hasTried = false

    public init() {}

    /// The next single step.
    public mutating func step(_ now: View) -> Step {
        if let last = lastWritten?.number, let read = now.sync.version?.number, read < last { return .wait }
        guard now.settings.managesSynchronousStandbys else {
            return now.sync.isEmpty && !(mayLand && hasTried)
                ? .useConfigured : .publish(.none, because: .disabled)
        }
        progress.note(now)
        let countsVotes = now.settings.synchronousMode == .quorum || now.sync.quorum != 0
        if countsVotes != countedVotes {
            countedVotes = countsVotes
            seen = nil
            confirmed = []
        }
        let picked = Self.pick(now, stalled: progress.stalled)
        return countsVotes ? quorumStep(now, QuorumGoal(now, picked)) : priorityStep(now, picked)
    }

    private mutating func priorityStep(_ now: View, _ picked: [MemberName]) -> Step {
        let inForce = note(now)
        if let leader = now.sync.leader {
            if !leader.matches(now.me) { return publish([], now, .otherLeader(leader)) }
        } else {
            return publish([], now, .enabled)
        }
        let listed = now.sync.standbys
        let kept = listed.filter { inForce.waitsFor($0) }
        if kept != listed { return publish(kept, now, .mismatch) }

        let staying = listed.filter { name in picked.contains { $0.matches(name) } }
        if staying != listed { return publish(staying, now, .shrinking) }
        let wanted = wanted(picked, now.settings)
        if !wanted.means(inForce) || ordered != wanted {
            return mayLand ? publish(staying, now, .settling) : .setNames(wanted)
        }

        let ready = picked.filter { confirmed.contains($0.folded) }
        if ready.count != listed.count { return publish(ready, now, .confirmed) }
        return ready.count == picked.count ? .steady : .wait
    }

    /// The names were written and the server was told.
    public mutating func namesWereSet(_ names: SynchronousNames) {
        seen = nil
        ordered = names
        confirmed.formIntersection(names.names.map(\.folded))
    }

    /// How writing `/sync` went.
    public mutating func learned(_ outcome: WriteOutcome) {
        hasTried = true
        switch outcome {
        case .written(let version):
            mayLand = false
            lastWritten = version
        case .unknown: mayLand = true
        case .conflict: break
        }
    }

    /// With `synchronous_mode_strict` commits wait even when nobody is there (HA-188).
    private func wanted(_ picked: [MemberName], _ settings: ClusterSettings) -> SynchronousNames {
        if picked.isEmpty { return settings.isSynchronousModeStrict ? .anybody : .nobody }
        return .all(picked)
    }

    func publish(_ standbys: [MemberName], _ now: View, _ cause: Cause) -> Step {
        .publish(SyncState(leader: now.me, standbys: standbys.sorted()), because: cause)
    }

    /// Takes in who has caught up since commits wait for it (HA-182).
    private mutating func note(_ now: View) -> SynchronousNames {
        let inForce = read.names(now.status.names)
        if seen != inForce {
            seen = inForce
            mark = now.status.position
            confirmed.formIntersection(inForce.names.map(\.folded))
        }
        for name in inForce.names where inForce.waitsFor(name) {
            let isListed = now.sync.leader?.matches(now.me) == true && now.sync.hasStandby(name)
            let hasCaughtUp = now.status.streams.contains {
                $0.name.matches(name) && $0.syncState == "sync"
                    && ($0.position(now.status.commitLevel) ?? .zero) >= mark
            }
            if isListed || hasCaughtUp { confirmed.insert(name.folded) }
        }
        return inForce
    }
}

/// The setting hardly ever changes, and it is looked at every second.
struct ReadNames: Sendable, Hashable {
    private var text = ""
    private var names = SynchronousNames.nobody

    mutating func names(_ text: String) -> SynchronousNames {
        if text != self.text {
            self.text = text
            names = SynchronousNames(parsing: text) ?? .nobody
        }
        return names
    }
}

extension SyncState {
    /// As it is to be written: the version comes from the store.
    var unversioned: SyncState { SyncState(leader: leader, quorum: quorum, standbys: standbys) }

    /// Does the leader's commit wait for this member, as far as the store knows (HA-155)?
    public func isWaiting(for name: MemberName, leader: MemberName?) -> Bool {
        guard let leader, self.leader?.matches(leader) == true else { return false }
        return !leader.matches(name) && hasStandby(name)
    }
}
