// What a story says of a turn, a task, an answer.

extension FlightEntry {
    /// This entry's part of a story; `previous` is the turn that was told before it.
    public func lines(after previous: TurnRecord?) -> [Story.Line] {
        switch event {
        case .started(let version): [Story.Line(at: at, text: "the agent has started, version \(version)")]
        case .requested(let job): [Story.Line(at: at, text: "an operator asked for it; began: \(job.name)")]
        case .ended(let job, let outcome, took: let took):
            [Story.Line(at: at, text: "\(job.name): \(outcome.words)", took: took)]
        case .nobodyLeads(let standoff): [Story.Line(at: at, text: standoff.text)]
        case .letGo(let record): record.lines
        case .turn(let turn): turn.lines(after: previous)
        }
    }
}

extension TurnRecord {
    /// What was new, what was asked and done, and how it ended.
    public func lines(after previous: TurnRecord?) -> [Story.Line] {
        news(after: previous).map { Story.Line(at: observation.wallTime, text: $0) } + steps.compactMap(line)
    }

    private func line(_ step: Step) -> Story.Line? {
        let at = wallTime(of: step.began)
        let because = Rules.sentence(of: step.verdict.rule)
        switch step.verdict.decision {
        case .ask:
            guard let learned = step.learned, let text = words(learned) else { return nil }
            return Story.Line(at: at, text: text, took: step.took)
        case .act(let action, let reason):
            guard let learned = step.learned else { return nil }
            if case .leaderKey(.renewLeaderKey, .held, _) = learned { return nil }
            var text = words(learned) ?? action.words
            if case .begin = action { text += " (\(reason.text(observation.me)))" }
            // A task that has only just begun took no time worth telling; its end will say.
            let took: Duration? = if case .begin = action { nil } else { step.took }
            return Story.Line(at: at, text: text, took: took, rule: step.verdict.rule, because: because)
        case .settled(let reason, _), .halt(let reason):
            return Story.Line(at: at, text: reason.text(observation.me), rule: step.verdict.rule, because: because)
        }
    }

    private func words(_ learned: Learned) -> String? {
        switch learned {
        case .peers(let peers): peers.isEmpty ? nil : "asked " + peers.map(words).joined(separator: "; ")
        case .upstream(.asWanted): nil
        case .upstream: "the recovery settings have to change"
        case .leaderKey(.acquireLeaderKey, let outcome, _): "the leader key: \(outcome.words)"
        case .leaderKey(_, let outcome, _): "renewing the leader key: \(outcome.words)"
        case .written(let action, .written): action.words
        case .written(let action, .conflict): "\(action.words): refused, somebody else was faster"
        case .written(let action, .unknown(let failure)): "\(action.words): no answer, \(failure)"
        case .done(let action): action.words
        case .failsafe(let answers, _):
            answers.areUnanimous
                ? "asked all members whether we may go on without the store: all agree"
                : "asked all members whether we may go on without the store: "
                    + answers.objections.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(
                        separator: "; ")
        }
    }

    private func words(_ peer: PeerStatus) -> String {
        guard let answer = peer.answer else { return "\(peer.name): no answer" }
        guard let position = answer.position else { return "\(peer.name): PostgreSQL is not running" }
        let timeline = answer.timeline.map { " on timeline \($0)" } ?? ""
        let place = "\(peer.name): \(answer.isInRecovery ? "" : "a primary at ")\(position)\(timeline)"
        guard let own = observation.server.running?.position else { return place }
        let ahead = own.lag(behind: position)
        return place + (ahead > .zero ? ", \(ahead) ahead" : ", not ahead")
    }

    // MARK: what was new

    private func news(after previous: TurnRecord?) -> [String] {
        let before = previous?.observation
        var news: [String] = []
        if let text = leadership, text != previous?.leadership { news.append(text + leaderKeyDetails(previous)) }
        if observation.settings.isPaused != before?.settings.isPaused ?? false {
            news.append(observation.settings.isPaused ? "maintenance mode is on" : "maintenance mode is off")
        }
        if let request = cluster?.failover, request != previous?.cluster?.failover {
            news.append(
                "an operator asked for a \(request.word)"
                    + (request.leader.map { " from \($0)" } ?? "") + (request.candidate.map { " to \($0)" } ?? ""))
        }
        if observation.server.kindOf != before?.server.kindOf { news.append(serverText) }
        return news
    }

    private var leadership: String? {
        switch observation.store {
        case .silent: "the store gives no answer"
        case .cluster(let cluster) where cluster.isUnlocked: "nobody holds the leader key"
        case .cluster(let cluster):
            cluster.leader.map {
                $0.name == observation.me ? "we hold the leader key" : "\($0.name) holds the leader key"
            }
        }
    }

    private func leaderKeyDetails(_ previous: TurnRecord?) -> String {
        switch observation.store {
        case .silent(let failure): return ": \(failure)"
        case .cluster(let cluster) where cluster.isUnlocked:
            guard let former = observation.lastClusterWithLeader?.leader?.name else { return "" }
            let seen = leaderLastSeen.map { ", last seen \((observation.now - $0).words) ago" } ?? ""
            return " (it was \(former)'s\(seen), ttl \(observation.settings.ttl.wholeSeconds) s)"
        case .cluster: return ""
        }
    }

