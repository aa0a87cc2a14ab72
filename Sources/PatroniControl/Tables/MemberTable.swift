// The members of a cluster as `list` and `topology` show them (CTL-077 to CTL-093).

import PatroniAPI
import PatroniConfiguration
import PatroniCore

/// A pure function from what the store says to what is printed.
struct MemberTable {
    enum Shape: Equatable {
        case list(OutputFormat)
        case topology

        var isForPeople: Bool { self == .list(.pretty) || self == .topology }
    }

    let view: ClusterView
    var isExtended = false
    var shape = Shape.list(.pretty)

    /// Everything, with line breaks.
    func text() -> String {
        let page = ClusterPage(cluster: view.cluster, settings: view.settings)
        let members = shape == .topology ? Topology.sorted(page.rows) : page.rows.map { ($0.name.text, $0) }
        let extra = extraColumns(page.rows)
        let hasPorts = needsPorts(page.rows)
        let table = OutputTable(
            columns: Self.columns + extra,
            rows: members.map { name, row in
                var values = cells(name, row, hasPorts)
                for column in extra { values.append(self.extra(column, row)) }
                return values
            })
        switch shape {
        case .list(let format) where format != .pretty: return table.machineText(format, leavesOutEmpty: true)
        default: return pretty(table) + footer(page)
        }
    }

    // MARK: columns

    private static let columns = [
        "Cluster", "Member", "Host", "Role", "State", "TL", "Receive LSN", "Receive Lag", "Replay LSN", "Replay Lag",
    ]

    /// Shown when asked for or when somebody has something to show (CTL-078).
    private func extraColumns(_ rows: [ClusterPage.Row]) -> [String] {
        let withHost = rows.filter { $0.endpoint != nil }
        let all: [(String, Bool)] = [
            ("Pending restart", withHost.contains { $0.pendingRestart }),
            ("Pending restart reason", withHost.contains { $0.pendingRestartReason?.isEmpty == false }),
            ("Scheduled restart", withHost.contains { $0.scheduledRestart?.isEmpty == false }),
            ("Tags", withHost.contains { !$0.tags.isEmpty }),
        ]
        return all.filter { isExtended || $0.1 }.map(\.0)
    }

    /// Hosts alone tell everything only when all listen on 5432 and nobody shares a host (CTL-084).
    private func needsPorts(_ rows: [ClusterPage.Row]) -> Bool {
        let endpoints = rows.compactMap(\.endpoint)
        return endpoints.contains { $0.port != 5432 } || Set(endpoints.map(\.host)).count < endpoints.count
    }

    private func cells(_ name: String, _ row: ClusterPage.Row, _ hasPorts: Bool) -> [JSON] {
        let host = row.endpoint.map { hasPorts ? "\($0.host):\($0.port)" : $0.host } ?? ""
        return [
            .string(view.scope), .string(name), .string(host), .string(row.role.title), .string(row.state),
            row.timeline.map { .int(Int64($0.rawValue)) } ?? "",
        ] + positions(row)
    }

    /// Received and replayed with their lag. Old members report one position only (CTL-087).
    private func positions(_ row: ClusterPage.Row) -> [JSON] {
        guard let progress = row.progress else { return ["", "", "", ""] }
        var received = progress.received
        var replayed = progress.replayed
        if received == .unknown, replayed == .unknown, progress.current != .unknown {
            if row.state == "streaming" { received = progress.current } else { replayed = progress.current }
        }
        return cells(received) + cells(replayed)
    }

    private func cells(_ distance: ClusterPage.Distance) -> [JSON] {
        switch distance {
        case .unknown: ["unknown", ""]
        case .known(let position, let lag):
            [
                .string(position.description),
                .int(Int64((Double(lag.bytes) / 1_048_576).rounded(.toNearestOrEven))),
            ]
        }
    }

