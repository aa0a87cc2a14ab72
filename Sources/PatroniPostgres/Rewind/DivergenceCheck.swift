// Does this server hold something the leader never had? The question before it may follow, as a pure function.

import PatroniCore

/// Where the local log ends, as far as that decides about following (HA-235).
public enum LocalPosition: Sendable, Hashable, CustomStringConvertible {
    /// A standby, running or stopped: it has replayed so far.
    case standby(Timeline, replayed: LSN)
    /// A cleanly stopped primary: its last checkpoint begins here.
    case formerPrimary(Timeline, checkpoint: LSN)

    public var timeline: Timeline {
        switch self {
        case .standby(let timeline, _), .formerPrimary(let timeline, _): timeline
        }
    }

    public var description: String {
        switch self {
        case .standby(let timeline, let position), .formerPrimary(let timeline, let position):
            "timeline=\(timeline) lsn=\(position)"
        }
    }

    /// Of a running standby; nil for a primary, and when the timeline isn't known.
    public init?(_ running: RunningServer) {
        guard let standby = running.standby, let timeline = running.timeline else { return nil }
        self = .standby(timeline, replayed: standby.replayed)
    }

    /// Of a stopped server; nil when it has crashed, so that nobody knows where its log ends (HA-077).
    public init?(_ control: ControlData) {
        switch control.state {
        case .shutDownInRecovery, .inArchiveRecovery:
            if let end = control.minimumRecoveryEnd, end != .zero, let timeline = control.minimumRecoveryTimeline {
                self = .standby(timeline, replayed: end)
                return
            }
            // Nothing recovered yet: it was a primary before.
            fallthrough
        case .shutDown:
            guard let timeline = control.timeline, let checkpoint = control.checkpoint else { return nil }
            self = .formerPrimary(timeline, checkpoint: checkpoint)
        case .startingUp, .shuttingDown, .inCrashRecovery, .inProduction: return nil
        }
    }
}

/// The answer.
public enum DivergenceVerdict: Sendable, Hashable {
    /// Everything here is part of the leader's history.
    case same
    case diverged(because: String)
    /// Two members were promoted to this very timeline: pg_rewind sees no difference, and so does a walsender. Only a
    /// new copy helps.
    case forked(because: String)
    /// The former primary's last record must end exactly here, or it has diverged.
    case dependsOnCheckpointEnd(switchpoint: LSN)
    case unknown(String)
}

/// A part of one timeline that both logs should have in common.
public struct SharedLog: Sendable, Hashable {
    public var timeline: Timeline
    public var begin: LSN
    public var end: LSN
}

public enum DivergenceCheck {
    /// `history`: where the timelines before the leader's ended, oldest first; needed when the leader's is newer
    /// (HA-237). `ownHistory`: those before ours, nil when the file is lost. `leaderEnd`: where the leader's log ended
    /// when it was asked, after the local position was known.
    public static func judge(
        _ local: LocalPosition, leaderTimeline: Timeline, history: TimelineHistory?,
        ownHistory: TimelineHistory? = nil, leaderEnd: LSN? = nil
    ) -> DivergenceVerdict {
        let own = local.timeline
        if own > leaderTimeline {
            return .diverged(because: "our timeline \(own) is newer than the leader's \(leaderTimeline)")
        }
        if own == leaderTimeline {
            return fork(of: local, history: history, ownHistory: ownHistory, leaderEnd: leaderEnd)
                .map { .forked(because: $0) } ?? .same
        }
        guard let history, !history.rows.isEmpty else {
            return .unknown("the leader has no history of its timeline \(leaderTimeline)")
        }
        guard let row = history.rows.first(where: { $0.timeline == own }) else {
            return .diverged(because: "our timeline \(own) is no part of the leader's history")
        }
        if let ownHistory, let difference = difference(ownHistory, history, before: own) {
            return .diverged(because: difference)
        }
        let switchpoint = row.switchpoint
        switch local {
        case .standby(_, let replayed):
            return replayed > switchpoint
                ? .diverged(because: "we replayed \(replayed), timeline \(own) ended at \(switchpoint)") : .same
        case .formerPrimary(_, let checkpoint):
            return checkpoint >= switchpoint
                ? .diverged(because: "our checkpoint is at \(checkpoint), timeline \(own) ended at \(switchpoint)")
                : .dependsOnCheckpointEnd(switchpoint: switchpoint)
        }
    }

