// What PostgreSQL's recovery settings accept, by version (GUC-404 to GUC-421).

extension ParameterRule {
    static let recoverySettings: [ParameterRule] = [
        .text("archive_cleanup_command"),
        .text("primary_conninfo"),
        .text("primary_slot_name"),
        .text("promote_trigger_file", until: 16_0000),
        .text("recovery_end_command"),
        .integer("recovery_min_apply_delay", 0, 2_147_483_647, unit: "ms"),
        .enumeration("recovery_target", ["immediate", ""]),
        .enumeration("recovery_target_action", ["pause", "promote", "shutdown"]),
        .bool("recovery_target_inclusive"),
        .text("recovery_target_lsn"),
        .text("recovery_target_name"),
        .text("recovery_target_time"),
        .text("recovery_target_timeline"),
        .text("recovery_target_xid"),
        .text("restore_command"),
    ]
}
