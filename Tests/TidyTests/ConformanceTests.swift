// Spec IDs are how a rule, its test and its documentation find each other: each one named must exist.

import Testing

@Suite("Spec IDs") struct ConformanceTests {
    /// Every ID with its item: `docs/conformance-ids.tsv`.
    static let known: Set<String> = Set(
        (SourceTree.file("docs/conformance-ids.tsv")?.lines ?? []).compactMap { line in
            line.split(separator: "\t").first.map(String.init)
        })

    /// The IDs a text names.
    static func identifiers(in text: String) -> [String] {
        text.matches(of: #/\b(?:HA|API|CFG|CTL|DCS|TOOL|GUC)-[0-9]{3}\b/#).map { String($0.0) }
    }

    @Test func `the list of IDs is there`() {
        #expect(Self.known.count > 1500)
    }

    @Test func `every ID named in sources, tests and documents exists`() {
        for file in SourceTree.everything {
            for id in Self.identifiers(in: file.text) {
                #expect(Self.known.contains(id), "\(file) names \(id), which no specification has")
            }
        }
    }

    @Test func `the table of conformance covers every ID that sources name`() throws {
        let table = try #require(SourceTree.file("docs/conformance.md"), "run scripts/conformance-table").text
        let covered = Set(Self.identifiers(in: table))
        let missing = Set(SourceTree.sources.flatMap { Self.identifiers(in: $0.text) }).subtracting(covered)
        #expect(missing.isEmpty, "run make docs: \(missing.sorted().prefix(5)) and others are missing")
    }
}
