// Names and texts inside statements that take no parameters.

enum SQLQuoting {
    static func identifier(_ name: String) -> String {
        "\"" + name.replacing("\"", with: "\"\"") + "\""
    }

    static func literal(_ text: String) -> String {
        let quoted = "'" + text.replacing("'", with: "''").replacing("\\", with: "\\\\") + "'"
        return text.contains("\\") ? "E" + quoted : quoted
    }
}
