// What became of something we asked of the store. Three answers, never two: a lost answer is not a refusal.

/// Why the store gave no answer.
public struct StoreFailure: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, Codable {
        /// Nobody could be reached, or nobody answered in time.
        case unreachable
        /// It answered that it can't work now: no quorum, no leader, overloaded.
        case unavailable
        /// It refused us: wrong password, missing rights.
        case denied
        /// It answered something that makes no sense.
        case protocolViolation
    }

    public var kind: Kind
    /// One line for the operator: what was tried, at which address, what came back.
    public var explanation: String

    public init(_ kind: Kind, _ explanation: String) {
        self.kind = kind
        self.explanation = explanation
    }

    public var description: String { explanation }
}

/// What became of a conditional write.
public enum WriteOutcome: Sendable, Hashable, Codable {
    /// It is in the store, under this version when the store tells one.
    case written(KeyVersion?)
    /// The condition did not hold: somebody else was faster. Nothing was written.
    case conflict
    /// No answer: it may have landed or not.
    case unknown(StoreFailure)

    public var isWritten: Bool { if case .written = self { true } else { false } }
}

/// What became of the leader key.
public enum LeaderKeyOutcome: Sendable, Hashable, Codable {
    /// It is ours, and good for `ttl` from the moment the request was sent.
    case held
    /// Somebody else has it; nil when the store didn't say who.
    case lostTo(MemberName?)
    /// No answer: we may have it or not.
    case unknown(StoreFailure)

    public var isHeld: Bool { self == .held }
}
