// The table of all rules, and the two questions asked of it: may this be written, and is it a recovery setting?

/// Which settings exist in which version and what they accept (appendix of the configuration ledger).
public enum ParameterRules {
    private static let ordinary = index(
        ParameterRule.settingsAtoD + ParameterRule.settingsEtoL + ParameterRule.settingsMtoZ)
    private static let recovery = index(ParameterRule.recoverySettings)

    /// Names that only older servers knew, still never written as ordinary settings (CFG-254).
    private static let retiredRecovery: Set<String> = ["pause_at_recovery_target", "standby_mode", "trigger_file"]

    private static func index(_ rules: [ParameterRule]) -> [String: [ParameterRule]] {
        Dictionary(grouping: rules) { $0.name.lowercased() }
    }

    public static func isRecovery(_ name: String) -> Bool {
        let name = name.lowercased()
        return recovery[name] != nil || retiredRecovery.contains(name)
    }

    /// Checks an ordinary setting before it is written. `isKnownToServer` answers for settings without a rule, from
    /// `postgres --describe-config`.
    public static func check(
        _ name: String, _ value: String, version: Int, isKnownToServer: (String) -> Bool
    ) -> CheckedParameter {
        if let rules = ordinary[name.lowercased()] {
            return check(name, value, rules, version, isKnownToServer)
        }
        if name.contains(".") { return .accepted(value) }
        return check(name, value, [], version, isKnownToServer)
    }

    /// Checks a recovery setting before it is written.
    public static func checkRecovery(_ name: String, _ value: String, version: Int) -> CheckedParameter {
        check(name, value, recovery[name.lowercased()] ?? [], version) { _ in false }
    }

    private static func check(
        _ name: String, _ value: String, _ rules: [ParameterRule], _ version: Int, _ isKnownToServer: (String) -> Bool
    ) -> CheckedParameter {
        if let rule = rules.first(where: { $0.applies(to: version) }) { return rule.check(value) }
        if isKnownToServer(name) { return .accepted(value) }
        return .dropped(warning: "removing \(name) = '\(value)': this server has no such setting")
    }
}
