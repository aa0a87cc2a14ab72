// One line of the flight record: something changed at a member.

/// A change, with the time it was complete.
public struct FlightEntry: Sendable, Hashable, Codable {
    public var at: WallTime
    public var member: MemberName
    public var event: Event

    public enum Event: Sendable, Hashable, Codable {
        /// The agent has started, in this version.
        case started(version: String)
        /// A turn that decided something else than the one before.
        case turn(TurnRecord)
        /// An operator's request began a task between two turns; the rules' own tasks stand in their turn.
        case requested(Job)
        case ended(Job, JobOutcome, took: Duration)
        /// The leadership was handed over, or the agent ended.
        case letGo(ShutdownRecord)
        /// What stands against everybody who could lead, while nobody does.
        case nobodyLeads(Standoff)
    }

    public init(at: WallTime, member: MemberName, event: Event) {
        self.at = at
        self.member = member
        self.event = event
    }

    public var turn: TurnRecord? { if case .turn(let turn) = event { turn } else { nil } }
}

// MARK: as a line

extension FlightEntry {
    /// Grows when lines change in a way that older readers can't skip.
    static let format: Int64 = 1

    private static let sumMark = ",\"sum\":\""

    /// One line of JSON without its end, free of secrets, with a checksum as the last field.
    public func line() throws -> String {
        var entry = self
        if case .letGo(var record) = event {
            record.observation = Redaction.observation(record.observation)
            entry.event = .letGo(record)
        }
        if case .turn(var turn) = event {
            turn.observation = Redaction.observation(turn.observation)
            // In ordinary times both are the same, and they are the longest part.
            let isSame = turn.cluster == turn.observation.lastClusterWithLeader
            if isSame { turn.observation.lastClusterWithLeader = nil }
            entry.event = .turn(turn)
            return try entry.sealed(isLeaderSeen: isSame)
        }
        return try entry.sealed(isLeaderSeen: false)
    }

    private func sealed(isLeaderSeen: Bool) throws -> String {
        guard case .object(var object) = Redaction.tree(try JSON(encoding: self)) else { return "" }
        object["format"] = .int(Self.format)
        if isLeaderSeen { object["last_is_current"] = true }
        let text = object.text().dropLast()
        return text + Self.sumMark + Self.sum(text) + "\"}"
    }

    /// Reads a line back. Every single changed byte is noticed.
    public init(line: String) throws(RecordError) {
        guard let mark = line.ranges(of: Self.sumMark).last else {
            throw RecordError("it has no checksum: it is no line of a flight record, or its end is missing")
        }
        let text = line[..<mark.lowerBound]
        guard line[mark.upperBound...] == Self.sum(text) + "\"}" else {
            throw RecordError("its checksum is wrong: it was damaged or changed")
        }
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(text + "}") } catch { throw RecordError(error.description) }
        guard let format = json["format"]?.int, format <= Self.format else {
            throw RecordError("it was written by a newer version, in a format that this one does not know")
        }
        self = try json.decoded(FlightEntry.self)
        if json["last_is_current"] == true, case .turn(var turn) = event {
            turn.observation.lastClusterWithLeader = turn.cluster
            event = .turn(turn)
        }
    }

    /// CRC-32 as in zlib, eight hexadecimal digits.
    private static func sum(_ text: Substring) -> String {
        var remainder = UInt32.max
        for byte in text.utf8 {
            remainder = remainder >> 8 ^ table[Int((remainder ^ UInt32(byte)) & 0xFF)]
        }
        let digits = String(~remainder, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }
}
