// The leader's regular report: `status`.

/// How far the leader has written, and where its replication slots stand (DCS-033).
public struct ClusterStatus: Sendable, Hashable, Codable {
    public var position: LSN?
    public var slots: [String: LSN]?
    public var retainedSlots: [String]?

    public init(position: LSN? = nil, slots: [String: LSN]? = nil, retainedSlots: [String]? = nil) {
        self.position = position
        self.slots = slots
        self.retainedSlots = retainedSlots
    }

    public var json: JSONObject {
        var out = JSONObject()
        out["optime"] = position.map { .int($0.number) }
        if let slots {
            out["slots"] = .object(JSONObject(slots.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value.number)) }))
        }
        out["retain_slots"] = retainedSlots.map { .array($0.sorted().map(JSON.string)) }
        return out
    }

    /// Reads `status`, or the bare number of `optime/leader`; malformed text is an empty status (DCS-034).
    public init(stored text: String) {
        self.init()
        guard let parsed = try? JSON.parse(text) else { return }
        if let number = parsed.int {
            position = LSN(number: number)
            return
        }
        position = parsed["optime"]?.int.flatMap(LSN.init(number:))
        if let object = Self.embedded(parsed["slots"])?.object {
            slots = Dictionary(
                object.pairs.compactMap { pair in pair.value.int.flatMap(LSN.init(number:)).map { (pair.key, $0) } },
                uniquingKeysWith: { $1 })
        }
        retainedSlots = Self.embedded(parsed["retain_slots"])?.array?.compactMap(\.string)
    }

    private static func embedded(_ value: JSON?) -> JSON? {
        if case .string(let text)? = value { try? JSON.parse(text) } else { value }
    }
}
