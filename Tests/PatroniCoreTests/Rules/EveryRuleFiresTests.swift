// The tables as a whole: names are unique, every rule can fire, and taking any rule away would be noticed.

import Testing

@testable import PatroniCore

enum EveryRule {
    /// All rows of all table tests.
    static let rows: [Row] =
        FailsafeTests.rows + StoreSilentTests.rows + KeepingTheLeaderKeyTests.rows + JobInProgressTests.rows
        + EmptyDataDirectoryTests.rows
        + BootstrapTests.rows + IdentityTests.rows + StandbyClusterTests.rows + StandbyClusterLifeTests.rows
        + LeaderRepairsTests.rows
        + SwitchingOverTests.rows + StartingUpTests.rows + RecoveryTests.rows + RejoiningTests.rows
        + NotAnsweringTests.rows + PausedReplayTests.rows + LeaderRaceTests.rows + RaceOnRequestTests.rows
        + SynchronousRaceTests.rows
        + HoldingTheLockTests.rows + FollowingTests.rows

    static let names: [String] = Rules.tables.flatMap { table in table.rules.map { "\(table.name)/\($0.name)" } }

    static func tables(without name: String) -> [RuleTable] {
        Rules.tables.map { table in
            RuleTable(
                table.name, table.sentence, when: table.applies,
                table.rules.filter { "\(table.name)/\($0.name)" != name })
        }
    }
}

@Suite("Every rule") struct EveryRuleFiresTests {
    @Test func `tables have names of their own`() {
        let names = Rules.tables.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test func `rules have names of their own within their table`() {
        #expect(Set(EveryRule.names).count == EveryRule.names.count)
    }

    @Test func `names are lower-case words, sentences are sentences`() {
        for table in Rules.tables {
            #expect(table.sentence.hasSuffix("."))
            for rule in table.rules {
                #expect(rule.name.allSatisfy { $0.isLowercase || $0 == "-" }, "\(table.name)/\(rule.name)")
                #expect(rule.sentence.last.map { ".?".contains($0) || rule.sentence.hasSuffix(".)") } == true)
            }
        }
    }

    @Test func `every rule fires in some row`() {
        let fired = Set(EveryRule.rows.flatMap { $0.transcript().path })
        for name in EveryRule.names { #expect(fired.contains(name), "\(name) never fires: a row is missing") }
    }

    @Test func `rows name rules that exist`() {
        let names = Set(EveryRule.names)
        for row in EveryRule.rows { #expect(names.contains(row.rule), "\(row.sentence): \(row.rule)") }
    }

    @Test(arguments: EveryRule.names) func `taking the rule away would be noticed`(_ name: String) {
        let tables = EveryRule.tables(without: name)
        #expect(
            EveryRule.rows.contains { $0.isOtherwise(with: tables) },
            "no row needs \(name): it decides nothing, or a row is missing")
    }
}
