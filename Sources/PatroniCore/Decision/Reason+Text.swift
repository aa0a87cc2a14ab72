// Reasons as log lines. Where operators and tools grep for Patroni's words, these are the words (HA-348 to HA-351,
// HA-353 to HA-355, HA-357 to HA-359, HA-361, HA-362, HA-370).

extension Reason {
    /// The line for `me`.
    public func text(_ me: MemberName) -> String {
        switch self {
        case .leading: "no action. I am (\(me)), the leader with the lock"
        case .leadingWithoutKeyWhilePaused: "continue to run as primary without lock"
        case .following(let leader): "no action. I am (\(me)), a secondary, and following a leader (\(leader))"
        case .followingNobody: "no action. I am (\(me))"
        case .standbyLeading: "no action. I am (\(me)), the standby leader with the lock"
        case .followingStandbyLeader(let leader):
            "no action. I am (\(me)), a secondary, and following a standby leader (\(leader))"
        case .followingOldStandbyLeader: "continue following the old known standby leader"
        case .standbyLeaderByAcquiring: "promoted self to a standby leader by acquiring session lock"
        case .standbyLeaderByHolding: "promoted self to a standby leader because i had the session lock"
        case .noLongerStandbyLeader: "another member is the standby leader from now on"
        case .promotedByAcquiring: "promoted self to leader by acquiring session lock"
        case .promotedByHolding: "promoted self to leader because I had the session lock"
        case .acquiredAsPrimary: "acquired session lock as a leader"
        case .keepingTheKey(let job): "updated leader lock during \(job.name)"
        case .jobInProgress(let job): "\(job.name) in progress"
        case .lookingAgain: "a task was called off, looking again"
        case .waitingToBecomePrimary: "waiting to become primary after promote..."
        case .changingUpstream(.member(let member)):
            "no action. I am (\(me)), a secondary, and following a leader (\(member)), changing primary_conninfo"
        case .changingUpstream(.remote): "following the remote member, changing primary_conninfo"
        case .changingUpstream(.nobody): "no action. I am (\(me)), a secondary, not streaming from anybody"
        case .waitingForLeaderToPromote(let leader): "waiting for the leader (\(leader)) to become primary"
        case .comparing(let source): "comparing timelines with \(source)"
        case .resumingReplay: "Resuming paused WAL replay for PostgreSQL 14+"
        case .waitingForSuccessor: "waiting for a new leader before coming back as a replica"
        case .waitingForCheckpoint(let leader): "Waiting for checkpoint on \(leader) before rewind"
        case .divergenceUnknown(let why): "can not compare timelines with the leader yet: \(why)"
        case .copyingSlots(let names):
            "Copying logical slots [\(names.map { "'\($0)'" }.joined(separator: ", "))] from the primary"
        case .reinitializingDiverged: "reinitializing due to diverged timelines"
        default: raceText(me) ?? demotionText(me) ?? startText(me) ?? bootstrapText(me) ?? requestText(me)
        }
    }

    private func raceText(_ me: MemberName) -> String? {
        switch self {
        case .notAllowedToLead: "following a different leader because I am not allowed to promote"
        case .olderTimeline(let own, let recorded) where own == recorded:
            "following a different leader because i am not the healthiest node: my timeline \(recorded) is another one than the cluster's, which somebody else has begun"
        case .olderTimeline(let own, let recorded):
            "following a different leader because i am not the healthiest node: my timeline \(own.map(\.description) ?? "unknown") is behind the cluster's timeline \(recorded)"
        case .tooFarBehind(let lag):
            "following a different leader because i am not the healthiest node: \(lag) behind the last known leader position, more than maximum_lag_on_failover"
        case .primaryStillAlive(let peer):
            "following a different leader because i am not the healthiest node: Primary (\(peer)) is still alive"
        case .peerIsAhead(let peer):
            "following a different leader because i am not the healthiest node: Wal position of \(peer) is ahead of my wal position"
        case .peerHasPriority(let peer, let theirs, let ours):
            "following a different leader because i am not the healthiest node: \(peer) has equally tolerable WAL position and priority \(theirs), while this node has priority \(ours)"
        case .notHealthiestWhilePaused: "following a different leader because i am not the healthiest node"
        case .backingOff:
            "backoff: skip leader race after pre_promote script failure and releasing the lock voluntarily"
        case .healthiest: "no reachable member is ahead of me, acquiring the leader key"
        case .lostRace: "following new leader after trying and failing to obtain lock"
        case .raceUndecided(let failure): "the store did not say whether the leader key is ours: \(failure)"
        case .raceBackoff(let left):
            "My (\(me)) wal position moved since last heart beat loop, \(left.wholeSeconds) seconds until leader race"
        case .notInFailsafeMap:
            "following a different leader because i am not the healthiest node: I am not listed in /failsafe"
        case .mayHavePromised(let others):
            "following a different leader because i am not the healthiest node: I may have let "
                + others.map(\.text).joined(separator: " or ")
                + " go on without the DCS before I was restarted, waiting until that ends"
        case .promisedToWait(let leader):
            "not promoting: I have let \(leader) go on without the DCS, waiting until that ends"
        case .notSynchronous:
            "following a different leader because i am not the healthiest node: I am not a synchronous standby"
        case .tooFewVotes(let votes, let quorum):
            "following a different leader because i am not the healthiest node: \(votes) votes, \(quorum) are needed"
        case .yieldingTo(let peer):
            "following a different leader because i am not the healthiest node: \(peer) is the candidate"
        default: nil
        }
    }

