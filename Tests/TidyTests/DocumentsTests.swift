// Documents that are written from the code: the settings' reference and the rules. `make docs` rewrites them.

import FoundationEssentials
import Glibc
import PatroniConfiguration
import PatroniCore
import Testing

@Suite("Written documents") struct DocumentsTests {
    @Test func `the reference of settings is what the schema says`() throws {
        try Self.compare(
            "docs/configuration.md", from: "<!-- reference: written by make docs from PatroniConfiguration/Schema -->",
            to: "<!-- end of reference -->", with: Self.settings)
    }

    @Test func `the printed rules are the rules`() throws {
        try Self.compare(
            "docs/rules.md", from: "<!-- rules: written by make docs from PatroniCore/Decision -->",
            to: "<!-- end of rules -->", with: Self.rules)
    }

    @Test func `the example that the README shows is a valid configuration`() throws {
        let readme = try #require(SourceTree.file("README.md")).text
        let begin = try #require(readme.firstRange(of: "```yaml\n")).upperBound
        let end = try #require(readme[begin...].firstRange(of: "```")).lowerBound
        let loader = ConfigurationLoader(path: nil, environment: ["PATRONI_CONFIGURATION": String(readme[begin..<end])])
        let loaded = try loader.load()
        let configuration = try AgentConfiguration(local: loaded.values, home: "/nowhere")
        #expect(configuration.scope == "batman")
        #expect(configuration.bootstrap?.initdb.isEmpty == false)
    }

    /// What stands between the two marks must be `text`; with `UPDATE_DOCS` it is made so.
    static func compare(_ path: String, from begin: String, to end: String, with text: String) throws {
        let document = try #require(SourceTree.file(path), "\(path) is missing").text
        let start = try #require(document.firstRange(of: begin), "\(path) has lost its mark").upperBound
        let stop = try #require(document.firstRange(of: end), "\(path) has lost its mark").lowerBound
        if getenv("UPDATE_DOCS") != nil {
            let updated = document[..<start] + "\n\n" + text + "\n" + document[stop...]
            try Data(updated.utf8).write(to: URL(filePath: "\(SourceTree.root)/\(path)"))
        } else {
            #expect(document[start..<stop].trimmed == text.trimmed, "\(path) is out of date: run make docs")
        }
    }

    static var rules: String {
        Rules.tables.map { table in
            "## \(table.name)\n\n\(table.sentence)\n\n"
                + table.rules.map { "- **\($0.name)**: \($0.sentence)\n" }.joined()
        }.joined(separator: "\n")
    }

    static var settings: String {
        var sections: [(name: String, settings: [Setting])] = []
        for setting in Schema.local + Schema.dynamic {
            let name = setting.place == .dynamic ? "Shared by the cluster" : section(of: setting)
            if let index = sections.firstIndex(where: { $0.name == name }) {
                sections[index].settings.append(setting)
            } else {
                sections.append((name, [setting]))
            }
        }
        return sections.map { section in
            "## \(section.name)\n\n| setting | value | default | change | variable | |\n|---|---|---|---|---|---|\n"
                + section.settings.map(row).joined()
        }.joined(separator: "\n")
    }

    private static func section(of setting: Setting) -> String {
        setting.keys.count > 1 ? setting.keys[0] : "The member"
    }

    private static func row(_ setting: Setting) -> String {
        let fallback = setting.isRequired ? "required" : setting.fallback.map { "`\($0.text())`" } ?? ""
        let variable = setting.environment.first.map { "`PATRONI_\($0)`" } ?? ""
        let cells = [
            "`\(setting.path)`", words(for: setting.kind), fallback, words(for: setting.effect), variable, setting.help,
        ]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }

    private static func words(for kind: Setting.Kind) -> String {
        switch kind {
        case .text: "text"
        case .flag: "on or off"
        case .whole(let range, let unit):
            "number" + (range.lowerBound == .min ? "" : " from \(range.lowerBound)")
                + (range.upperBound >= Int64(Int32.max) ? "" : " to \(range.upperBound)")
                + (unit.map { ", \($0)" } ?? "")
        case .choice(let choices): choices.joined(separator: ", ")
        case .address(let port): port.map { "host:port, port \($0)" } ?? "host:port"
        case .addresses(let port): "addresses:port, port \(port)"
        case .list: "list"
        case .lines: "list of lines"
        case .table: "names with values"
        case .options: "options"
        case .textOrList: "text or list"
        case .anything: "any"
        }
    }

    private static func words(for effect: Setting.Effect) -> String {
        switch effect {
        case .reload: "reload"
        case .restart: "restart"
        case .bootstrap: "bootstrap"
        case .nextTurn: "next turn"
        case .pendingRestart: "pending restart"
        }
    }
}
