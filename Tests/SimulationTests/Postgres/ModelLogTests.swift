// Logs that part and meet.

import PatroniCore
import Testing

@testable import PatroniSimulation

@Suite struct ModelLogTests {
    private func log(_ end: UInt64) -> ModelLog {
        var log = ModelLog(writer: LogWriter(1), start: LSN(100))
        log.extend(to: LSN(end))
        return log
    }

    @Test func `a shorter log is the beginning of a longer one, never the other way`() {
        #expect(log(200).isBeginning(of: log(300)))
        #expect(!log(300).isBeginning(of: log(200)))
    }

    @Test func `what was written after a fork is in one branch only`() {
        var promoted = log(200)
        promoted.begin(LogWriter(2), Timeline(2))
        promoted.extend(to: LSN(300))
        #expect(log(200).isBeginning(of: promoted))
        #expect(!log(201).isBeginning(of: promoted))
        #expect(promoted.holds(LogWriter(1), upTo: LSN(200)))
        #expect(!promoted.holds(LogWriter(1), upTo: LSN(201)))
        #expect(promoted.history.rows.map(\.switchpoint) == [LSN(200)])
    }

    @Test func `two promotions to the same timeline look alike to PostgreSQL and are not`() {
        var (one, two) = (log(200), log(200))
        one.begin(LogWriter(2), Timeline(2))
        two.begin(LogWriter(3), Timeline(2))
        one.extend(to: LSN(250))
        two.extend(to: LSN(300))
        #expect(one.looksLikeBeginning(of: two))
        #expect(!one.isBeginning(of: two))
    }

    @Test func `a standby that takes over a new timeline has all of it up to its position`() {
        var upstream = log(200)
        upstream.begin(LogWriter(2), Timeline(2))
        upstream.extend(to: LSN(300))
        var standby = log(150)
        standby.take(upstream, upTo: LSN(180))
        #expect(standby.timeline == Timeline(1) && standby.end == LSN(180))
        standby.take(upstream, upTo: LSN(260))
        #expect(standby.timeline == Timeline(2) && standby.end == LSN(260))
        #expect(standby.isBeginning(of: upstream))
    }
}