    private func demotionText(_ me: MemberName) -> String? {
        switch self {
        case .demotedWithoutKey: "demoting self because I do not have the lock and I was a leader"
        case .demotedByLosingRace: "demoted self after trying and failing to obtain lock"
        case .demotedByFailedUpdate: "demoted self because failed to update leader lock in DCS"
        case .demotedNotHealthiest: "demoting self because i am not the healthiest node"
        case .demotedNotAllowed: "demoting self because I am not allowed to become primary"
        case .demotedStoreGone: "demoted self because DCS is not accessible and I was a leader"
        case .cannotBePrimary(holdsKey: true): "cannot be a real primary in standby cluster"
        case .cannotBePrimary(holdsKey: false): "cannot be a real primary in a standby cluster"
        case .leaderKeyGone: "the leader key is gone from the DCS, looking whether it may be taken again"
        case .notPromotingFailedUpdate: "not promoting because failed to update leader lock in DCS"
        case .continuingWhilePaused: "continue to run as primary after failing to update leader lock in DCS"
        case .promotionLost: "lost leader before promote"
        case .jobLost(let job): "lost leader lock during \(job.name)"
        case .storeSilent(let failure): "DCS is not accessible: \(failure)"
        case .storeSilentLeaseValid(let left, let failure):
            "DCS is not accessible, the leader lock is still good for \(left.wholeSeconds) s: \(failure)"
        case .continuingInFailsafe:
            "continue to run as a leader because failsafe mode is enabled and all members are accessible"
        case .failsafeNotAccepted(let left, let objections):
            "DCS is not accessible, the leader lock is still good for \(left.wholeSeconds) s, not all members agree to go on: "
                + objections.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; ")
        case .releasedNotPrimary:
            "removed leader lock because postgres is not running as primary"
        default: nil
        }
    }

    private func startText(_ me: MemberName) -> String? {
        switch self {
        case .startingPrimary: "starting primary after failure"
        case .startingWithKey: "starting as readonly because i had the session lock"
        case .startingAsSecondary: "starting as a secondary"
        case .startingAsStandbyLeader: "starting as a standby leader because i had the session lock"
        case .followingRemoteMember: "trying to follow a remote member because standby cluster is unhealthy"
        case .startedReadOnly: "starting as readonly because DCS is not accessible"
        case .releasedAfterFailedStart: "removed leader key after trying and failing to start postgres"
        case .startFailed(let why): "failed to start postgres: \(why)"
        case .stoppedToFailOver: "stopped PostgreSQL to fail over after a crash"
        case .stoppedStartTimeout: "stopped PostgreSQL because of startup timeout"
        case .stoppedStartLostKey: "stopped PostgreSQL while starting up because leader key was lost"
        case .stillStarting(let left): "PostgreSQL is still starting up, \(left.wholeSeconds) seconds until timeout"
        case .startTimeoutNoFailover:
            "primary start has timed out, but continuing to wait because failover is not possible"
        case .starting: "PostgreSQL is still starting up"
        case .notRunningWhilePaused: "postgres is not running"
        case .releasedNotRunning: "removed leader lock because postgres is not running"
        case .serverDoesNotAnswer(let why): "Error communicating with PostgreSQL. Will try again later: \(why)"
        case .stoppedUnresponsive:
            "stopped PostgreSQL because it did not answer for half a ttl and another member can take over"
        case .rewinding(let leader): "running pg_rewind from \(leader)"
        case .rewindFailed(let why): "pg_rewind failed: \(why)"
        case .needsCopy(let why):
            "this member's data can't follow the leader and needs to be copied anew (patronictl reinit): \(why)"
        case .rewindPostponed(let leader): "pg_rewind from \(leader) could not be done yet, it will be tried again"
        default: nil
        }
    }

