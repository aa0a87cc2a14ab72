// The rules are only as good as their reader: what it takes for code, and where it sees functions end.

import Testing

@Suite("Reading Swift") struct SwiftTextTests {
    @Test(arguments: [
        ("a // try!", "a        "),
        (#"let x = "fatalError(" + y"#, "let x =               + y"),
        (#"f("a \(g("}")) b").h"#, "f(               ).h"),
        ("a /* x\n/* y */ z */ b", "a     \n             b"),
        (##"#"\n"#.c"##, "      .c"),
    ])
    func `comments and strings are blanked out`(_ text: String, _ code: String) {
        #expect(SwiftText.codeOnly(text) == code)
    }

    @Test func `long strings keep their line breaks`() {
        let text = "let a = \"\"\"\n    { \"x\" }\n    \"\"\"\nlet b"
        #expect(SwiftText.codeOnly(text).split(separator: "\n", omittingEmptySubsequences: false).count == 4)
        #expect(!SwiftText.codeOnly(text).contains("{"))
    }

    @Test func `functions are found with their length`() {
        let text = """
            protocol P {
                func asked(_ x: Int) -> Int
                var other: Int { get }
            }
            struct S {
                init?(
                    x: Int = { 3 }()
                ) {
                    self.init(y: x)
                }
                public static func one() { if true { return } }
                @Sendable private func two<T>(
                    _ t: T
                ) async throws
                where T: P {
                    func inner() {
                    }
                }
            }
            """
        let expected: [SwiftText.Function] = [
            .init(name: "init", line: 6, length: 5), .init(name: "one", line: 11, length: 1),
            .init(name: "inner", line: 16, length: 2), .init(name: "two", line: 12, length: 7),
        ]
        #expect(SwiftText.functions(in: text) == expected)
    }
}
