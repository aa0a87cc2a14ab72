// How the leadership was handed over or the agent ended, written down: the other machine that decides.

/// Everything a ``Shutdown`` was told, and everything it answered.
public struct ShutdownRecord: Sendable, Hashable, Codable {
    public var observation: Observation
    public var purpose: Shutdown.Purpose
    public var steps: [Step]
    public var took: Duration = .zero

    public struct Step: Sendable, Hashable, Codable {
        public var step: Shutdown.Step
        public var event: Shutdown.Event?
        public var began: Moment
        public var took: Duration

        public init(_ step: Shutdown.Step, _ event: Shutdown.Event?, began: Moment, took: Duration = .zero) {
            self.step = step
            self.event = event
            self.began = began
            self.took = took
        }
    }

    /// Waiting for a slow standby takes many steps; what comes later is left out.
    static let maximumSteps = 64

    public init(_ observation: Observation, purpose: Shutdown.Purpose = .handingOver) {
        self.observation = observation
        self.purpose = purpose
        steps = []
    }

    /// The machine whose steps these are, before the first of them.
    public var beginning: Shutdown { Shutdown(observation, purpose: purpose) }

    public mutating func note(_ step: Step) {
        if steps.count < Self.maximumSteps { steps.append(step) }
    }

    public func wallTime(of moment: Moment) -> WallTime { observation.wallTime + (moment - observation.now) }

    /// The first step that would be another one today, from 1; nil when all are the same.
    public func replay() -> Int? {
        var shutdown = beginning
        for (index, step) in steps.enumerated() {
            if shutdown.next() != step.step { return index + 1 }
            if let event = step.event { shutdown.learn(event) }
        }
        return nil
    }
}
