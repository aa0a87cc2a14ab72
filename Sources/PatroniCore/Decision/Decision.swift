// What the rules can answer, and the vocabulary of everything the shell can do.

/// The answer of the rules to one observation.
public enum Decision: Sendable, Hashable, Codable {
    /// A fact is missing; find it out and come back.
    case ask(Question)
    /// Do this now, and come back with how it went.
    case act(Action, because: Reason)
    /// Nothing more to do this turn. With `again` the next turn comes that soon, whatever happens.
    case settled(Reason, again: Duration?)
    /// The agent must end: going on could damage something.
    case halt(Reason)

    public static func settled(_ reason: Reason) -> Decision { .settled(reason, again: nil) }
}

/// A fact the rules lack.
public enum Question: Sendable, Hashable, Codable {
    /// Ask every other member where it is, at the same time.
    case statusOfPeers
    /// Ask these members, all at the same time and again as long as there is time, whether we may go on as the primary.
    case failsafe([MemberName: String], by: Moment)
    /// Compare the running standby's recovery settings with those for this upstream.
    case upstream(FollowTarget)
}

/// Something short that the shell does within the turn. Its outcome becomes a fact.
public enum Action: Sendable, Hashable, Codable {
    case renewLeaderKey
    case acquireLeaderKey
    /// Give the leader key up. With a position, that is written as the last one of this leader.
    case releaseLeaderKey
    /// The operator's request has been dealt with.
    case clearFailoverRequest
    case claimInitialize
    case writeInitialize(SystemIdentifier)
    /// The bootstrap failed: let others try.
    case cancelInitialize
    /// Write the dynamic configuration that this member knows, because the store has none.
    case restoreConfiguration
    /// Record in the history where the last timeline ended.
    case recordHistory
    /// Tell callbacks and the store that this member's role is now this.
    case announce(MemberRole)
    /// Let a standby replay again that PostgreSQL itself has paused; an operator's own pause stays.
    case resumeReplay
    case begin(Job)
    /// End the job that is under way and everything it started.
    case cancelJob
}

/// A long task. The loop goes on turning while it runs.
public enum Job: Sendable, Hashable, Codable {
    /// Create the first database cluster.
    case bootstrap
    /// Copy the remote primary of a new standby cluster, and follow it (HA-057).
    case bootstrapStandbyLeader
    /// Fill the empty data directory from another member, or from a backup.
    case clone(from: CloneSource)
    case start(StartMode)
    case promote
    case demote(Demotion)
    /// Restart in the same role.
    case restart(startTimeout: Duration?)
    /// Throw the data directory away and clone anew.
    case reinitialize(from: CloneSource)
    /// The same, by a base backup of the leader, whatever methods are configured (HA-159).
    case reinitializeFromLeader(MemberName)
    /// Compare this member's log with the leader's history.
    case checkDivergence(from: HistorySource)
    case rewind(from: HistorySource)
    /// Take permanent logical slots over from the primary, which needs a restart (HA-271).
    case copySlots([String], from: MemberName)
    /// Point the running standby at another upstream.
    case follow(FollowTarget, restart: Bool)

    /// How it is called in "already in progress" texts (HA-364).
    public var name: String {
        switch self {
        case .bootstrap: "bootstrap"
        case .bootstrapStandbyLeader: "bootstrap_standby_leader"
        case .clone(.leader(let name)): "bootstrap from leader '\(name)'"
        case .clone(.replica(let name)): "bootstrap from replica '\(name)'"
        case .clone(.noLeader): "bootstrap (without leader)"
        case .clone(.remote): "bootstrap from the remote member"
        case .start(.primary): "starting primary after failure"
        case .start(.standby), .start(.standbyLeader): "restarting after failure"
        case .promote: "promote"
        case .demote(.graceful(let request)): "\(request.word): demote"
        case .demote(.toStandbyCluster): "demoting to a standby cluster"
        case .demote: "demoting self"
        case .restart: "restart"
        case .reinitialize, .reinitializeFromLeader: "reinitialize"
        case .checkDivergence: "checking for diverged timelines"
        case .rewind(let source): "running pg_rewind from \(source)"
        case .copySlots: "copy_logical_slots"
        case .follow: "changing primary_conninfo and restarting"
        }
    }

    public var isDemotion: Bool { if case .demote = self { true } else { false } }
}

public enum StartMode: Sendable, Hashable, Codable {
    /// Without recovery: the same timeline goes on (HA-388).
    case primary
    case standby(FollowTarget)
    /// Stream from the remote, as the leader of a standby cluster (HA-079).
    case standbyLeader
}

/// Whom a standby streams from.
public enum FollowTarget: Sendable, Hashable, Codable {
    case nobody
    case member(MemberName)
    /// What `standby_cluster` names.
    case remote
}

/// Whose history a member compares its own log with before it follows.
public enum HistorySource: Sendable, Hashable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    case member(MemberName)
    /// The primary of the cluster that this standby cluster replicates from (HA-229).
    case remote

    public init(stringLiteral text: String) { self = .member(MemberName(text)) }

    public var member: MemberName? { if case .member(let name) = self { name } else { nil } }
    public var description: String { member?.text ?? "remote_member" }
}

/// Where a new replica comes from (HA-064, HA-065).
public enum CloneSource: Sendable, Hashable, Codable {
    case leader(MemberName)
    case replica(MemberName)
    /// From a backup, by methods that need no running member.
    case noLeader
    /// From the remote primary of a standby cluster.
    case remote
}

/// How a leader stops being one (HA-140 to HA-144).
public enum Demotion: Sendable, Hashable, Codable {
    /// The store is gone: stop fast, the key is nobody's business now.
    case offline
    /// On an operator's request: checkpoint, stop, hand the key to whoever has received everything.
    case graceful(FailoverRequest)
    /// Stop without a checkpoint and give the key away.
    case immediate
    /// Stop without a checkpoint; the key is somebody else's already.
    case immediateWithoutKey
    /// The cluster has become a standby of another one: stop fast, archive the last segment, keep the key unless a
    /// replica has everything (HA-144, HA-407).
    case toStandbyCluster

    public var stopMode: StopMode {
        switch self {
        case .offline, .graceful, .toStandbyCluster: .fast
        case .immediate, .immediateWithoutKey: .immediate
        }
    }
}
