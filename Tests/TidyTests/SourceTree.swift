// Finds the project's files, so that the rules can be checked on the text itself.

import FoundationEssentials

/// One text file of the project.
struct SourceFile: Sendable, CustomStringConvertible {
    /// Relative to the project's folder: `Sources/PatroniCore/Values/LSN.swift`.
    let path: String
    let text: String

    var description: String { path }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    /// The target it belongs to: the folder below `Sources` or `Tests`.
    var room: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    /// Line number and text of every line whose code (comments and strings blanked out) satisfies the test.
    func codeLines(where test: (Substring) -> Bool) -> [String] {
        (SourceTree.code[path] ?? []).enumerated()
            .filter { test($0.element) }
            .map { "\(path):\($0.offset + 1): \(lines[$0.offset].trimmed)" }
    }
}

enum SourceTree {
    /// The folder with `Package.swift`.
    static let root: String = {
        var parts = #filePath.split(separator: "/").dropLast(3)
        while !parts.isEmpty {
            let folder = "/" + parts.joined(separator: "/")
            if FileManager.default.fileExists(atPath: folder + "/Package.swift") { return folder }
            parts = parts.dropLast()
        }
        return "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    }()

    static let sources = swiftFiles(below: "Sources")
    static let tests = swiftFiles(below: "Tests")
    /// Path → the lines of its code.
    static let code: [String: [Substring]] = Dictionary(
        uniqueKeysWithValues: sources.map {
            ($0.path, SwiftText.codeOnly($0.text).split(separator: "\n", omittingEmptySubsequences: false))
        })
    /// Everything people read or run: sources, tests, scripts, documents.
    static let everything: [SourceFile] =
        sources + tests + files(below: "Sources", where: { $0.hasSuffix(".c") || $0.hasSuffix(".h") })
        + files(below: "scripts") + files(below: "docs") + files(below: ".ci")
        + ["Makefile", "Package.swift", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .compactMap(file)

    static func swiftFiles(below folder: String) -> [SourceFile] { files(below: folder) { $0.hasSuffix(".swift") } }

    static func files(below folder: String, where wanted: (String) -> Bool = { _ in true }) -> [SourceFile] {
        guard let names = try? FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)") else { return [] }
        return names.filter { wanted($0) && !$0.contains("__pycache__") }.sorted()
            .compactMap { file("\(folder)/\($0)") }
    }

    static func file(_ path: String) -> SourceFile? {
        guard let data = FileManager.default.contents(atPath: "\(root)/\(path)") else { return nil }
        return SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }),
            let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
