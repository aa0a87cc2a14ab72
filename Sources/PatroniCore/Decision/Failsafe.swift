// Failsafe mode: the store gives no answer, but all other members agree that this primary goes on.

/// Why this can't make two primaries (HA-212 to HA-220, HA-382, HA-408):
///
/// 1. A lease is a moment until which nobody else can have become leader. At first it is the store's: ttl from before
///    the last renewal was sent.
/// 2. While it is valid, the primary asks everybody whom the store may list in `failsafe` ("the circle"). Who agrees
///    promises not to take the leader key for a ttl *from when the question came in*, which is after it was sent. If
///    all agree, and their answers are in before the lease has ended, it is prolonged to ttl at most from before the first
///    question was sent: until then nobody in the circle takes over.
/// 3. Who is not in the circle can't take over either: whoever reads the store finds a map without itself.
/// 4. Nobody has taken over in between: until the lease ended only the store's key counted, and from its promise on
///    each one is bound. One that had asked the store for the key, or was promoting, does not agree. That is why the
///    answers must be in before the lease ends: else one could have taken over and let go again unnoticed.
/// 5. An agent that has just started may have promised something that it does not know any more; so for the first ttl
///    it races only if all others in the map say themselves that they are no primary.
///
/// So when the store is there for the standbys and not for the primary, its key runs out, everybody sees it, and nobody
/// takes it as long as the primary goes on asking. If one member doesn't agree, the lease ends and the primary stops.
enum Failsafe {
    static let table = RuleTable(
        "failsafe", "The store said nothing about our leader key, and failsafe mode is on.", when: applies,
        [
            Rule("accepted", "All members agree and have promised not to take over: the writes go on (HA-040).") {
                now in
                guard let answers = now.facts.failsafe, answers.areUnanimous, now.leaseLeft > now.safetyMargin else {
                    return nil
                }
                return .settled(.continuingInFailsafe, again: min(.seconds(1), now.leaseLeft - now.safetyMargin))
            },
            Rule("ask", "Long before the lease ends, so that there is time to ask again (HA-213).") { now in
                guard now.facts.failsafe == nil, let circle = now.observation.failsafe.circle,
                    now.leaseLeft > now.safetyMargin
                else { return nil }
                return .ask(.failsafe(circle, by: now.observation.now + patience(now)))
            },
            Rule(
                "not-yet",
                "Somebody has not agreed (HA-408); the lease is still good, so look at the store and ask again."
            ) { now in
                guard let answers = now.facts.failsafe, now.leaseLeft > now.safetyMargin else { return nil }
                return .settled(
                    .failsafeNotAccepted(left: now.leaseLeft, answers.objections),
                    again: min(.milliseconds(500), now.leaseLeft - now.safetyMargin))
            },
        ])

    private static func applies(_ now: Situation) -> Bool {
        guard now.settings.isFailsafeModeEnabled, !now.isPaused, now.observation.failsafe.circle != nil,
            now.memory.bootstrap == .notOurs, now.mayBeWritable || now.willBeWritable, now.job?.isDemotion != true
        else { return false }
        return isUndecided(now)
    }

    /// Refused is not undecided (HA-220).
    private static func isUndecided(_ now: Situation) -> Bool {
        if now.cluster == nil { return true }
        if case .unknown? = now.facts.renewal { return true }
        if case .unknown? = now.facts.acquisition { return true }
        return false
    }

    /// The members' time to answer comes out of what is left of the lease: half of it, so that there is time for a
    /// second look at the store and another round, but enough for a slow network as long as possible.
    private static func patience(_ now: Situation) -> Duration {
        let left = now.leaseLeft - now.safetyMargin
        return max(left / 2, min(.seconds(2), left))
    }
}

/// What one member of the circle answered.
public struct FailsafeReply: Sendable, Hashable, Codable {
    public enum Answer: Sendable, Hashable, Codable {
        /// It has got this far, and promises for this long; nil: for its ttl, which is taken to be ours.
        case accepted(LSN?, for: Duration?)
        case refused(String)
        /// No answer, or none that makes sense.
        case silent(String)
    }

    public var name: MemberName
    public var answer: Answer

    public init(name: MemberName, answer: Answer) {
        self.name = name
        self.answer = answer
    }
}

/// The answers of one round.
public struct FailsafeAnswers: Sendable, Hashable, Codable {
    public var replies: [FailsafeReply]

    public init(_ replies: [FailsafeReply]) { self.replies = replies }

    public var areUnanimous: Bool {
        replies.allSatisfy { if case .accepted = $0.answer { true } else { false } }
    }

    /// Who did not agree, and why.
    public var objections: [MemberName: String] {
        var found: [MemberName: String] = [:]
        for reply in replies {
            switch reply.answer {
            case .accepted: break
            case .refused(let why), .silent(let why): found[reply.name] = why
            }
        }
        return found
    }

    /// How far those have got that said so (HA-215).
    public var positions: [MemberName: LSN] {
        var found: [MemberName: LSN] = [:]
        for reply in replies {
            if case .accepted(let position?, for: _) = reply.answer { found[reply.name] = position }
        }
        return found
    }

    /// The lease that follows: prolonged only by all, only while it is still valid, and never shortened.
    ///
    /// The promise is good for a ttl; we make use of as much as another look at the store and another question take,
    /// repetitions included, so that a member that is gone (HA-408) is not covered for longer than that.
    public func prolonged(
        _ lease: Lease, askedAt sent: Moment, answeredAt now: Moment, _ settings: ClusterSettings
    ) -> Lease {
        guard areUnanimous, case .held(let until) = lease, now < until else { return lease }
        let promised = replies.compactMap { if case .accepted(_, for: let time?) = $0.answer { time } else { nil } }
        let enough = settings.loopWait + settings.retryTimeout * 2 + settings.safetyMargin
        return .held(until: max(until, sent + min(enough, settings.ttl, promised.min() ?? settings.ttl)))
    }
}
