// Stops that take long: who is waited for, and what ends the wait.
// Facts: HA-004, HA-147.

import Testing

@testable import PatroniCore

@Suite("Stop supervision") struct StopSupervisionTests {
    typealias Look = StopSupervision.Look
    typealias Sender = StopSupervision.Sender

    static func supervision(
        _ mode: StopMode = .fast, isPrimary: Bool = true, change: (inout ClusterSettings) -> Void = { _ in }
    ) -> StopSupervision {
        var settings = ClusterSettings()
        change(&settings)
        return StopSupervision(mode, since: .start, settings: settings, isPrimary: isPrimary)
    }

    /// Looks every second from the first to the last second; what is not "wait", with its second.
    static func steps(
        _ supervision: inout StopSupervision, seconds: ClosedRange<Int>, _ look: (Int) -> Look
    ) -> [Int: StopSupervision.Step] {
        var found: [Int: StopSupervision.Step] = [:]
        for second in seconds {
            let step = supervision.step(look(second), at: .start + .seconds(second))
            if step != .wait { found[second] = step }
        }
        return found
    }

    static let stuck = Sender(pid: 7, position: LSN(50))
    static let quiet = Sender(pid: 8, position: LSN(90))

    @Test func `an ordinary stop is only watched`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 0...4) { second in
            Look(control: second < 3 ? .inProduction : .shutDown, clients: second < 2 ? 3 : 0, senders: [Self.quiet])
        }
        #expect(found.isEmpty)
    }

    @Test func `before the last checkpoint the sender that stands still behind the others is ended, alone`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 0...6) { second in
            Look(control: .inProduction, senders: second < 6 ? [Self.stuck, Self.quiet] : [Self.quiet])
        }
        #expect(found == [5: .endSenders([7])])
    }

    @Test func `one that moves is let go on`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 0...30) { second in
            Look(control: .inProduction, senders: [Sender(pid: 7, position: LSN(UInt64(second))), Self.quiet])
        }
        // The other one has nothing more to send; it is not behind anybody, so it gets three times as long.
        #expect(found.values.contains(.endSenders([7])) == false)
        #expect(found.keys.min() == 15 && found[15] == .endSenders([8]))
    }

    @Test func `when nobody is behind all of them are ended, later`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 0...15) { _ in
            Look(control: .inProduction, senders: [Self.quiet, Sender(pid: 9, position: nil)])
        }
        #expect(found[5] == .endSenders([9]), "of this one nothing is known")
        #expect(found.filter { $0.value.ends(8) }.keys.sorted() == [15])
    }

    @Test func `who does not go is told again`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 0...8) { _ in
            Look(control: .inProduction, senders: [Self.stuck, Self.quiet])
        }
        #expect(found.filter { $0.value.ends(7) }.keys.sorted() == [5, 6, 7, 8])
    }

    @Test func `the checkpoint takes as long as the disk takes, and counts from its end`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 0...97) { second in
            Look(control: second < 90 ? .shuttingDown : .shutDown, senders: [Self.quiet])
        }
        #expect(found == [95: .endSenders([8]), 96: .endSenders([8]), 97: .endSenders([8])])
    }

    @Test func `clients that ignore a fast stop are waited for no longer than a ttl`() {
        var stop = Self.supervision() { $0.ttl = .seconds(20) }
        let found = Self.steps(&stop, seconds: 0...30) { _ in Look(control: .inProduction, clients: 1) }
        #expect(
            found == [
                20: .stopImmediately(.clients), 25: .kill(.disobeyed), 26: .kill(.disobeyed),
                27: .kill(.disobeyed), 28: .kill(.disobeyed), 29: .kill(.disobeyed), 30: .kill(.disobeyed),
            ])
    }

    @Test func `primary_stop_timeout counts in synchronous mode: immediate, then kill`() {
        let sync: (inout ClusterSettings) -> Void = {
            $0.primaryStopTimeout = .seconds(3)
            $0.synchronousMode = .on
        }
        var stop = Self.supervision(change: sync)
        let found = Self.steps(&stop, seconds: 0...6) { _ in Look(control: .shuttingDown) }
        #expect(found == [3: .stopImmediately(.limit), 6: .kill(.limit)])
        var standby = Self.supervision(isPrimary: false, change: sync)
        #expect(Self.steps(&standby, seconds: 0...9) { _ in Look(control: .shuttingDown) }.isEmpty)
        var asynchronous = Self.supervision() { $0.primaryStopTimeout = .seconds(3) }
        #expect(Self.steps(&asynchronous, seconds: 0...9) { _ in Look(control: .shuttingDown) }.isEmpty)
        var zero = Self.supervision() {
            sync(&$0)
            $0.primaryStopTimeout = .zero
        }
        #expect(Self.steps(&zero, seconds: 0...9) { _ in Look(control: .shuttingDown) }.isEmpty)
    }

    @Test func `a frozen server is killed: it could go on any moment`() {
        var stop = Self.supervision()
        let frozen = Look(control: .inProduction, clients: 2, isFrozen: true)
        #expect(Self.steps(&stop, seconds: 0...4) { _ in frozen }.isEmpty)
        #expect(stop.step(frozen, at: .start + .seconds(5)) == .kill(.frozen))
        var immediate = Self.supervision(.immediate)
        #expect(immediate.step(frozen, at: .start) == .kill(.frozen))
    }

    @Test func `nothing takes longer than a start may`() {
        var stop = Self.supervision()
        let found = Self.steps(&stop, seconds: 290...301) { _ in Look(control: .inProduction) }
        #expect(found == [300: .stopImmediately(.tooLong)])
        var short = Self.supervision() { $0.primaryStartTimeout = .zero }
        #expect(Self.steps(&short, seconds: 50...61) { _ in Look(control: nil) } == [60: .stopImmediately(.tooLong)])
    }

    @Test func `an immediate stop has five seconds`() {
        var stop = Self.supervision(.immediate)
        #expect(Self.steps(&stop, seconds: 0...5) { _ in Look(control: .inProduction) } == [5: .kill(.disobeyed)])
    }
}

extension StopSupervision.Step {
    fileprivate func ends(_ pid: Int32) -> Bool {
        if case .endSenders(let pids) = self { pids.contains(pid) } else { false }
    }
}