    private func bootstrapText(_ me: MemberName) -> String? {
        switch self {
        case .bootstrapping: "trying to bootstrap a new cluster"
        case .bootstrappingStandbyLeader: "trying to bootstrap a new standby leader"
        case .lostInitializeRace: "failed to acquire initialize lock"
        case .initializeUnknown(let failure): "the store did not say whether the initialize key is ours: \(failure)"
        case .waitingForLeaderToBootstrap: "waiting for leader to bootstrap"
        case .waitingForStandbyLeaderToBootstrap: "waiting for standby_leader to bootstrap"
        case .cloning(.leader(let name)): "trying to bootstrap from leader '\(name)'"
        case .cloning(.replica(let name)): "trying to bootstrap from replica '\(name)'"
        case .cloning(.noLeader): "trying to bootstrap (without leader)"
        case .cloning(.remote): "trying to bootstrap from the remote member"
        case .cloneFailed(let why): "failed to bootstrap: \(why)"
        case .emptyWhilePaused: "running with empty data directory"
        case .releasedEmptyDirectory: "released leader key voluntarily as data dir empty and currently leader"
        case .releasedInaccessibleDirectory:
            "released leader key voluntarily as data dir not accessible and currently leader"
        case .releasedUnreadableDirectory:
            "released leader key voluntarily as the system ID is invalid and currently leader"
        case .directoryVanished: "the data directory is empty although PostgreSQL runs"
        case .directoryInaccessible(let why): "data directory is not accessible: \(why)"
        case .directoryUnreadable:
            "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize"
        case .initializedCluster: "initialized a new cluster"
        case .bootstrapFailed(let why): "Failed to bootstrap cluster: \(why)"
        case .finishingBootstrap: "the new database runs, publishing it"
        case .foreignSystemIdentifier(let own, let cluster):
            "system ID mismatch, node \(me) belongs to a different cluster: \(cluster) != \(own)"
        case .releasedForeignIdentifier: "released leader key voluntarily due to the system ID mismatch"
        case .foreignWhilePaused(let own, let cluster):
            "system ID has changed while in paused mode: \(cluster) != \(own)"
        case .replicaWithoutCluster: "No initialize key in DCS and PostgreSQL is running as replica, aborting start"
        case .writingInitialize: "writing the initialize key with the own system identifier"
        case .restoringConfiguration: "writing the dynamic configuration, the store has none"
        case .recordingHistory: "recording the timeline history"
        default: nil
        }
    }

    private func requestText(_ me: MemberName) -> String {
        switch self {
        case .awaitingSchedule(let time): "Awaiting switchover at \(time.iso8601())"
        case .demotingOnRequest(let request): "\(request.word): demoting myself"
        case .requestNotForUs(let request):
            "\(request.word): leader name does not match: \(request.leader?.text ?? "") != \(me)"
        case .requestToOurselves(let request):
            "\(request.word): I am already the leader, no need to \(request.isSwitchover ? "switchover" : "failover")"
        case .requestNeedsCandidate(let request):
            "\(request.isSwitchover ? "Switchover" : "Manual Failover") is possible only to a specific candidate in a paused state"
        case .requestStale(let request):
            "Found a stale switchover value, cleaning up: \(request.scheduledAt?.iso8601() ?? "")"
        case .noHealthyCandidate(let request, let obstacles):
            "\(request.word): no healthy members found, \(request.isSwitchover ? "switchover" : "failover") is not possible"
                + obstacles.sorted { $0.key < $1.key }.map { "; \($0.key) \($0.value)" }.joined()
        case .requestFulfilled: "the request has been fulfilled"
        case .tooManySteps: "this turn did not come to an end; the next one starts over"
        default: "\(self)"
        }
    }
}
