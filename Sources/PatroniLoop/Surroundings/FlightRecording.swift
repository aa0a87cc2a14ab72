// Where an agent's changes are written down.

import PatroniCore

/// Takes what changed; never waits, never fails.
package protocol FlightRecording: Sendable {
    func write(_ entry: FlightEntry)
    /// What an earlier run has left, oldest first.
    var earlier: [FlightEntry] { get }
}

/// Nothing is written: for tests, for the simulator, and when the record is switched off.
package struct NoFlightRecord: FlightRecording {
    package init() {}
    package func write(_ entry: FlightEntry) {}
    package var earlier: [FlightEntry] { [] }
}
