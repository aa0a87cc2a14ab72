// What `patronictl why` makes of the members' answers.

import PatroniCore
import Testing

@testable import PatroniControl

@Suite("why") struct WhyTests {
    private let noon = WallTime(secondsSince1970: 1_795_262_400)

    private func story(_ member: MemberName, _ before: Standing?, _ after: Standing?, _ seconds: Int) -> JSON {
        let at = noon + .seconds(seconds)
        let line = Story.Line(at: at, text: "a line of \(member)", took: .milliseconds(3), rule: "a/b", because: "Why.")
        return .object(
            Story(member: member, before: before, after: after, began: at, ended: at + .milliseconds(20), lines: [line])
                .json)
    }

    private func page(_ change: JSON, _ leaderChange: JSON? = nil, nobody: JSON = .null) -> WhyReport.Answer.Kind {
        .page([
            "recent": [], "last_change": change, "last_leader_change": leaderChange ?? change, "nobody_leads": nobody,
        ])
    }

    private func report(_ answers: [WhyReport.Answer], leader: MemberName? = "beta", one: Bool = false) -> WhyReport {
        WhyReport(scope: "batman", leader: leader, isAboutOneMember: one, answers: answers)
    }

    @Test func `the member that took over tells, the others are named`() {
        let report = report([
            .init("alpha", .unreachable("connection refused")),
            .init("beta", page(story("beta", .following("alpha"), .leading, 7))),
            .init("delta", .keepsNoRecord),
            .init("gamma", page(story("gamma", .following("alpha"), .following("beta"), 8))),
        ])
        #expect(
            report.text(zone: { _ in 0 }) == """
                beta became the leader after alpha (2026-11-21, 20 ms)
                  12:00:07.000  a line of beta (3.0 ms)
                                rule a/b: Why.

                12:00:08.020  gamma follows beta after alpha: a line of gamma

                alpha can't be asked: connection refused
                delta keeps no flight record: it runs another program, or an older version

                """)
        #expect(report.json["last_leader_change"]?["member"] == "beta")
        #expect(report.json["members"]?.array?.count == 4)
    }

    @Test func `when the leader can't be asked, who follows it tells`() {
        let report = report(
            [
                .init("alpha", page(story("alpha", nil, .leading, 1))),
                .init("beta", page(story("beta", .following("alpha"), .following("gamma"), 5))),
                .init("gamma", .unreachable("no answer")),
            ], leader: "gamma")
        #expect(report.text(zone: { _ in 0 }).hasPrefix("beta follows gamma after alpha"))
    }

    @Test func `while nobody leads, every member's own view is shown`() {
        let standoff: JSON = [
            "members": [["name": "alpha", "text": "alpha does not answer"], ["name": "beta", "text": "beta waits"]]
        ]
        let report = report([.init("beta", page(.null, nobody: standoff))], leader: nil)
        let text = report.text(zone: { _ in 0 })
        #expect(text.hasPrefix("Nobody leads batman.\n  as beta sees it:\n    alpha does not answer\n    beta waits\n"))
        #expect(text.contains("Nobody who could be asked has seen a change of leader."))
    }

    @Test func `one member tells its last change, and the last change of leader`() {
        let restart = story("beta", .leading, .leading, 50)
        let report = report(
            [.init("beta", page(restart, story("beta", .following("alpha"), .leading, 7)))], one: true)
        let text = report.text(zone: { _ in 0 })
        #expect(text.hasPrefix("beta is the leader again"))
        #expect(text.contains("\n\nbeta became the leader after alpha"))
        #expect(report.json["last_change"] == restart)
    }
}
