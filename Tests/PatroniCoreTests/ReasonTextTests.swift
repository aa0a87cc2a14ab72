// The words that operators, tools and tests look for in the log, exactly as Patroni says them.

import Testing

@testable import PatroniCore

@Suite("Words of the log") struct ReasonTextTests {
    static let switchover = FailoverRequest.switchover(to: "beta")
    static let failover = FailoverRequest.failover(to: "beta")

    /// Reason → text, whole.
    static let exact: [(Reason, String)] = [
        (.leading, "no action. I am (alpha), the leader with the lock"),
        (.following(leader: "beta"), "no action. I am (alpha), a secondary, and following a leader (beta)"),
        (.followingNobody, "no action. I am (alpha)"),
        (.promotedByAcquiring, "promoted self to leader by acquiring session lock"),
        (.promotedByHolding, "promoted self to leader because I had the session lock"),
        (.acquiredAsPrimary, "acquired session lock as a leader"),
        (.keepingTheKey(during: .promote), "updated leader lock during promote"),
        (.keepingTheKey(during: .restart(startTimeout: nil)), "updated leader lock during restart"),
        (.jobInProgress(.reinitialize(from: .leader("beta"))), "reinitialize in progress"),
        (.jobInProgress(.start(.standby(.nobody))), "restarting after failure in progress"),
        (.jobInProgress(.start(.primary)), "starting primary after failure in progress"),
        (.jobInProgress(.follow(.nobody, restart: true)), "changing primary_conninfo and restarting in progress"),
        (.jobLost(.restart(startTimeout: nil)), "lost leader lock during restart"),
        (.promotionLost, "lost leader before promote"),
        (.waitingToBecomePrimary, "waiting to become primary after promote..."),
        (.notAllowedToLead, "following a different leader because I am not allowed to promote"),
        (.notHealthiestWhilePaused, "following a different leader because i am not the healthiest node"),
        (.lostRace, "following new leader after trying and failing to obtain lock"),
        (.demotedWithoutKey, "demoting self because I do not have the lock and I was a leader"),
        (.demotedByLosingRace, "demoted self after trying and failing to obtain lock"),
        (.demotedByFailedUpdate, "demoted self because failed to update leader lock in DCS"),
        (.demotedNotHealthiest, "demoting self because i am not the healthiest node"),
        (.demotedNotAllowed, "demoting self because I am not allowed to become primary"),
        (
            .continuingInFailsafe,
            "continue to run as a leader because failsafe mode is enabled and all members are accessible"
        ),
        (
            .raceBackoff(left: .seconds(17)),
            "My (alpha) wal position moved since last heart beat loop, 17 seconds until leader race"
        ),
        (.demotedStoreGone, "demoted self because DCS is not accessible and I was a leader"),
        (.leaderKeyGone, "the leader key is gone from the DCS, looking whether it may be taken again"),
        (.notPromotingFailedUpdate, "not promoting because failed to update leader lock in DCS"),
        (.continuingWhilePaused, "continue to run as primary after failing to update leader lock in DCS"),
        (.leadingWithoutKeyWhilePaused, "continue to run as primary without lock"),
        (.releasedNotPrimary, "removed leader lock because postgres is not running as primary"),
        (.startingPrimary, "starting primary after failure"),
        (.startingWithKey, "starting as readonly because i had the session lock"),
        (.startingAsSecondary, "starting as a secondary"),
        (.releasedAfterFailedStart, "removed leader key after trying and failing to start postgres"),
        (.stoppedToFailOver, "stopped PostgreSQL to fail over after a crash"),
        (.stoppedStartTimeout, "stopped PostgreSQL because of startup timeout"),
        (.stoppedStartLostKey, "stopped PostgreSQL while starting up because leader key was lost"),
        (.stillStarting(left: .seconds(42)), "PostgreSQL is still starting up, 42 seconds until timeout"),
        (
            .startTimeoutNoFailover,
            "primary start has timed out, but continuing to wait because failover is not possible"
        ),
        (.notRunningWhilePaused, "postgres is not running"),
        (.releasedNotRunning, "removed leader lock because postgres is not running"),
        (.rewinding("beta"), "running pg_rewind from beta"),
        (.reinitializingDiverged, "reinitializing due to diverged timelines"),
        (.bootstrapping, "trying to bootstrap a new cluster"),
        (.lostInitializeRace, "failed to acquire initialize lock"),
        (.waitingForLeaderToBootstrap, "waiting for leader to bootstrap"),
        (.cloning(.leader("beta")), "trying to bootstrap from leader 'beta'"),
        (.cloning(.replica("beta")), "trying to bootstrap from replica 'beta'"),
        (.copyingSlots(["a", "b"]), "Copying logical slots ['a', 'b'] from the primary"),
        (.standbyLeading, "no action. I am (alpha), the standby leader with the lock"),
        (
            .followingStandbyLeader("beta"),
            "no action. I am (alpha), a secondary, and following a standby leader (beta)"
        ),
        (.followingOldStandbyLeader, "continue following the old known standby leader"),
        (.standbyLeaderByAcquiring, "promoted self to a standby leader by acquiring session lock"),
        (.standbyLeaderByHolding, "promoted self to a standby leader because i had the session lock"),
        (.cannotBePrimary(holdsKey: true), "cannot be a real primary in standby cluster"),
        (.cannotBePrimary(holdsKey: false), "cannot be a real primary in a standby cluster"),
        (.startingAsStandbyLeader, "starting as a standby leader because i had the session lock"),
        (.followingRemoteMember, "trying to follow a remote member because standby cluster is unhealthy"),
        (.bootstrappingStandbyLeader, "trying to bootstrap a new standby leader"),
        (.waitingForStandbyLeaderToBootstrap, "waiting for standby_leader to bootstrap"),
        (.rewinding(.remote), "running pg_rewind from remote_member"),
        (
            .keepingTheKey(during: .demote(.toStandbyCluster)),
            "updated leader lock during demoting to a standby cluster"
        ),
        (.jobInProgress(.bootstrapStandbyLeader), "bootstrap_standby_leader in progress"),
        (.cloning(.noLeader), "trying to bootstrap (without leader)"),
        (.emptyWhilePaused, "running with empty data directory"),
        (.releasedEmptyDirectory, "released leader key voluntarily as data dir empty and currently leader"),
        (
            .releasedInaccessibleDirectory,
            "released leader key voluntarily as data dir not accessible and currently leader"
        ),
        (.directoryInaccessible("Input/output error"), "data directory is not accessible: Input/output error"),
        (
            .directoryUnreadable("x"),
            "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize"
        ),
        (.initializedCluster, "initialized a new cluster"),
        (
            .foreignSystemIdentifier(own: .foreign, cluster: .ours),
            "system ID mismatch, node alpha belongs to a different cluster: 7000000000000000001 != 7999999999999999999"
        ),
        (.releasedForeignIdentifier, "released leader key voluntarily due to the system ID mismatch"),
        (.replicaWithoutCluster, "No initialize key in DCS and PostgreSQL is running as replica, aborting start"),
        (.awaitingSchedule(.noon), "Awaiting switchover at 2026-11-21T12:00:00+00:00"),
        (.demotingOnRequest(switchover), "switchover: demoting myself"),
        (.demotingOnRequest(failover), "manual failover: demoting myself"),
        (.requestNotForUs(.switchover(from: "beta")), "switchover: leader name does not match: beta != alpha"),
        (.requestToOurselves(failover), "manual failover: I am already the leader, no need to failover"),
        (
            .requestNeedsCandidate(.switchover()),
            "Switchover is possible only to a specific candidate in a paused state"
        ),
        (.backingOff, "backoff: skip leader race after pre_promote script failure and releasing the lock voluntarily"),
    ]

