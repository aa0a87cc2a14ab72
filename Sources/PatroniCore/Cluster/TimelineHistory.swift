// Where every timeline of the cluster ended, and who led the next one: `history`.

/// Rows of the history key, oldest first (DCS-040).
public struct TimelineHistory: Sendable, Hashable, Codable {
    public struct Row: Sendable, Hashable, Codable {
        /// The timeline that ended.
        public var timeline: Timeline
        /// Where it ended.
        public var switchpoint: LSN
        public var reason: String
        /// ISO time of the promotion, as written.
        public var time: String?
        public var newLeader: MemberName?

        public init(
            timeline: Timeline, switchpoint: LSN, reason: String, time: String? = nil, newLeader: MemberName? = nil
        ) {
            self.timeline = timeline
            self.switchpoint = switchpoint
            self.reason = reason
            self.time = time
            self.newLeader = newLeader
        }
    }

    public var rows: [Row]

    public init(rows: [Row]) { self.rows = rows }

    /// The timeline the cluster is on now (DCS-041).
    public var current: Timeline { rows.last.map(\.timeline.next) ?? Timeline(1) }

    public var json: JSON {
        .array(
            rows.map { row in
                var out: [JSON] = [
                    .int(Int64(row.timeline.rawValue)), .int(row.switchpoint.number), .string(row.reason),
                ]
                if let time = row.time {
                    out.append(.string(time))
                    if let leader = row.newLeader { out.append(.string(leader.text)) }
                }
                return .array(out)
            })
    }

    /// Nil when the text is not an array; rows that can't be read are left out. Older rows have three or four columns (HA-418).
    public init?(stored text: String) {
        guard let parsed = try? JSON.parse(text), let array = parsed.array else { return nil }
        rows = array.compactMap { entry in
            guard let columns = entry.array, columns.count >= 3,
                let timeline = columns[0].int.flatMap(Timeline.init(number:)),
                let switchpoint = columns[1].int.flatMap(LSN.init(number:)), let reason = columns[2].string
            else { return nil }
            return Row(
                timeline: timeline, switchpoint: switchpoint, reason: reason,
                time: columns.count > 3 ? columns[3].string : nil,
                newLeader: columns.count > 4 ? columns[4].string.map { MemberName($0) } : nil)
        }
    }

    /// Reads PostgreSQL's own `<timeline>.history` file: columns timeline, switchpoint, reason.
    public init(historyFile text: String) {
        rows = text.split(separator: "\n").compactMap { line in
            let columns = line.split(separator: "\t", maxSplits: 2)
            guard columns.count >= 2, let timeline = UInt32(columns[0]), let switchpoint = LSN(columns[1]) else {
                return nil
            }
            return Row(
                timeline: Timeline(timeline), switchpoint: switchpoint,
                reason: columns.count > 2 ? String(columns[2]) : "")
        }
    }
}
