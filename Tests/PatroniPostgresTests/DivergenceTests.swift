// When does a server hold something that the leader never had?

import PatroniCore
import Testing

@testable import PatroniPostgres

@Suite struct DivergenceCheckTests {
    /// Timeline 1 ended at 0/3000000, timeline 2 at 0/5000000; the leader is on 3.
    private static let history = TimelineHistory(
        historyFile: "1\t0/3000000\tno recovery target specified\n2\t0/5000000\tno recovery target specified\n")

    private static func lsn(_ text: String) -> LSN { LSN(text) ?? .zero }

    static let cases: [(LocalPosition, Timeline, DivergenceVerdict?, String)] = [
        (.standby(Timeline(3), replayed: lsn("0/6000000")), Timeline(3), .same, "the leader's own timeline"),
        (.standby(Timeline(4), replayed: lsn("0/1000000")), Timeline(3), nil, "a newer timeline"),
        (.standby(Timeline(2), replayed: lsn("0/5000000")), Timeline(3), .same, "replayed up to the switch"),
        (.standby(Timeline(2), replayed: lsn("0/5000001")), Timeline(3), nil, "replayed past the switch"),
        (.standby(Timeline(1), replayed: lsn("0/2000000")), Timeline(3), .same, "two timelines behind"),
        (.standby(Timeline(1), replayed: lsn("0/4000000")), Timeline(3), nil, "past the switch before the last"),
        (
            .formerPrimary(Timeline(2), checkpoint: lsn("0/4FFFF90")), Timeline(3),
            .dependsOnCheckpointEnd(switchpoint: lsn("0/5000000")), "a primary that stopped before the switch"
        ),
        (.formerPrimary(Timeline(2), checkpoint: lsn("0/5000000")), Timeline(3), nil, "a primary that went on"),
    ]
    private static let forked = TimelineHistory(
        historyFile: "1\t0/3000000\tno recovery target specified\n2\t0/4000000\tno recovery target specified\n")

    private func isForked(_ verdict: DivergenceVerdict) -> Bool { if case .forked = verdict { true } else { false } }

    @Test func `a timeline of the same number that began elsewhere is another one`() {
        let local = LocalPosition.standby(Timeline(3), replayed: Self.lsn("0/6000000"))
        func judge(_ own: TimelineHistory?) -> DivergenceVerdict {
            DivergenceCheck.judge(local, leaderTimeline: Timeline(3), history: Self.history, ownHistory: own)
        }
        #expect(isForked(judge(Self.forked)))
        #expect(judge(Self.history) == .same)
        #expect(judge(nil) == .same)
    }

    @Test func `what the leader did not write yet is of another timeline of the same number`() {
        func judge(_ end: String) -> DivergenceVerdict {
            DivergenceCheck.judge(
                .standby(Timeline(3), replayed: Self.lsn("0/6000000")), leaderTimeline: Timeline(3),
                history: Self.history, ownHistory: Self.history, leaderEnd: Self.lsn(end))
        }
        #expect(isForked(judge("0/5FFFFFF")))
        #expect(judge("0/6000000") == .same)
    }

    @Test func `a former primary never finds somebody else on the timeline that it began`() {
        let local = LocalPosition.formerPrimary(Timeline(3), checkpoint: Self.lsn("0/6000000"))
        let verdict = DivergenceCheck.judge(
            local, leaderTimeline: Timeline(3), history: Self.history, ownHistory: Self.history)
        #expect(isForked(verdict))
        let first = LocalPosition.formerPrimary(Timeline(1), checkpoint: Self.lsn("0/2000000"))
        #expect(DivergenceCheck.judge(first, leaderTimeline: Timeline(1), history: nil) == .same)
    }