    /// Reason → a part of the text.
    static let parts: [(Reason, String)] = [
        (.primaryStillAlive("beta"), "Primary (beta) is still alive"),
        (.peerIsAhead("beta"), "Wal position of beta is ahead of my wal position"),
        (
            .peerHasPriority("beta", theirs: 2, ours: 1),
            "beta has equally tolerable WAL position and priority 2, while this node has priority 1"
        ),
        (.storeSilent(.noAnswer), "DCS is not accessible"),
        (.serverDoesNotAnswer("x"), "Error communicating with PostgreSQL. Will try again later"),
        (.startFailed("x"), "failed to start postgres"),
        (.bootstrapFailed("x"), "Failed to bootstrap cluster"),
        (.foreignWhilePaused(own: .foreign, cluster: .ours), "system ID has changed while in paused mode"),
        (
            .noHealthyCandidate(switchover, ["beta": .unreachable]),
            "switchover: no healthy members found, switchover is not possible"
        ),
        (.noHealthyCandidate(switchover, ["beta": .unreachable]), "beta does not answer"),
        (.noHealthyCandidate(failover, [:]), "manual failover: no healthy members found, failover is not possible"),
        (
            .requestStale(.switchover(at: .noon)),
            "Found a stale switchover value, cleaning up: 2026-11-21T12:00:00+00:00"
        ),
    ]

    @Test(arguments: exact) func `whole texts`(_ reason: Reason, _ text: String) {
        #expect(reason.text("alpha") == text)
    }

    @Test(arguments: parts) func `parts of texts`(_ reason: Reason, _ part: String) {
        #expect(reason.text("alpha").contains(part))
    }

    @Test(
        arguments: [
            .olderTimeline(own: nil, recorded: Timeline(2)),
            .olderTimeline(own: Timeline(2), recorded: Timeline(2)), .tooFarBehind(ByteCount(5)),
            .primaryStillAlive("b"),
            .peerIsAhead("b"), .peerHasPriority("b", theirs: 1, ours: 0), .yieldingTo("b"), .notSynchronous,
            .tooFewVotes(0, quorum: 1), .notHealthiestWhilePaused,
        ] as [Reason])
    func `who is not the healthiest says so first`(_ reason: Reason) {
        let words = "following a different leader because i am not the healthiest node"
        #expect(reason.text("alpha").hasPrefix(words))
    }

    @Test func `no reason of any row is printed as Swift`() {
        for row in EveryRule.rows {
            for decision in row.transcript().decisions {
                switch decision {
                case .settled(let reason, _), .halt(let reason), .act(_, let reason):
                    #expect(reason.text("alpha").contains(" "), "\(reason)")
                    #expect(!reason.text("alpha").contains("PatroniCore."), "\(reason)")
                case .ask: break
                }
            }
        }
    }
}
