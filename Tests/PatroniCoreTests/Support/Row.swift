// One situation and what must come of it: a row of a rule's table test, driven through a whole turn.

import Testing

@testable import PatroniCore

/// What the world answers when the rules ask or act.
struct World: Sendable, Hashable {
    var peers: [PeerStatus] = [.silent("alpha"), .standby("beta"), .standby("gamma")]
    var upstream: UpstreamState = .asWanted
    var failsafe: [FailsafeReply] = [.accepted("beta"), .accepted("gamma")]
    /// How long each question and each deed takes.
    var takes: Duration = .zero
    var renewal: LeaderKeyOutcome = .held
    var acquisition: LeaderKeyOutcome = .held
    var claim: WriteOutcome = .written(nil)

    func answer(_ decision: Decision, for now: Observation) -> Learned? {
        let fresh = Lease.held(until: now.now + now.settings.ttl)
        func lease(_ outcome: LeaderKeyOutcome) -> Lease {
            switch outcome {
            case .held: fresh
            case .lostTo: .none
            case .unknown: now.lease
            }
        }
        switch decision {
        case .ask(.statusOfPeers): return .peers(peers.filter { $0.name != now.me })
        case .ask(.upstream): return .upstream(upstream)
        case .ask(.failsafe):
            let answers = FailsafeAnswers(failsafe)
            return .failsafe(
                answers,
                answers.prolonged(
                    now.lease, askedAt: now.now, answeredAt: now.now + takes, now.settings))
        case .act(.renewLeaderKey, _): return .leaderKey(.renewLeaderKey, renewal, lease(renewal))
        case .act(.acquireLeaderKey, _): return .leaderKey(.acquireLeaderKey, acquisition, lease(acquisition))
        case .act(.claimInitialize, _): return .written(.claimInitialize, claim)
        case .act(let action, _):
            switch action {
            case .recordHistory, .announce, .begin, .cancelJob: return .done(action)
            default: return .written(action, .written(nil))
            }
        case .settled, .halt: return nil
        }
    }
}

/// How a turn ends, as far as an operator would notice.
enum Then: Sendable, Hashable {
    case begins(Job)
    case settles(Reason)
    case halts(Reason)
}

/// Everything that happened in one turn.
struct Transcript: Sendable {
    var path: [String] = []
    var decisions: [Decision] = []
    var turn: Turn

    /// Actions in order, without renewing the key, which every leader does, and without jobs.
    var deeds: [Action] {
        decisions.compactMap { decision in
            guard case .act(let action, _) = decision, action != .renewLeaderKey else { return nil }
            if case .begin = action { return nil }
            return action
        }
    }

    var jobs: [Job] {
        decisions.compactMap { if case .act(.begin(let job), _) = $0 { job } else { nil } }
    }

    var end: Then? {
        if let job = jobs.first { return .begins(job) }
        switch decisions.last {
        case .settled(let reason, _)?: return .settles(reason)
        case .halt(let reason)?: return .halts(reason)
        default: return nil
        }
    }

    var again: Duration? { if case .settled(_, let again)? = decisions.last { again } else { nil } }

    /// Drives a turn until it settles.
    static func of(
        _ now: Observation, _ memory: Memory = Memory(), _ world: World = World(), tables: [RuleTable] = Rules.tables
    ) -> Transcript {
        var transcript = Transcript(turn: Turn(now, memory))
        while true {
            let verdict = transcript.turn.next(tables)
            transcript.path.append(verdict.rule)
            transcript.decisions.append(verdict.decision)
            guard let learned = world.answer(verdict.decision, for: transcript.turn.observation) else { break }
            transcript.turn.learn(learned, at: transcript.turn.observation.now + world.takes)
        }
        return transcript
    }
}

/// A row: in this situation this rule must fire, and the turn must end like this.
struct Row: Sendable, CustomTestStringConvertible {
    var sentence: String
    var now: Observation
    var memory = Memory()
    var world = World()
    var rule: String
    var deeds: [Action]
    var then: Then

    init(
        _ sentence: String, _ now: Observation, memory: (inout Memory) -> Void = { _ in },
        world: (inout World) -> Void = { _ in }, fires rule: String, doing deeds: [Action] = [], then: Then
    ) {
        self.sentence = sentence
        self.now = now
        memory(&self.memory)
        world(&self.world)
        self.rule = rule
        self.deeds = deeds
        self.then = then
    }

    var testDescription: String { sentence }

    func transcript(_ tables: [RuleTable] = Rules.tables) -> Transcript {
        .of(now, memory, world, tables: tables)
    }

    func check() {
        let seen = transcript()
        #expect(seen.path.contains(rule), "\(rule) did not fire: \(seen.path.joined(separator: ", "))")
        #expect(seen.end == then, "\(seen.path.joined(separator: ", "))")
        #expect(seen.deeds == deeds)
        #expect(seen.jobs.count <= 1, "one job a turn: \(seen.jobs)")
    }

    /// Would somebody notice if the rules were these?
    func isOtherwise(with tables: [RuleTable]) -> Bool {
        transcript(tables).decisions != transcript().decisions
    }
}

extension Memory {
    /// A member that has been running as a primary.
    mutating func wasPrimary() { announced(.primary) }
    mutating func wasDemoted(secondsAgo: Int = 0) {
        ended(.demote(.immediateWithoutKey), .succeeded, at: .start - .seconds(secondsAgo), settings: ClusterSettings())
    }
    mutating func found(_ divergence: Divergence, secondsAgo: Int = 0) {
        ended(
            .checkDivergence(from: "alpha"), .divergence(divergence), at: .start - .seconds(secondsAgo),
            settings: ClusterSettings())
        followed = Followed(leader: "alpha", timeline: nil)
    }
}
