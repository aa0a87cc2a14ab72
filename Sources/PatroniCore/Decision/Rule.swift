// Rules stand in ordered tables; the first that matches decides.

/// What the rules look at: the observation, the facts of this turn, and what is remembered.
public struct Situation: Sendable {
    public let observation: Observation
    public let memory: Memory
    public let facts: Facts

    public init(_ observation: Observation, _ memory: Memory, _ facts: Facts = Facts()) {
        self.observation = observation
        self.memory = memory
        self.facts = facts
    }
}

/// One rule: a name for tests and records, a sentence for people, and the condition with its answer.
public struct Rule: Sendable {
    public let name: String
    /// Why the rule exists, in one sentence. Printed into the docs.
    public let sentence: String
    let decide: @Sendable (Situation) -> Decision?

    public init(_ name: String, _ sentence: String, decide: @escaping @Sendable (Situation) -> Decision?) {
        self.name = name
        self.sentence = sentence
        self.decide = decide
    }
}

/// A situation with its rules.
public struct RuleTable: Sendable {
    public let name: String
    /// When this table is asked, in one sentence.
    public let sentence: String
    let applies: @Sendable (Situation) -> Bool
    public let rules: [Rule]
    /// `table/rule` of each rule.
    private let paths: [String]

    public init(
        _ name: String, _ sentence: String, when applies: @escaping @Sendable (Situation) -> Bool, _ rules: [Rule]
    ) {
        self.name = name
        self.sentence = sentence
        self.applies = applies
        self.rules = rules
        paths = rules.map { "\(name)/\($0.name)" }
    }
}

/// A decision, and the rule it came from.
public struct Verdict: Sendable, Hashable, Codable {
    public let decision: Decision
    /// `table/rule`.
    public let rule: String
}

extension RuleTable {
    /// The same without these rules (`table/rule`): a deliberate mistake, for tests and simulations to notice.
    package func without(_ names: Set<String>) -> RuleTable {
        RuleTable(
            name, sentence, when: applies, zip(rules, paths).compactMap { names.contains($1) ? nil : $0 })
    }

    public func verdict(_ situation: Situation) -> Verdict? {
        guard applies(situation) else { return nil }
        for place in rules.indices {
            if let decision = rules[place].decide(situation) {
                return Verdict(decision: decision, rule: paths[place])
            }
        }
        return nil
    }
}
