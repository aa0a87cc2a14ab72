// Why a member does not lead: one vocabulary for switchovers, races, logs and `GET /why`.

/// What stands against a member as the leader (HA-111, HA-112).
public enum Obstacle: Sendable, Hashable, Codable, CustomStringConvertible {
    case unreachable
    case notAllowed
    case watchdog
    case notRunning
    case starting
    case withoutData
    /// More than `maximum_lag_on_failover` behind what the cluster is known to have had.
    case tooFarBehind(ByteCount)
    /// Somebody reachable has more.
    case behind(MemberName, ByteCount)
    case olderTimeline(Timeline)
    case unknownTimeline
    /// Of the recorded number, but begun by another promotion.
    case otherTimeline(Timeline)
    case notSynchronous
    case tooFewVotes(Int, needed: Int)
    case lowerPriority(than: MemberName, theirs: Int, ours: Int)
    /// In maintenance mode nobody is promoted.
    case paused
    /// An operator chose another member.
    case notChosen(MemberName)
    /// Another member still accepts writes, without the key.
    case primaryElsewhere(MemberName)
    /// It accepts writes itself; only the key is missing.
    case primaryWithoutKey
    /// Its own promotion was just called off.
    case backingOff
    /// What it received last is so fresh that the leader may still be there.
    case settlingDown(left: Duration)
    case notInFailsafeMap
    /// It lets these members go on without the store, or may have.
    case promised([MemberName])
    /// The store did not say who won.
    case undecided
    /// It tried to take the key, and another member was faster.
    case lostRace
    case busy(String)
    /// Nobody could ask it yet.
    case notAsked
    /// In the member's own words.
    case other(String)

    public var description: String {
        switch self {
        case .unreachable: "does not answer"
        case .notAllowed: "is tagged nofailover"
        case .watchdog: "has no working watchdog"
        case .notRunning: "has no running PostgreSQL"
        case .starting: "is still starting PostgreSQL"
        case .withoutData: "has no data yet"
        case .tooFarBehind(let lag): "is \(lag) behind"
        case .behind(let other, let lag): "is \(lag) behind \(other)"
        case .olderTimeline(let timeline): "is on the older timeline \(timeline)"
        case .unknownTimeline: "is on an unknown timeline"
        case .otherTimeline(let timeline): "is on another timeline \(timeline) than the recorded one"
        case .notSynchronous: "is not in the synchronous set"
        case .tooFewVotes(let votes, let needed): "has \(votes) of \(needed) votes"
        case .lowerPriority(let other, let theirs, let ours):
            "has priority \(ours), less than \(other) with \(theirs)"
        case .paused: "waits: maintenance mode is on"
        case .notChosen(let other): "waits for \(other), whom an operator chose"
        case .primaryElsewhere(let other): "waits because \(other) is still a primary"
        case .primaryWithoutKey: "is a primary without the leader key"
        case .backingOff: "waits, its own promotion was just called off"
        case .settlingDown(let left):
            "has received something just now and waits \(left.wholeSeconds) s for the leader to come back"
        case .notInFailsafeMap: "is not listed in /failsafe"
        case .promised(let others):
            "waits because it lets \(others.map(\.text).joined(separator: " or ")) go on without the store"
        case .undecided: "does not know yet whether the leader key is its own"
        case .lostRace: "tried to take the leader key, another member was faster"
        case .busy(let task): "is busy: \(task)"
        case .notAsked: "was not asked"
        case .other(let text): text
        }
    }

    /// A word for programs.
    public var word: String {
        switch self {
        case .unreachable: "unreachable"
        case .notAllowed: "nofailover"
        case .watchdog: "watchdog"
        case .notRunning: "not_running"
        case .starting: "starting"
        case .withoutData: "no_data"
        case .tooFarBehind: "too_far_behind"
        case .behind: "behind"
        case .olderTimeline: "older_timeline"
        case .unknownTimeline: "unknown_timeline"
        case .otherTimeline: "other_timeline"
        case .notSynchronous: "not_synchronous"
        case .tooFewVotes: "too_few_votes"
        case .lowerPriority: "lower_priority"
        case .paused: "paused"
        case .notChosen: "not_chosen"
        case .primaryElsewhere: "primary_elsewhere"
        case .primaryWithoutKey: "primary_without_key"
        case .backingOff: "backing_off"
        case .settlingDown: "settling_down"
        case .notInFailsafeMap: "not_in_failsafe"
        case .promised: "promised"
        case .undecided: "undecided"
        case .lostRace: "lost_race"
        case .busy: "busy"
        case .notAsked: "not_asked"
        case .other: "other"
        }
    }
}

extension Reason {
    /// What this reason of a turn without a leader says about the member itself; nil: it is no obstacle.
    func obstacle(_ now: Situation) -> Obstacle? {
        switch self {
        case .notAllowedToLead, .demotedNotAllowed: .notAllowed
        case .olderTimeline(let own, let recorded) where own == recorded: .otherTimeline(recorded)
        case .olderTimeline(let own, _): own.map(Obstacle.olderTimeline) ?? .unknownTimeline
        case .demotedNotHealthiest: now.timeline.map(Obstacle.olderTimeline) ?? .unknownTimeline
        case .tooFarBehind(let lag): .tooFarBehind(lag)
        case .peerIsAhead(let peer): .behind(peer, now.lag(behind: peer))
        case .peerHasPriority(let peer, let theirs, let ours):
            .lowerPriority(than: peer, theirs: theirs, ours: ours)
        case .primaryStillAlive(let peer): .primaryElsewhere(peer)
        case .notHealthiestWhilePaused, .emptyWhilePaused, .notRunningWhilePaused: .paused
        case .leadingWithoutKeyWhilePaused: .primaryWithoutKey
        case .backingOff: .backingOff
        case .raceBackoff(let left): .settlingDown(left: left)
        case .notInFailsafeMap: .notInFailsafeMap
        case .mayHavePromised(let others): .promised(others)
        case .promisedToWait(let leader): .promised([leader])
        case .yieldingTo(let peer): .notChosen(peer)
        case .notSynchronous: .notSynchronous
        case .tooFewVotes(let votes, let quorum): .tooFewVotes(votes, needed: quorum)
        case .lostRace: .lostRace
        case .raceUndecided: .undecided
        case .waitingForLeaderToBootstrap, .cloneFailed, .releasedEmptyDirectory: .withoutData
        case .starting, .stillStarting, .startingPrimary, .startingAsSecondary, .startedReadOnly: .starting
        case .startFailed: .notRunning
        case .jobInProgress(let job), .keepingTheKey(let job): .busy(job.name)
        case .acquiredAsPrimary, .promotedByAcquiring, .leading, .healthiest: nil
        default: .other(text(now.me))
        }
    }
}

extension Situation {
    fileprivate func lag(behind peer: MemberName) -> ByteCount {
        let theirs = facts.peers?.first { $0.name == peer }?.answer?.position
        return position.lag(behind: theirs ?? position)
    }
}