    @Test func `only what both should have of our timeline is worth comparing`() {
        func shared(_ local: LocalPosition, _ leader: UInt32, _ end: String? = nil) -> SharedLog? {
            DivergenceCheck.shared(
                local, leaderTimeline: Timeline(leader), history: Self.history, ownHistory: nil,
                leaderEnd: end.map(Self.lsn))
        }
        func part(_ timeline: UInt32, _ begin: String, _ end: String) -> SharedLog {
            SharedLog(timeline: Timeline(timeline), begin: Self.lsn(begin), end: Self.lsn(end))
        }
        let ahead = LocalPosition.standby(Timeline(3), replayed: Self.lsn("0/6000000"))
        #expect(shared(ahead, 3, "0/7000000") == part(3, "0/5000000", "0/6000000"))
        #expect(shared(ahead, 3, "0/5800000") == part(3, "0/5000000", "0/5800000"))
        let behind = LocalPosition.standby(Timeline(2), replayed: Self.lsn("0/6000000"))
        #expect(shared(behind, 3) == part(2, "0/3000000", "0/5000000"))
        let first = LocalPosition.formerPrimary(Timeline(1), checkpoint: Self.lsn("0/2000000"))
        #expect(shared(first, 3) == part(1, "0/0", "0/2000000"))
        #expect(shared(.standby(Timeline(4), replayed: Self.lsn("0/6000000")), 3) == nil)
        #expect(shared(.standby(Timeline(3), replayed: Self.lsn("0/5000000")), 3) == nil)
    }

    @Test func `other bytes are another timeline, whatever the numbers say`() {
        let part = SharedLog(timeline: Timeline(3), begin: Self.lsn("0/5000000"), end: Self.lsn("0/6000000"))
        for verdict in [DivergenceVerdict.same, .diverged(because: "x"), .dependsOnCheckpointEnd(switchpoint: .zero)] {
            #expect(isForked(DivergenceCheck.judge(verdict, bytes: .different(at: part.begin), of: part)))
            #expect(DivergenceCheck.judge(verdict, bytes: .equal, of: part) == verdict)
            #expect(DivergenceCheck.judge(verdict, bytes: .unknown("gone"), of: part) == verdict)
        }
    }

    @Test func `the first record and the last page are looked at, each within its own file`() {
        let size: UInt64 = 0x100_0000
        func pieces(_ begin: String, _ end: String) -> [LogPiece] {
            LogPiece.pieces(from: Self.lsn(begin), to: Self.lsn(end), segment: size)
        }
        #expect(
            pieces("0/5000028", "2/6000100") == [
                LogPiece(start: Self.lsn("0/5000028"), count: 1024), LogPiece(start: Self.lsn("2/6000000"), count: 256),
            ])
        #expect(
            pieces("0/5FFFFF0", "0/6000000") == [
                LogPiece(start: Self.lsn("0/5FFFFF0"), count: 16), LogPiece(start: Self.lsn("0/5FFFFF0"), count: 16),
            ])
        #expect(pieces("0/0", "0/2800000") == [LogPiece(start: Self.lsn("0/27FE000"), count: 8192)])
        #expect(pieces("0/2", "0/2").isEmpty)
        let piece = LogPiece(start: Self.lsn("2/6000100"), count: 1)
        #expect(piece.file(Timeline(18), segment: size) == "000000120000000200000006")
        #expect(piece.offset(segment: size) == 256)
        #expect(piece.file(Timeline(1), segment: 0x4000_0000) == "000000010000000200000000")
    }

    @Test func `an ancestor of the same number that began elsewhere can be rewound`() {
        let local = LocalPosition.standby(Timeline(3), replayed: Self.lsn("0/6000000"))
        let later = TimelineHistory(historyFile: "1\t0/3000000\tx\n2\t0/5000000\tx\n3\t0/7000000\tx\n")
        guard
            case .diverged = DivergenceCheck.judge(
                local, leaderTimeline: Timeline(4), history: later, ownHistory: Self.forked)
        else {
            Issue.record("another timeline 3 was taken for the leader's")
            return
        }
    }

    @Test(arguments: cases)
    func `the end of the local log against the leader's history`(
        _ local: LocalPosition, _ leader: Timeline, _ expected: DivergenceVerdict?, _ name: String
    ) {
        let verdict = DivergenceCheck.judge(local, leaderTimeline: leader, history: Self.history)
        if let expected {
            #expect(verdict == expected, "\(name)")
        } else if case .diverged = verdict {
        } else {
            Issue.record("\(name): \(verdict)")
        }
    }

    @Test func `a timeline that the leader's history does not know has diverged`() {
        let other = TimelineHistory(historyFile: "1\t0/3000000\tx\n")
        let verdict = DivergenceCheck.judge(
            .standby(Timeline(2), replayed: .zero), leaderTimeline: Timeline(3), history: other)
        #expect(verdict == .diverged(because: "our timeline 2 is no part of the leader's history"))
    }

    @Test func `without the leader's history nothing is known`() {
        let verdict = DivergenceCheck.judge(
            .standby(Timeline(2), replayed: .zero), leaderTimeline: Timeline(3), history: nil)
        #expect(verdict == .unknown("the leader has no history of its timeline 3"))
    }

    @Test func `a former primary may follow only when its log ends exactly where the leader left it`() {
        let point = Self.lsn("0/5000000")
        #expect(DivergenceCheck.judge(checkpointEnd: point, switchpoint: point) == .same)
        for end in [Self.lsn("0/4FFFFF0"), nil] {
            guard case .diverged = DivergenceCheck.judge(checkpointEnd: end, switchpoint: point) else {
                Issue.record("\(String(describing: end)) was taken as the same")
                continue
            }
        }
    }
}