    private var serverText: String {
        switch observation.server {
        case .stopped:
            if case .holds(let control) = observation.directory {
                "PostgreSQL is not running, pg_control says \"\(control.state.rawValue)\""
            } else {
                "there is no database"
            }
        case .starting: "PostgreSQL is starting"
        case .unresponsive(let why): "PostgreSQL does not answer: \(why)"
        case .running(let running):
            "PostgreSQL runs as a \(running.isPrimary ? "primary" : "standby") at \(running.position)"
                + (running.timeline.map { " on timeline \($0)" } ?? "")
        }
    }
}

extension ServerStatus {
    fileprivate var kindOf: String {
        switch self {
        case .stopped: "stopped"
        case .starting: "starting"
        case .unresponsive: "unresponsive"
        case .running(let running): running.isPrimary ? "primary" : "standby"
        }
    }
}

extension ShutdownRecord {
    /// How the key was let go, without the waiting in between.
    public var lines: [Story.Line] {
        steps.compactMap { step in
            let at = wallTime(of: step.began + step.took)
            switch (step.step, step.event) {
            case (.orderStop(let mode), _): return Story.Line(at: at, text: "told PostgreSQL to stop, \(mode.rawValue)")
            case (_, .checkpointWritten(let checkpoint, _)):
                return Story.Line(
                    at: at, text: "PostgreSQL has written its last record at \(checkpoint.lastPosition)",
                    took: step.took)
            case (_, .serverStopped): return Story.Line(at: at, text: "PostgreSQL has stopped", took: step.took)
            case (_, .stopFailed(let why)): return Story.Line(at: at, text: "PostgreSQL did not stop: \(why)")
            case (.releaseKey, .keyReleased(let outcome)):
                return Story.Line(
                    at: at,
                    text: outcome.isWritten ? "gave the leader key away" : "the leader key could not be given away",
                    took: step.took)
            case (.finished(.leftRunning), _): return Story.Line(at: at, text: "PostgreSQL is left running")
            default: return nil
            }
        }
    }
}

extension JobOutcome {
    public var words: String {
        switch self {
        case .succeeded: "done"
        case .failed(let why): "failed: \(why)"
        case .cancelled: "called off"
        case .divergence(.none): "our log is a beginning of the leader's"
        case .divergence(.diverged): "we have something that the leader never had"
        case .divergence(.unknown(let why)): "not known yet: \(why)"
        case .divergence: "not known yet"
        }
    }
}

extension LeaderKeyOutcome {
    fileprivate var words: String {
        switch self {
        case .held: "it is ours"
        case .lostTo(let other): other.map { "it went to \($0)" } ?? "somebody else has it"
        case .unknown(let failure): "no answer, \(failure)"
        }
    }
}

extension Action {
    /// As done.
    public var words: String {
        switch self {
        case .renewLeaderKey: "renewed the leader key"
        case .acquireLeaderKey: "took the leader key"
        case .releaseLeaderKey: "gave the leader key away"
        case .clearFailoverRequest: "removed the operator's request"
        case .claimInitialize: "claimed the right to create the cluster"
        case .writeInitialize: "wrote the cluster's identity"
        case .cancelInitialize: "gave up the right to create the cluster"
        case .restoreConfiguration: "wrote the dynamic configuration"
        case .recordHistory: "recorded the timeline's history"
        case .announce(let role): "told callbacks and store: \(role.rawValue)"
        case .begin(let job): "began: \(job.name)"
        case .cancelJob: "called the running task off"
        case .resumeReplay: "told PostgreSQL to go on replaying"
        }
    }
}

extension Duration {
    /// `3.2 ms`, `110 ms`, `1.25 s`, `42 s`.
    public var words: String {
        let tenths = (inNanoseconds + 50_000) / 100_000
        if tenths < 100 { return "\(tenths / 10).\(tenths % 10) ms" }
        if tenths < 10_000 { return "\((tenths + 5) / 10) ms" }
        let hundredths = (inNanoseconds + 5_000_000) / 10_000_000
        if hundredths < 1000 { return "\(hundredths / 100).\(Int(hundredths % 100).padded(2)) s" }
        return "\((hundredths + 50) / 100) s"
    }
}

extension Rules {
    /// Why a rule exists, by its full name; nil when there is none of that name today. Without the ledger's numbers.
    public static func sentence(of name: String) -> String? { sentences[name] }

    private static let sentences: [String: String] = Dictionary(
        tables.flatMap { table in table.rules.map { ("\(table.name)/\($0.name)", plain($0.sentence)) } },
        uniquingKeysWith: { first, _ in first })

    private static func plain(_ sentence: String) -> String {
        guard let begin = sentence.firstRange(of: " (HA-"), let end = sentence[begin.upperBound...].firstIndex(of: ")")
        else { return sentence }
        return plain(String(sentence[..<begin.lowerBound] + sentence[sentence.index(after: end)...]))
    }
}