    /// What of our own timeline should be the leader's too, so that its bytes are worth comparing; nil when there is
    /// nothing. The parameters are those of ``judge(_:leaderTimeline:history:ownHistory:leaderEnd:)``.
    public static func shared(
        _ local: LocalPosition, leaderTimeline: Timeline, history: TimelineHistory?,
        ownHistory: TimelineHistory? = nil, leaderEnd: LSN? = nil
    ) -> SharedLog? {
        let own = local.timeline
        var end =
            switch local {
            case .standby(_, let replayed): replayed
            case .formerPrimary(_, let checkpoint): checkpoint
            }
        if own == leaderTimeline {
            if let leaderEnd { end = min(end, leaderEnd) }
        } else {
            guard own < leaderTimeline, let row = history?.rows.last(where: { $0.timeline == own }) else { return nil }
            end = min(end, row.switchpoint)
        }
        let begin = (history ?? ownHistory)?.rows.last { $0.timeline < own }?.switchpoint ?? .zero
        return begin < end ? SharedLog(timeline: own, begin: begin, end: end) : nil
    }

    /// Takes in what the bytes of ``shared(_:leaderTimeline:history:ownHistory:leaderEnd:)`` say. Numbers can't tell two
    /// promotions apart that parted at the same place; neither can pg_rewind, which would keep what the leader never had.
    public static func judge(
        _ verdict: DivergenceVerdict, bytes: LogComparison, of part: SharedLog
    ) -> DivergenceVerdict {
        guard case .different(let place) = bytes else { return verdict }
        if case .forked = verdict { return verdict }
        return .forked(
            because: "our timeline \(part.timeline) is another one than the leader's: the logs differ at \(place)")
    }

    /// Members that are cut off from each other may give the same number to their promotions. Why ours is not the
    /// leader's timeline though it is called the same; nil when nothing says so.
    private static func fork(
        of local: LocalPosition, history: TimelineHistory?, ownHistory: TimelineHistory?, leaderEnd: LSN?
    ) -> String? {
        let own = local.timeline
        if let history, let ownHistory, let difference = difference(ownHistory, history, before: own) {
            return difference
        }
        switch local {
        case .formerPrimary(_, let checkpoint):
            // Whoever takes over from a primary begins a timeline, so a primary never finds another one on its own.
            // Only the first is not begun by a promotion: a copy of a stopped primary's files belongs to it.
            if own > Timeline(1) { return "this server has written timeline \(own), and so has the leader" }
            return end(leaderEnd, isBehind: checkpoint, own)
        case .standby(_, let replayed): return end(leaderEnd, isBehind: replayed, own)
        }
    }

    /// A primary sends only what it has written.
    private static func end(_ leaderEnd: LSN?, isBehind position: LSN, _ timeline: Timeline) -> String? {
        guard let leaderEnd, position > leaderEnd else { return nil }
        return "we are at \(position) of timeline \(timeline), the leader only at \(leaderEnd)"
    }

    /// Where two histories of the timelines before `timeline` differ; nil when they don't.
    private static func difference(
        _ own: TimelineHistory, _ leader: TimelineHistory, before timeline: Timeline
    ) -> String? {
        let (ours, theirs) = (own.rows.filter { $0.timeline < timeline }, leader.rows.filter { $0.timeline < timeline })
        func parts(_ rows: [TimelineHistory.Row]) -> String {
            rows.map { "\($0.timeline) ended at \($0.switchpoint)" }.joined(separator: ", ")
        }
        guard parts(ours) != parts(theirs) else { return nil }
        return "our timeline \(timeline) is another one than the leader's: before ours \(parts(ours)); "
            + "before theirs \(parts(theirs))"
    }

    /// The rest of ``DivergenceVerdict/dependsOnCheckpointEnd(switchpoint:)``. An end that can't be read is taken as
    /// diverged: following wrongly destroys the standby, rewinding needlessly costs a moment.
    public static func judge(checkpointEnd: LSN?, switchpoint: LSN) -> DivergenceVerdict {
        guard let checkpointEnd else { return .diverged(because: "the end of our last checkpoint can't be read") }
        return checkpointEnd == switchpoint
            ? .same : .diverged(because: "our log ends at \(checkpointEnd), the leader left it at \(switchpoint)")
    }
}
