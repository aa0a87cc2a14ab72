// Why something was decided. The cases are what tests assert; the text is the log line (`Reason+Text.swift`).

/// The reason of a decision.
public enum Reason: Sendable, Hashable, Codable {
    // Leading and following
    case leading
    case leadingWithoutKeyWhilePaused
    case following(leader: MemberName)
    case followingNobody
    case standbyLeading
    case followingStandbyLeader(MemberName)
    case followingOldStandbyLeader
    case standbyLeaderByAcquiring
    case standbyLeaderByHolding
    case noLongerStandbyLeader
    case promotedByAcquiring
    case promotedByHolding
    case acquiredAsPrimary
    case keepingTheKey(during: Job)
    case jobInProgress(Job)
    case lookingAgain
    case waitingToBecomePrimary
    case changingUpstream(FollowTarget)
    case resumingReplay
    case waitingForLeaderToPromote(MemberName)
    case waitingForSuccessor
    case comparing(with: HistorySource)
    case waitingForCheckpoint(MemberName)
    case divergenceUnknown(String)
    case reinitializingDiverged
    case copyingSlots([String])

    // The leader race
    case notAllowedToLead
    case olderTimeline(own: Timeline?, recorded: Timeline)
    case tooFarBehind(ByteCount)
    case primaryStillAlive(MemberName)
    case peerIsAhead(MemberName)
    case peerHasPriority(MemberName, theirs: Int, ours: Int)
    case notHealthiestWhilePaused
    case backingOff
    case healthiest
    case lostRace
    case raceUndecided(StoreFailure)
    case yieldingTo(MemberName)
    case notSynchronous
    case raceBackoff(left: Duration)
    case notInFailsafeMap
    case mayHavePromised([MemberName])
    case promisedToWait(MemberName)
    case tooFewVotes(Int, quorum: Int)

    // Losing the leadership
    case demotedWithoutKey
    case demotedByLosingRace
    case demotedByFailedUpdate
    case demotedNotHealthiest
    case demotedNotAllowed
    case demotedStoreGone
    case cannotBePrimary(holdsKey: Bool)
    case notPromotingFailedUpdate
    case leaderKeyGone
    case continuingWhilePaused
    case promotionLost
    case jobLost(Job)
    case storeSilent(StoreFailure)
    case storeSilentLeaseValid(left: Duration, StoreFailure)
    case continuingInFailsafe
    case failsafeNotAccepted(left: Duration, [MemberName: String])
    case releasedNotPrimary

    // Starting and stopping
    case startingPrimary
    case startingWithKey
    case startingAsSecondary
    case startingAsStandbyLeader
    case followingRemoteMember
    case startedReadOnly
    case releasedAfterFailedStart
    case startFailed(String)
    case stoppedToFailOver
    case stoppedStartTimeout
    case stoppedStartLostKey
    case stillStarting(left: Duration)
    case startTimeoutNoFailover
    case starting
    case notRunningWhilePaused
    case releasedNotRunning
    case serverDoesNotAnswer(String)
    case stoppedUnresponsive
    case rewinding(HistorySource)
    case rewindFailed(String)
    case needsCopy(String)
    case rewindPostponed(HistorySource)

    // Bootstrap
    case bootstrapping
    case bootstrappingStandbyLeader
    case lostInitializeRace
    case initializeUnknown(StoreFailure)
    case waitingForLeaderToBootstrap
    case waitingForStandbyLeaderToBootstrap
    case cloning(CloneSource)
    case cloneFailed(String)
    case emptyWhilePaused
    case releasedEmptyDirectory
    case releasedInaccessibleDirectory
    case releasedUnreadableDirectory
    case directoryVanished
    case directoryInaccessible(String)
    case directoryUnreadable(String)
    case initializedCluster
    case bootstrapFailed(String)
    case finishingBootstrap

    // Identity
    case foreignSystemIdentifier(own: SystemIdentifier, cluster: SystemIdentifier)
    case releasedForeignIdentifier
    case foreignWhilePaused(own: SystemIdentifier, cluster: SystemIdentifier)
    case replicaWithoutCluster
    case writingInitialize
    case restoringConfiguration
    case recordingHistory

    // Switchover and failover
    case awaitingSchedule(WallTime)
    case demotingOnRequest(FailoverRequest)
    case requestNotForUs(FailoverRequest)
    case requestToOurselves(FailoverRequest)
    case requestNeedsCandidate(FailoverRequest)
    case requestStale(FailoverRequest)
    case noHealthyCandidate(FailoverRequest, [MemberName: Obstacle])
    case requestFulfilled

    case tooManySteps
}

extension Reason {
    /// The agent ends, and PostgreSQL stays as it was found: whose replica it is, only the operator can tell (HA-031).
    public var leavesServerAlone: Bool { self == .replicaWithoutCluster }

    /// The key is given up because there is no data to lead with.
    static func releasedWithoutData(_ directory: DataDirectory) -> Reason {
        switch directory {
        case .inaccessible: .releasedInaccessibleDirectory
        case .unreadable: .releasedUnreadableDirectory
        case .empty, .holds: .releasedEmptyDirectory
        }
    }
}
