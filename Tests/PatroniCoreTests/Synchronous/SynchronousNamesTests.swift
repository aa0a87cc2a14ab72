// `synchronous_standby_names` is written and understood as PostgreSQL does (HA-187).

import PatroniCore
import Testing

@Suite("synchronous_standby_names") struct SynchronousNamesTests {
    @Test(
        arguments: [
            ([], nil),
            (["beta"], "beta"),
            (["gamma", "beta"], "2 (beta,gamma)"),
            (["postgres-1"], #""postgres-1""#),
            (["First"], #""First""#),
            (["any"], #""any""#),
            ([#"a"b"#], #""a""b""#),
            (["a", "b-c"], #"2 (a,"b-c")"#),
        ] as [([MemberName], String?)])
    func `names are sorted, and quoted where PostgreSQL needs it`(_ names: [MemberName], _ text: String?) {
        #expect(SynchronousNames.all(names).text == text)
    }

    @Test func `a star is anybody`() {
        #expect(SynchronousNames.anybody.text == "*")
        #expect(SynchronousNames(parsing: " * ")?.means(.anybody) == true)
        #expect(SynchronousNames(parsing: "*")?.waitsFor("beta") == false)
    }

    @Test func `what is written is understood again`() {
        for names in [[], ["beta"], ["beta", "gamma"], ["first"], [#"a"b"#, "c d", "e"]] as [[MemberName]] {
            let written = SynchronousNames.all(names)
            #expect(SynchronousNames(parsing: written.text ?? "")?.means(written) == true, "\(written)")
        }
    }

    @Test(
        arguments: [
            ("beta", ["beta"], []),
            ("beta, gamma", [], ["beta", "gamma"]),
            ("1 (beta, gamma)", [], ["beta", "gamma"]),
            ("FIRST 2 (Beta, \"gamma\")", ["beta", "gamma"], []),
            ("ANY 1 (beta,gamma)", [], ["beta", "gamma"]),
            ("ANY 2 (beta,gamma)", ["beta", "gamma"], []),
            ("2 (beta, *)", [], ["beta"]),
            ("2(beta,gamma)", ["beta"], ["alpha"]),
        ] as [(String, [MemberName], [MemberName])])
    func `who is waited for, and who only may be`(_ text: String, _ all: [MemberName], _ not: [MemberName]) throws {
        let names = try #require(SynchronousNames(parsing: text))
        for name in all { #expect(names.waitsFor(name)) }
        for name in not { #expect(!names.waitsFor(name)) }
    }

    @Test(arguments: ["2 (a", "a,", ",", "(a)", "ANY (a)", "0 (a)", "a b", "\"a", "2 (a,,b)", "a;b", "FIRST x (a)"])
    func `what PostgreSQL refuses is nothing`(_ text: String) {
        #expect(SynchronousNames(parsing: text) == nil)
    }
}