    private func extra(_ column: String, _ row: ClusterPage.Row) -> JSON {
        switch column {
        case "Pending restart": return row.pendingRestart ? "*" : ""
        case "Pending restart reason": return .string(reason(row))
        case "Scheduled restart":
            guard let restart = row.scheduledRestart, let schedule = restart["schedule"] else { return "" }
            let version = restart["postgres_version"].map { " if version < \($0.pythonText)" } ?? ""
            return .string(schedule.pythonText + version)
        default: return tags(row)
        }
    }

    private func reason(_ row: ClusterPage.Row) -> String {
        let lines = (row.pendingRestartReason ?? JSONObject()).pairs.map { name, change in
            let old = change["old_value"]?.pythonText ?? ""
            let new = change["new_value"]?.pythonText ?? ""
            let full = "\(name): \(old)->\(new)"
            return shape.isForPeople && full.count > 50 ? "\(name): [hidden - too long]" : full
        }
        return lines.joined(separator: "\n")
    }

    private func tags(_ row: ClusterPage.Row) -> JSON {
        if row.tags.isEmpty { return "" }
        switch shape {
        case .list(.pretty): return .string(String(YAML.text(.object(row.tags)).dropLast()))
        case .list(.tsv), .topology: return .string(String(YAML.text(.object(row.tags), style: .flow).dropLast()))
        default: return .object(row.tags)
        }
    }

    // MARK: for people

    private func pretty(_ table: OutputTable) -> String {
        var table = table
        table.columns = table.columns.dropFirst().map { $0.hasSuffix(" Lag") ? "Lag" : $0 }
        table.rows = table.rows.map { Array($0.dropFirst()) }
        return table.prettyText(
            title: " Cluster: \(view.scope) (\(identifier)) ", right: ["Receive LSN", "Replay LSN", "Lag", "TL"])
    }

    private var identifier: String {
        switch view.cluster.initialize {
        case .absent: "uninitialized"
        case .inProgress: "initializing"
        case .done(let identifier): identifier.text
        case .invalid(let text): text
        }
    }

    private func footer(_ page: ClusterPage) -> String {
        var lines: [String] = []
        if page.isPaused { lines.append(" Maintenance mode: on") }
        if let plan = page.scheduledSwitchover {
            lines.append(" Switchover scheduled at: \(plan.at.iso8601())")
            for (word, name) in [("from", plan.from), ("to", plan.to)] {
                if let name { lines.append(String(repeating: " ", count: 24 - word.count) + "\(word): \(name)") }
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}

extension ClusterPage.Role {
    /// `sync_standby` as `Sync Standby`.
    fileprivate var title: String {
        rawValue.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    }
}

/// Who replicates from whom (CTL-092).
enum Topology {
    /// The leader first, everybody under the member it replicates from, with names that draw the tree. Members that
    /// replicate in a circle are not shown.
    static func sorted(_ rows: [ClusterPage.Row]) -> [(String, ClusterPage.Row)] {
        let leader = rows.first { $0.isLeading }
        let replicas = rows.filter { !$0.isLeading }
        let names = Set(replicas.map(\.name.text))
        var children: [String: [ClusterPage.Row]] = [:]
        for row in replicas {
            let wanted = row.tags["replicatefrom"]?.string ?? ""
            let parent = names.contains(wanted) && wanted != row.name.text ? wanted : leader?.name.text ?? ""
            children[parent, default: []].append(row)
        }
        var result: [(String, ClusterPage.Row)] = []
        func add(below parent: String, level: Int) {
            for row in children[parent] ?? [] {
                result.append((String(repeating: "  ", count: level) + "+ " + row.name.text, row))
                add(below: row.name.text, level: level + 1)
            }
        }
        if let leader { result.append((leader.name.text, leader)) }
        add(below: leader?.name.text ?? "", level: 0)
        return result
    }
}

extension ClusterPage.Row {
    fileprivate var isLeading: Bool { role == .leader || role == .standbyLeader }
}
