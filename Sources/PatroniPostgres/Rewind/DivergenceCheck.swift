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
    /// The former primary's last record must end exactly here, or it has diverged.
    case dependsOnCheckpointEnd(switchpoint: LSN)
    case unknown(String)
}

public enum DivergenceCheck {
    /// `history`: where the timelines before the leader's ended, oldest first; needed when the leader's is newer
    /// (HA-237).
    public static func judge(
        _ local: LocalPosition, leaderTimeline: Timeline, history: TimelineHistory?
    ) -> DivergenceVerdict {
        let own = local.timeline
        if own > leaderTimeline {
            return .diverged(because: "our timeline \(own) is newer than the leader's \(leaderTimeline)")
        }
        if own == leaderTimeline { return .same }
        guard let history, !history.rows.isEmpty else {
            return .unknown("the leader has no history of its timeline \(leaderTimeline)")
        }
        guard let row = history.rows.first(where: { $0.timeline == own }) else {
            return .diverged(because: "our timeline \(own) is no part of the leader's history")
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

    /// The rest of ``DivergenceVerdict/dependsOnCheckpointEnd(switchpoint:)``. An end that can't be read is taken as
    /// diverged: following wrongly destroys the standby, rewinding needlessly costs a moment.
    public static func judge(checkpointEnd: LSN?, switchpoint: LSN) -> DivergenceVerdict {
        guard let checkpointEnd else { return .diverged(because: "the end of our last checkpoint can't be read") }
        return checkpointEnd == switchpoint
            ? .same : .diverged(because: "our log ends at \(checkpointEnd), the leader left it at \(switchpoint)")
    }
}