@Suite struct LocalPositionTests {
    private func control(_ state: ControlState) -> ControlData {
        ControlData(
            systemIdentifier: SystemIdentifier("7000000000000000001") ?? unexpected(), state: state,
            timeline: Timeline(2), checkpoint: LSN(500), minimumRecoveryEnd: LSN(700),
            minimumRecoveryTimeline: Timeline(3))
    }

    private func unexpected() -> SystemIdentifier { preconditionFailure("a system identifier") }

    @Test func `a stopped primary ends with its checkpoint, a standby where it replayed to`() {
        #expect(LocalPosition(control(.shutDown)) == .formerPrimary(Timeline(2), checkpoint: LSN(500)))
        #expect(LocalPosition(control(.shutDownInRecovery)) == .standby(Timeline(3), replayed: LSN(700)))
        #expect(LocalPosition(control(.inArchiveRecovery)) == .standby(Timeline(3), replayed: LSN(700)))
    }

    @Test func `recovery that recovered nothing yet leaves a primary`() {
        var control = control(.inArchiveRecovery)
        control.minimumRecoveryEnd = .zero
        #expect(LocalPosition(control) == .formerPrimary(Timeline(2), checkpoint: LSN(500)))
    }

    @Test(arguments: [ControlState.inProduction, .inCrashRecovery, .shuttingDown, .startingUp])
    func `after a crash nobody knows`(_ state: ControlState) {
        #expect(LocalPosition(control(state)) == nil)
    }
}

@Suite struct WalDumpTextTests {
    private let line =
        "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/0182E220, prev 0/0182E1E8, desc: "
        + "CHECKPOINT_SHUTDOWN redo 0/182E220; tli 1; prev tli 1; fpw true; xid 0:734; oid 13013; shutdown"

    @Test(arguments: [
        "pg_waldump: error: error in WAL record at 0/182E220: invalid record length at 0/182E298: wanted 24, got 0",
        "pg_waldump: error: error in WAL record at 0/182E220: invalid record length at 0/182E298: "
            + "expected at least 24, got 0",
        "pg_waldump: fatal: error in WAL record at 0/182E220: record with incorrect prev-link 0/1000028 at 0/182E298",
    ])
    func `the end of the last record is where pg_waldump stops`(_ complaint: String) {
        let end = WalDump.end(ofLastRecord: LSN("0/182E220") ?? .zero, output: line + "\n", errors: complaint + "\n")
        #expect(end == LSN("0/182E298"))
    }

    @Test func `a record that is not the last has no end that counts`() {
        let end = WalDump.end(ofLastRecord: LSN("0/182E220") ?? .zero, output: line + "\n" + line + "\n", errors: "")
        #expect(end == nil)
    }
}
