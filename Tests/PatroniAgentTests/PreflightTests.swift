// What preflight makes of what it sees.

import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniAgent

@Suite("Preflight") struct PreflightTests {
    @Test func `one thing that is in the way makes the status 1, a warning does not`() {
        let good = Finding.good("a", "fine")
        let doubtful = Finding("b", .doubtful, "slow")
        let bad = Finding("long name", .bad, "gone", remedy: "bring it back\nquickly")
        #expect(PreflightReport([good, doubtful]).status == 0)
        #expect(PreflightReport([good, doubtful, bad]).status == 1)
        #expect(
            PreflightReport([good, doubtful, bad]).text == """
                ok    a          fine
                warn  b          slow
                FAIL  long name  gone
                                 → bring it back
                                 → quickly
                not ready: 1 of 3 checks failed, 1 warnings

                """)
        #expect(PreflightReport([good]).text.hasSuffix("\nready\n"))
        #expect(
            PreflightReport([bad], manifest: "kind: Role").json.text()
                == #"{"ready":false,"findings":[{"check":"long name","verdict":"fail","saw":"gone","#
                + #""remedy":"bring it back\nquickly"}],"manifest":"kind: Role"}"#)
    }

    private func speed(_ milliseconds: Int64...) -> Finding.Verdict {
        Preflight.speedFinding(milliseconds.map { .milliseconds($0) }, settings: ClusterSettings()).verdict
    }

    @Test func `a store is fast enough when its slowest answer leaves room for repetitions`() {
        // retry_timeout and loop_wait are 10 s.
        #expect(speed(2, 3, 900) == .good)
        #expect(speed(2, 3, 2500) == .doubtful)
        #expect(speed(1000, 1000, 1000) == .doubtful)
        #expect(speed(2, 3, 10_000) == .bad)
        #expect(speed() == .doubtful)
    }

    @Test func `clocks may differ by what a date in whole seconds can't tell`() {
        #expect(Preflight.clockFinding(.milliseconds(-1900)).verdict == .good)
        #expect(Preflight.clockFinding(.seconds(5)).verdict == .doubtful)
        let behind = Preflight.clockFinding(.seconds(-90))
        #expect(behind.verdict == .bad)
        #expect(behind.saw == "ours is 90 s behind the store's")
    }

    @Test func `a data directory of somebody else, or of another version, is in the way`() {
        func access(_ user: UInt32, _ mode: UInt32) -> Finding {
            Preflight.accessFinding("/d", FileOwnership(user: user, group: 0, mode: mode), user: 5)
        }
        #expect(access(5, 0o700).verdict == .good)
        #expect(access(5, 0o2770).verdict == .doubtful)
        #expect(access(0, 0o700).verdict == .bad)
        #expect(access(0, 0o700).remedy?.contains("chown -R 5") == true)
        #expect(Preflight.versionFinding(nil, 15).verdict == .good)
        #expect(Preflight.versionFinding(15, 15).verdict == .good)
        #expect(Preflight.versionFinding(14, 15).verdict == .bad)
    }

    @Test func `a full or read-only volume is in the way`() {
        func space(_ size: UInt64, _ available: UInt64, isReadOnly: Bool = false) -> Finding.Verdict {
            Preflight.spaceFinding(FileSystemSpace(size: size, available: available, isReadOnly: isReadOnly)).verdict
        }
        #expect(space(100 << 30, 50 << 30) == .good)
        #expect(space(100 << 30, 4 << 30) == .doubtful)
        #expect(space(10 << 30, 1 << 20) == .bad)
        #expect(space(100 << 30, 50 << 30, isReadOnly: true) == .bad)
    }

    @Test func `another cluster's data are in the way`() throws {
        let one = try #require(SystemIdentifier("7000000000000000001"))
        let two = try #require(SystemIdentifier("7000000000000000002"))
        #expect(Preflight.systemFinding(ours: one, .done(one), scope: "s").verdict == .good)
        #expect(Preflight.systemFinding(ours: nil, .done(one), scope: "s").verdict == .good)
        #expect(Preflight.systemFinding(ours: one, .absent, scope: "s").verdict == .good)
        #expect(Preflight.systemFinding(ours: one, .done(two), scope: "s").verdict == .bad)
        #expect(Preflight.systemFinding(ours: nil, .invalid("x"), scope: "s").verdict == .bad)
    }
}
