// `why`: the last change of leader, or of one member, told by the members themselves. Patroni has no such command.

import ArgumentParser
import PatroniConfiguration
import PatroniCore
import PatroniHTTP

struct WhyCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Tell why the leader changed last, or what last happened at a member")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @Argument var memberName: String?
    @OptionGroup var group: GroupOption
    @Option(name: .shortAndLong, help: "Output format")
    var format = OutputFormat.pretty

    func execute(_ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(try session.scope(clusterName))
        var members = view.cluster.members
        if let memberName {
            members = members.filter { $0.name.text == memberName }
            if members.isEmpty { throw .failed("\(memberName) is not a member of cluster") }
        }
        let report = WhyReport(
            scope: view.scope, leader: view.leaderName, isAboutOneMember: memberName != nil,
            answers: await ask(members, session))
        switch format {
        case .pretty, .tsv: session.terminal.write(report.text(zone: LocalTime.offset))
        case .json: session.terminal.echo(report.json.text(.spaced))
        case .yaml, .yml: session.terminal.write(YAML.text(report.json))
        }
        if report.answers.allSatisfy({ $0.page == nil }) { throw .failed("no member could be asked") }
    }

    /// All at once, in the order of `members`.
    private func ask(_ members: [Member], _ session: ControlSession) async -> [WhyReport.Answer] {
        await withTaskGroup(of: (Int, WhyReport.Answer).self) { group in
            for (index, member) in members.enumerated() {
                group.addTask { (index, await ask(member, session)) }
            }
            var found: [Int: WhyReport.Answer] = [:]
            for await (index, answer) in group { found[index] = answer }
            return members.indices.compactMap { found[$0] }
        }
    }

    private func ask(_ member: Member, _ session: ControlSession) async -> WhyReport.Answer {
        do throws(HTTPFailure) {
            let answer = try await session.send(.get, "why", to: member, within: .seconds(5))
            let page = try? JSON.parse(answer.body)
            guard page?["recent"] != nil else {
                return WhyReport.Answer(member.name, .keepsNoRecord)
            }
            return WhyReport.Answer(member.name, .page(page ?? .null))
        } catch {
            return WhyReport.Answer(member.name, .unreachable("\(error)"))
        }
    }
}

/// What the members said, put together.
struct WhyReport: Sendable {
    struct Answer: Sendable {
        enum Kind: Sendable {
            case page(JSON)
            /// It answers, but knows nothing of `/why`: real Patroni, or an older version.
            case keepsNoRecord
            case unreachable(String)
        }

        var member: MemberName
        var kind: Kind

        init(_ member: MemberName, _ kind: Kind) {
            self.member = member
            self.kind = kind
        }

        var page: JSON? { if case .page(let page) = kind { page } else { nil } }
        var lastChange: Story? { Story(json: page?["last_change"]) }
        var lastLeaderChange: Story? { Story(json: page?["last_leader_change"]) }
        /// Why there is nothing from this member.
        var complaint: String? {
            switch kind {
            case .page: nil
            case .keepsNoRecord: "\(member) keeps no flight record: it runs another program, or an older version"
            case .unreachable(let why): "\(member) can't be asked: \(why)"
            }
        }
    }

    var scope: String
    var leader: MemberName?
    var isAboutOneMember: Bool
    var answers: [Answer]

    /// Told by the member that took over, if it can be asked; else by who has seen it last.
    private var leaderChange: Story? {
        let all = answers.compactMap(\.lastLeaderChange)
        let takeovers = all.filter(\.isTakeover)
        guard let last = takeovers.max(by: { $0.ended < $1.ended }) else { return all.max { $0.ended < $1.ended } }
        // The one who leads now may be the one who can't be asked.
        if last.member == leader || leader == nil { return last }
        return all.filter { $0.after == leader.map(Standing.following) }.max { $0.ended < $1.ended } ?? last
    }

    // MARK: for people

    func text(zone: (WallTime) -> Int) -> String {
        var parts: [String] = []
        if leader == nil { parts.append(nobodyLeads) }
        if isAboutOneMember {
            for answer in answers where answer.page != nil {
                let stories = [
                    answer.lastChange, answer.lastLeaderChange == answer.lastChange ? nil : answer.lastLeaderChange,
                ]
                let told = stories.compactMap { $0?.text(zone: zone) }
                parts += told.isEmpty ? ["Nothing has changed at \(answer.member) that it knows of.\n"] : told
            }
        } else {
            let change = leaderChange
            parts.append(change?.text(zone: zone) ?? "Nobody who could be asked has seen a change of leader.\n")
            let others = answers.compactMap { answer -> String? in
                guard answer.member != change?.member, let story = answer.lastChange else { return nil }
                let last = story.lines.last.map { ": \($0.text)" } ?? ""
                return "\(story.ended.clock(zone(story.ended)))  \(story.title)\(last)\n"
            }
            if !others.isEmpty { parts.append(others.joined()) }
        }
        let complaints = answers.compactMap(\.complaint)
        if !complaints.isEmpty { parts.append(complaints.map { $0 + "\n" }.joined()) }
        return parts.joined(separator: "\n")
    }

    /// Every member's own view of all.
    private var nobodyLeads: String {
        let views = answers.compactMap { answer -> String? in
            guard let members = answer.page?["nobody_leads"]?["members"]?.array else { return nil }
            let lines = members.compactMap { $0["text"]?.string.map { "    \($0)\n" } }
            return "  as \(answer.member) sees it:\n" + lines.joined()
        }
        return "Nobody leads \(scope).\n" + views.joined()
    }

    // MARK: for programs

    var json: JSON {
        let members = answers.map { answer -> JSON in
            if let page = answer.page { return page }
            return ["member": .string(answer.member.text), "error": .string(answer.complaint ?? "")]
        }
        if isAboutOneMember, let only = members.first { return only }
        return [
            "cluster": .string(scope), "leader": leader.map { .string($0.text) } ?? .null,
            "last_leader_change": leaderChange.map { .object($0.json) } ?? .null, "members": .array(members),
        ]
    }
}
