// A table drawn with plus signs and dashes, its title in the upper border.

/// Columns, rows and where their texts stand.
struct TextTable {
    enum Alignment { case left, right }

    var title = ""
    var columns: [(name: String, alignment: Alignment)]
    var rows: [[String]]

    /// Lines without a line break at the end. A cell of several lines puts a rule between all rows (CTL-083).
    func text() -> String {
        let rowLines = rows.map {
            $0.map { $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
        }
        let widths = columns.indices.map { column in
            rowLines.map { row in row[column].map(\.columns).max() ?? 0 }.reduce(columns[column].name.columns, max)
        }
        let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "+"
        let hasRules = rowLines.contains { $0.contains { $0.count > 1 } }
        var lines = [titled(rule), line(columns.map(\.name), widths), rule]
        for (index, row) in rowLines.enumerated() {
            let height = row.map(\.count).max() ?? 1
            for number in 0..<height {
                lines.append(line(row.map { number < $0.count ? $0[number] : "" }, widths))
            }
            if hasRules, index < rowLines.count - 1 { lines.append(rule) }
        }
        lines.append(rule)
        return lines.joined(separator: "\n")
    }

    private func titled(_ rule: String) -> String {
        let shown = title.prefix(max(0, rule.count - 2))
        return "+" + shown + rule.dropFirst(1 + shown.count)
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = cells.enumerated().map { index, cell in
            let blanks = String(repeating: " ", count: max(0, widths[index] - cell.columns))
            return columns[index].alignment == .right ? " \(blanks)\(cell) " : " \(cell)\(blanks) "
        }
        return "|" + padded.joined(separator: "|") + "|"
    }
}

extension String {
    /// How many columns of a screen the text takes.
    fileprivate var columns: Int {
        unicodeScalars.reduce(0) { width, scalar in
            switch scalar.value {
            case 0x0300...0x036F, 0x200B...0x200F, 0xFE00...0xFE0F: width
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFF00...0xFF60,
                0x1F300...0x1FAFF:
                width + 2
            default: width + 1
            }
        }
    }
}
