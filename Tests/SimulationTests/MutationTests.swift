// The simulator notices mistakes: the ones that show soon, in every test run; all of them in the optimised build.

import Testing

@testable import PatroniSimulation

@Suite struct MutationTests {
    @Test func `every mutation takes away rules that exist`() {
        for mutation in Mutation.all { #expect(mutation.unknownRules.isEmpty, "\(mutation.name)") }
        #expect(Set(Mutation.all.map(\.name)).count == Mutation.all.count)
        #expect(Mutation.unnoticed.isSubset(of: Mutation.all.map(\.name)))
        #expect(Mutation.noticed.count >= 12)
    }

    @Test(arguments: [
        "promotes-in-pause", "starts-in-pause", "silent-primary-stays", "confirmed-too-early", "no-rewind",
    ])
    func `a mistake is noticed soon`(_ name: String) throws {
        let mutation = try #require(Mutation.all.first { $0.name == name })
        #expect(mutation.run(limit: 40).isCaught)
    }
}
