// Comparing a value somebody wrote with the one a server reports (CFG-036, CFG-042).

import PatroniCore

enum ParameterText {
    /// Patroni's lenient reading of a boolean; nil when the text is none.
    static func truth(_ text: String) -> Bool? { Tags.truth(.string(text)) }

    /// Do both mean the same? `type` and `unit` are pg_settings' `vartype` and `unit`.
    static func areEqual(_ left: String, _ right: String, type: String, unit: String?) -> Bool {
        switch type {
        case "bool":
            guard let left = truth(left), let right = truth(right) else { return false }
            return left == right
        case "integer":
            guard let left = ParameterNumber.integer(left, unit: unit),
                let right = ParameterNumber.integer(right, unit: unit)
            else { return false }
            return left == right
        case "real":
            guard let left = ParameterNumber.real(left, unit: unit),
                let right = ParameterNumber.real(right, unit: unit)
            else { return false }
            return left == right
        case "enum": return left.lowercased() == right.lowercased()
        default: return left == right
        }
    }
}
