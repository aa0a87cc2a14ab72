// Which changed settings wait for a restart, as the member's key tells it (CFG-277).

import PatroniCore

/// One setting's value now and after a restart.
public struct ParameterChange: Sendable, Hashable {
    public var oldValue: String
    public var newValue: String

    public init(oldValue: String, newValue: String) {
        self.oldValue = oldValue
        self.newValue = newValue
    }
}

/// Settings that wait for a restart.
public struct PendingRestart: Sendable, Hashable {
    public private(set) var changes: [String: ParameterChange]

    public init(_ changes: [String: ParameterChange] = [:]) { self.changes = changes }

    public subscript(name: String) -> ParameterChange? {
        get { changes[name] }
        set { changes[name] = newValue }
    }

    public var isEmpty: Bool { changes.isEmpty }

    /// `pending_restart_reason` (DCS-021); nil when nothing waits.
    public var json: JSONObject? {
        guard !changes.isEmpty else { return nil }
        return JSONObject(
            changes.sorted { $0.key < $1.key }.map { name, change in
                (name, ["old_value": .string(change.oldValue), "new_value": .string(change.newValue)])
            })
    }
}

/// One row of `pg_settings`.
public struct RunningParameter: Sendable, Hashable {
    public var name: String
    public var setting: String
    public var unit: String?
    public var type: String
    public var context: String
    public var sourceFile: String?

    public init(
        name: String, setting: String, unit: String? = nil, type: String, context: String, sourceFile: String? = nil
    ) {
        self.name = name
        self.setting = setting
        self.unit = unit
        self.type = type
        self.context = context
        self.sourceFile = sourceFile
    }

    var needsRestart: Bool { context == "postmaster" }
    var shown: String { ParameterNumber.shown(setting, type: type, unit: unit) }
}

/// What a reload of the configuration would change in the running server (CFG-275 to CFG-282).
public struct ParameterDifference: Sendable, Hashable {
    /// Something differs: write the file and reload.
    public var needsReload = false
    public var pendingRestart = PendingRestart()
    /// Settings that the server does not know: not to be written (CFG-267).
    public var unknown: [String] = []
    /// Lines for the log.
    public var messages: [String] = []

    /// The names to ask pg_settings for.
    public static func names(wanted: Parameters, previous: Parameters) -> [String] {
        var names = Set((wanted.names + previous.names).map { $0.lowercased() }.filter(isCompared))
        if names.contains("wal_buffers") { names.formUnion(["shared_buffers", "wal_segment_size", "wal_block_size"]) }
        return names.sorted()
    }

    /// Recovery settings have rules of their own and hot_standby is ours alone (CFG-279).
    private static func isCompared(_ name: String) -> Bool {
        !ParameterRules.isRecovery(name) && name.lowercased() != "hot_standby"
    }

    /// Compares what is wanted now, and what was written last time, with the running server.
    public init(wanted: Parameters, previous: Parameters, running: [RunningParameter]) {
        let rows = Dictionary(running.map { ($0.name.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
        for (name, value) in wanted.sorted where Self.isCompared(name) {
            if let row = rows[name.lowercased()] {
                compare(row, with: value, previous: previous[name], rows)
            } else if name.contains(".") {
                if previous[name] != value { change(name, from: previous[name], to: value) }
            } else {
                unknown.append(name)
                messages.append("Removing invalid parameter `\(name)` from postgresql.parameters")
            }
        }
        for name in previous.names.sorted() where Self.isCompared(name) && wanted[name] == nil {
            if let row = rows[name.lowercased()] {
                guard row.context != "internal" else { continue }
                needsReload = true
                record(row, newValue: nil)
            } else if name.contains(".") {
                change(name, from: previous[name], to: nil)
            }
        }
    }

    private mutating func compare(
        _ row: RunningParameter, with value: String, previous: String?, _ rows: [String: RunningParameter]
    ) {
        guard row.context != "internal" else { return }
        let isEqual =
            row.name == "wal_buffers"
            ? Self.walBuffers(value, rows) == Self.walBuffers(row.setting, rows)
            : ParameterText.areEqual(row.setting, value, type: row.type, unit: row.unit)
        if !isEqual {
            needsReload = true
            record(row, newValue: value)
        } else if let previous, row.name != "wal_buffers",
            !ParameterText.areEqual(row.setting, previous, type: row.type, unit: row.unit)
        {
            // Set back to what still runs: the file has to be told.
            change(row.name, from: previous, to: value)
        }
    }

    private mutating func record(_ row: RunningParameter, newValue: String?) {
        let new = newValue.map { Self.shown($0, row) } ?? ""
        if row.needsRestart { pendingRestart[row.name] = ParameterChange(oldValue: row.shown, newValue: new) }
        messages.append(
            "Changed \(row.name) from '\(row.shown)' to '\(newValue ?? "None")'"
                + (row.needsRestart ? " (restart might be required)" : ""))
    }

    private mutating func change(_ name: String, from old: String?, to new: String?) {
        needsReload = true
        messages.append("Changed \(name) from '\(old ?? "None")' to '\(new ?? "None")'")
    }

    /// A value somebody wrote, in the units in which running ones are shown.
    private static func shown(_ value: String, _ row: RunningParameter) -> String {
        guard let number = ParameterNumber.real(value, unit: row.unit) else { return value }
        return ParameterNumber.shown(ParameterNumber.plain(number), type: row.type, unit: row.unit)
    }

    /// -1 stands for a 32nd of shared_buffers, 8 pages at least, one segment at most (CFG-281).
    private static func walBuffers(_ value: String, _ rows: [String: RunningParameter]) -> Double? {
        let number = ParameterNumber.real(value, unit: rows["wal_buffers"]?.unit)
        guard number == -1 else { return number }
        let pageSize = rows["wal_block_size"].flatMap { Double($0.setting) } ?? 8192
        let segment = rows["wal_segment_size"]
        let segmentUnit = segment?.unit.flatMap(BaseUnit.init)?.size ?? 1
        let segmentSize = (segment.flatMap { Double($0.setting) } ?? 16_777_216) * segmentUnit
        let shared = rows["shared_buffers"].flatMap { Double($0.setting) } ?? 16384
        return min(max((shared / 32).rounded(.down), 8), segmentSize / pageSize)
    }
}
