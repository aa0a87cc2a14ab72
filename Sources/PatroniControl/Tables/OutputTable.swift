// One table in the format that was asked for (CTL-094 to CTL-097).

import ArgumentParser
import PatroniConfiguration
import PatroniCore

/// `--format`.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    case pretty, tsv, json, yaml, yml
}

/// Rows of values under named columns.
struct OutputTable {
    var columns: [String]
    /// A value that isn't there is the empty text.
    var rows: [[JSON]]

    private var objects: [JSONObject] {
        rows.map { row in JSONObject(zip(columns, row).map { ($0, $1) }) }
    }

    /// What is printed, with the line break at its end. `leavesOutEmpty` drops empty texts from json and yaml.
    func machineText(_ format: OutputFormat, leavesOutEmpty: Bool) -> String {
        let shown = objects.map { object in
            JSON.object(
                leavesOutEmpty ? JSONObject(object.pairs.filter { $0.value != "" }.map { ($0.key, $0.value) }) : object)
        }
        switch format {
        case .json: return JSON.array(shown).text(.spaced) + "\n"
        case .yaml, .yml: return YAML.text(.array(shown)) + "\n"
        case .tsv, .pretty:
            let lines = [columns] + rows.map { $0.map(\.pythonText) }
            return lines.map { $0.joined(separator: "\t") + "\n" }.joined()
        }
    }

    /// A table for people; `right` names the columns that stand to the right.
    func prettyText(title: String = "", right: Set<String>) -> String {
        TextTable(
            title: title, columns: columns.map { ($0, right.contains($0) ? .right : .left) },
            rows: rows.map { $0.map(\.pythonText) }
        ).text() + "\n"
    }
}
